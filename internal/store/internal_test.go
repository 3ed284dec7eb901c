package store

import (
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
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "busy_timeout": "5000"} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	if _, err := s.read.Exec("DELETE FROM events"); err == nil {
		t.Error("the reading connections can write")
	}
}
