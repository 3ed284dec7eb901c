package store

import (
	"context"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store/storetest"
)

func onPostgres(t *testing.T) *Store {
	t.Helper()
	s, err := Open(storetest.Shared(t).Database(t), clock.Real())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A replica that is stopped in the middle of a transaction, or cut off, is
// thrown out: the others go on, and its own commit fails when it wakes up.
func TestReplicaThatStopsInTheMiddleHoldsNobodyUp(t *testing.T) {
	s := onPostgres(t)
	inc, err := s.Create(ctx, opened("web-07"))
	if err != nil {
		t.Fatal(err)
	}
	stopped, err := s.read.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer stopped.Close()
	if err := s.dialect.begin(ctx, stopped); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, inc.ID, 1, big()); err != nil {
		t.Errorf("the other: %v", err)
	}
	if err := s.dialect.commit(ctx, stopped); err == nil {
		t.Error("it was committed when it woke up")
	}
}

// PostgreSQL answers COMMIT without an error when a statement before it has
// failed, and stores nothing.
func TestCommitThatStoresNothingIsAnError(t *testing.T) {
	s := onPostgres(t)
	err := s.writer.do(ctx, func(ctx context.Context, b *batch) (folded, error) {
		_, _ = b.ExecContext(ctx, "SELECT 1/0")
		return folded{}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "commit: the server answered ROLLBACK") {
		t.Errorf("got %v", err)
	}
}

// A pooler may give every transaction another connection, and this one to
// somebody else.
func TestNothingIsLeftBehindOnAConnection(t *testing.T) {
	s := onPostgres(t)
	inc, err := s.Create(ctx, opened("web-07"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, inc.ID, 1, incident.Event{Actor: "piket", Payload: incident.Note{By: "noor", Words: "w"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(ctx, Filter{}); err != nil {
		t.Fatal(err)
	}
	for what, query := range map[string]string{
		"prepared statements": `SELECT count(*) FROM pg_prepared_statements`,
		"locks":               `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'`,
		"settings":            `SELECT count(*) FROM pg_settings WHERE source = 'session'`,
	} {
		var left int
		if err := s.read.QueryRowContext(ctx, query).Scan(&left); err != nil || left > 0 {
			t.Errorf("%d %s (%v)", left, what, err)
		}
	}
}
