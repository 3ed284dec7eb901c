package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store/storetest"
)

// onEach runs a test on a store of every kind.
func onEach(t *testing.T, test func(*testing.T, *Store)) {
	for name, where := range map[string]func(*testing.T) string{
		"sqlite":   func(t *testing.T) string { return t.TempDir() },
		"postgres": func(t *testing.T) string { return storetest.Shared(t).Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(where(t), clock.Real())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			test(t, s)
		})
	}
}

// busy keeps the writer in a batch until the function that it returns is called.
func busy(t *testing.T, s *Store) (release func()) {
	t.Helper()
	begun, wait, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- s.writer.do(ctx, func(context.Context, *batch) (folded, error) {
			close(begun)
			<-wait
			return folded{}, nil
		})
	}()
	<-begun
	return func() {
		close(wait)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// count is a job that counts up a counter of its own, and then fails with err.
func count(name string, err error) func(context.Context, *batch) (folded, error) {
	return func(ctx context.Context, b *batch) (folded, error) {
		_, failed := b.ExecContext(ctx, `INSERT INTO counters (name, value) VALUES ($1, 1)`, name)
		return folded{}, errors.Join(failed, err)
	}
}

// group has jobs wait together, so that they share a batch, and returns what
// became of each.
func group(t *testing.T, s *Store, jobs ...func(context.Context, *batch) (folded, error)) []error {
	t.Helper()
	release := busy(t, s)
	errs, answers := make([]error, len(jobs)), make([]chan error, len(jobs))
	for n, do := range jobs {
		answers[n] = make(chan error, 1)
		go func() { answers[n] <- s.writer.do(ctx, do) }()
		for len(s.writer.queue) <= n { // it is in the queue before the next one
			runtime.Gosched()
		}
	}
	release()
	for n := range answers {
		errs[n] = <-answers[n]
	}
	return errs
}

func counted(t *testing.T, s *Store) []string {
	t.Helper()
	rows, err := s.read.QueryContext(ctx, `SELECT name FROM counters WHERE name LIKE 'test-%' ORDER BY name`)
	names, err := collect(rows, err, one[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestErrorOfOneCallerIsNobodyElses(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		mine := errors.New("mine")
		errs := group(t, s, count("test-1", nil), count("test-2", mine), count("test-1", nil), count("test-3", nil))
		if errs[0] != nil || !errors.Is(errs[1], mine) || errs[2] == nil || errs[3] != nil {
			t.Errorf("answered were %v", errs)
		}
		if got := counted(t, s); !slices.Equal(got, []string{"test-1", "test-3"}) {
			t.Errorf("stored are %q", got)
		}
	})
}

func TestTransactionThatIsLostIsLostForEverybody(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		lose := func(ctx context.Context, b *batch) (folded, error) { // as a full disk does on SQLite, a restart on PostgreSQL
			_, err := b.w.conn.ExecContext(ctx, "ROLLBACK")
			return folded{}, err
		}
		for n, err := range group(t, s, count("test-1", nil), lose, count("test-2", nil)) {
			if err == nil {
				t.Errorf("caller %d was told that all is well", n)
			}
		}
		if got := counted(t, s); len(got) > 0 {
			t.Errorf("stored are %q", got)
		}
		if err := s.writer.do(ctx, count("test-3", nil)); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

func TestCallerMayLeaveWhileItWaitsAndNothingIsDone(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		release := busy(t, s)
		leaving, cancel := context.WithCancel(ctx)
		answer := make(chan error)
		go func() { answer <- s.writer.do(leaving, count("test-1", nil)) }()
		cancel()
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		release()
		if err := s.writer.do(ctx, count("test-2", nil)); err != nil {
			t.Error(err)
		}
		if got := counted(t, s); !slices.Equal(got, []string{"test-2"}) {
			t.Errorf("stored are %q", got)
		}
	})
}

func TestWhoWaitsWhenTheStoreIsClosedIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		release := busy(t, s)
		answer := make(chan error)
		go func() { answer <- s.writer.do(ctx, count("test-1", nil)) }()
		for len(s.writer.queue) == 0 {
			runtime.Gosched()
		}
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		<-s.writer.closing
		release()
		if err := <-answer; err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}
