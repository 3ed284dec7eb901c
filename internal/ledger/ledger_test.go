package ledger_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/ledger"
)

var now = time.Date(2026, 3, 3, 3, 0, 0, 0, time.UTC)

func touch(intent string, claimed time.Time) *incident.Touch {
	t := &incident.Touch{Incident: "INC-1"}
	t.Intent, t.Server, t.Action.Action, t.Verb, t.ClaimedAt = intent, "web-01", "power", "cycle", claimed
	return t
}

func sent(intent string, ago time.Duration) journal.Record {
	return journal.Record{Kind: ledger.Intent, Intent: intent, What: "power cycle web-01", At: now.Add(-ago)}
}

func TestWhatDiffersBetweenTheBooks(t *testing.T) {
	began := journal.Record{Kind: journal.Began, At: now.Add(-100 * time.Hour)}
	check := journal.Record{Kind: ledger.Checkpoint, At: now.Add(-time.Minute), Generation: "a", Position: 7, Hash: "h7"}
	head := ledger.Head{Generation: "a", Position: 9, Hash: "h9"}
	for name, tt := range map[string]struct {
		records []journal.Record
		db      ledger.Database
		want    string // part of the reason; "" when there is none
	}{
		"both are empty":           {[]journal.Record{began}, ledger.Database{}, ""},
		"the send is in both":      {[]journal.Record{began, sent("A/I1", time.Hour)}, ledger.Database{Touches: []*incident.Touch{touch("A/I1", now.Add(-time.Hour))}}, ""},
		"the send is forgotten":    {[]journal.Record{began, sent("A/I1", time.Hour)}, ledger.Database{}, "A/I1 (power cycle web-01, 3 Mar 02:00 UTC)"},
		"its name is given again":  {[]journal.Record{began, sent("A/I1", time.Hour)}, ledger.Database{Touches: []*incident.Touch{touch("A/I1", now.Add(-time.Minute))}}, "A/I1"},
		"only its plan is left":    {[]journal.Record{began, sent("A/I1", time.Hour)}, ledger.Database{Touches: []*incident.Touch{touch("A/I1", time.Time{})}}, "A/I1"},
		"forgotten long ago":       {[]journal.Record{began, sent("A/I1", 49*time.Hour)}, ledger.Database{}, ""},
		"accepted since":           {[]journal.Record{began, sent("A/I1", time.Hour), {Kind: ledger.Accepted, At: now}}, ledger.Database{}, ""},
		"forgotten after that":     {[]journal.Record{began, {Kind: ledger.Accepted, At: now}, sent("A/I1", time.Hour)}, ledger.Database{}, "A/I1"},
		"many are forgotten":       {[]journal.Record{began, sent("A", 1), sent("B", 1), sent("C", 1), sent("D", 1)}, ledger.Database{}, "and 2 more"},
		"the journal began anew":   {[]journal.Record{{Kind: journal.Began, At: now}}, ledger.Database{Touches: []*incident.Touch{touch("A/I1", now.Add(-time.Hour))}}, "the journal is missing"},
		"another replica sent it":  {[]journal.Record{{Kind: journal.Began, At: now}}, ledger.Database{Host: "other, ", Touches: []*incident.Touch{touch("A/I1", now.Add(-time.Hour))}}, ""},
		"the journal began in May": {[]journal.Record{{Kind: journal.Began, At: now}}, ledger.Database{Touches: []*incident.Touch{touch("A/I1", now.Add(-50*time.Hour))}}, ""},
		"it goes on":               {[]journal.Record{began, check}, ledger.Database{Head: head, HashAt: "h7"}, ""},
		"it was restored":          {[]journal.Record{began, check}, ledger.Database{Head: ledger.Head{Generation: "b", Position: 9, Hash: "h9"}, HashAt: "h7"}, `generation "b"`},
		"it was put back":          {[]journal.Record{began, check}, ledger.Database{Head: ledger.Head{Generation: "a", Position: 6, Hash: "h6"}}, "ends before event 7"},
		"it has another past":      {[]journal.Record{began, check}, ledger.Database{Head: head, HashAt: "x"}, "its past was changed"},
		"the other is accepted":    {[]journal.Record{began, check, {Kind: ledger.Accepted, Generation: "b", Position: 2, Hash: "i2"}}, ledger.Database{Head: ledger.Head{Generation: "b", Position: 3, Hash: "i3"}, HashAt: "i2"}, ""},
	} {
		got := ledger.Compare(tt.records, tt.db, now)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want …%s…", name, got, tt.want)
		}
	}
}

// database is one that may be put back.
type database struct {
	touches []*incident.Touch
	head    ledger.Head
	hashes  map[int64]string
}

