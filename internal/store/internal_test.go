package store

import (
	"context"
	"database/sql"
	"testing"

	"github.com/spinware/piket/internal/clock"
)

// With synchronous=NORMAL a power cut can forget a committed intent whose
// power command was sent.
func TestWritesAreOnDiskWhenCommitted(t *testing.T) {
	s, err := Open(t.TempDir(), clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "busy_timeout": "5000", "wal_autocheckpoint": "0"} {
		if got, err := pragma(s, name); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
	if _, err := s.read.Exec("DELETE FROM events"); err == nil {
		t.Error("the reading connections can write")
	}
}

// pragma runs a PRAGMA on the writing connection and returns what it answers.
func pragma(s *Store, text string) (answer string, err error) {
	var rows *sql.Rows
	err = s.writer.do(ctx, func(ctx context.Context, b *batch) (folded, error) {
		if rows, err = b.w.conn.QueryContext(ctx, "PRAGMA "+text); err != nil {
			return folded{}, err
		}
		answers, err := collect(rows, err, one[string])
		if len(answers) > 0 {
			answer = answers[0]
		}
		return folded{}, err
	})
	return answer, err
}