func watched(t *testing.T, db *database) (*ledger.Watch, *bool) {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(filepath.Join(dir, "journal"), ledger.Span, now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	differ := new(bool)
	return &ledger.Watch{
		Journal: j, Freeze: freeze.In(dir), Clock: clock.Jumping(now), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Touches: func(context.Context, time.Time) ([]*incident.Touch, error) { return db.touches, nil },
		Head:    func(context.Context) (ledger.Head, error) { return db.head, nil },
		HashAt:  func(_ context.Context, p int64) (string, error) { return db.hashes[p], nil },
		Differ:  func(yes bool) { *differ = yes },
	}, differ
}

// check compares once and reports why everything is stopped.
func check(t *testing.T, w *ledger.Watch) string {
	t.Helper()
	if err := w.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w.Freeze.Why()
}

func TestARestoredDatabaseFreezesUntilAPersonThaws(t *testing.T) {
	db := &database{head: ledger.Head{Generation: "a", Position: 2, Hash: "h2"}, hashes: map[int64]string{2: "h2"}}
	w, differ := watched(t, db)
	if why := check(t, w); why != "" || *differ {
		t.Fatalf("frozen at first: %s", why)
	}
	if err := w.Journal.Append(sent("A/I1", 0)); err != nil {
		t.Fatal(err)
	}
	if why := check(t, w); !strings.Contains(why, "A/I1") || !strings.HasPrefix(why, "frozen by piket") || !*differ {
		t.Fatalf("a forgotten send: %q", why)
	}
	if again := check(t, w); !strings.Contains(again, "A/I1") {
		t.Fatalf("a minute later: %q", again)
	}
	if err := w.Freeze.(freeze.Switch).Thaw(""); err != nil {
		t.Fatal(err)
	}
	if why := check(t, w); why != "" {
		t.Errorf("after the thaw it froze again: %s", why)
	}
	db.head = ledger.Head{Generation: "b", Position: 2, Hash: "h2"}
	if why := check(t, w); !strings.Contains(why, `"b"`) {
		t.Errorf("another generation: %q", why)
	}
	if err := w.Freeze.(freeze.Switch).Thaw(""); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if why := check(t, w); why != "" {
			t.Errorf("the new generation is not accepted: %s", why)
		}
	}
	if *differ {
		t.Error("it still says that the books differ")
	}
}

// Who froze for work on the network thaws when that is done. Of a send that was
// forgotten meanwhile they must hear.
func TestThawingAFreezeOfOnesOwnAcceptsNothingUnseen(t *testing.T) {
	db := &database{head: ledger.Head{Generation: "a", Position: 2, Hash: "h2"}}
	w, _ := watched(t, db)
	if err := w.Freeze.Freeze("noor", "network work"); err != nil {
		t.Fatal(err)
	}
	if err := w.Journal.Append(sent("A/I1", 0)); err != nil {
		t.Fatal(err)
	}
	if why := check(t, w); !strings.Contains(why, "A/I1") {
		t.Errorf("noor does not hear of it: %q", why)
	}
}

// Between two comparisons a database may forget, and then it has the same thing
// planned and claimed again.
func TestNothingIsSentThatTheJournalHasAlready(t *testing.T) {
	db := &database{}
	w, _ := watched(t, db)
	if why := check(t, w); why != "" {
		t.Fatal(why)
	}
	db.touches = []*incident.Touch{touch("A/I1", now)}
	if err := w.Note(t.Context(), sent("A/I1", 0)); err != nil {
		t.Fatalf("the first time: %v", err)
	}
	db.touches = []*incident.Touch{touch("A/I1", now.Add(time.Second))}
	if err := w.Note(t.Context(), sent("A/I1", -time.Second)); !errors.Is(err, ledger.ErrDiffer) || w.Freeze.Why() == "" {
		t.Errorf("the same again: %v, frozen: %q", err, w.Freeze.Why())
	}
	if err := w.Freeze.(freeze.Switch).Thaw(""); err != nil {
		t.Fatal(err)
	}
	if err := w.Note(t.Context(), sent("A/I1", -time.Second)); err != nil {
		t.Errorf("after a person has looked: %v", err)
	}
}

// What another replica sent stands in a journal elsewhere.
func TestNothingIsSentUntilEveryReplicaHasComparedAfterAFailover(t *testing.T) {
	db := &database{head: ledger.Head{Generation: "a", Position: 2, Hash: "h2", Timeline: 4}, hashes: map[int64]string{2: "h2"}}
	w, _ := watched(t, db)
	if err := w.Note(t.Context(), sent("A/I1", 0)); err != nil {
		t.Fatalf("at the start: %v", err)
	}
	db.touches = []*incident.Touch{touch("A/I1", now)}
	db.head.Timeline = 5
	for range 2 {
		if err := w.Note(t.Context(), sent("A/I2", 0)); !errors.Is(err, ledger.ErrSettling) {
			t.Errorf("right after a failover: %v", err)
		}
	}
	w.Clock.Wait(t.Context(), now.Add(ledger.Settle), nil)
	if err := w.Note(t.Context(), sent("A/I2", 0)); err != nil {
		t.Errorf("when all have compared: %v", err)
	}
}

func TestAJournalThatCannotWriteFreezes(t *testing.T) {
	w, differ := watched(t, &database{})
	_ = w.Journal.Close()
	if why := check(t, w); !strings.Contains(why, "broken") || !*differ {
		t.Errorf("got %q", why)
	}
}
