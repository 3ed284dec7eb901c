package store_test

import (
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

func TestLoadedIncidentStaysAsItWas(t *testing.T) { onEach(t, testLoadedIncidentStaysAsItWas) }

func testLoadedIncidentStaysAsItWas(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	first, err := s.Load(ctx, inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	later := add(t, s, inc, event(incident.Acknowledged{By: "noor"}), event(incident.Attention{Topic: "t", Why: "w"}))
	if first.Version != 1 || first.Owner != "" || len(first.Attentions) > 0 || inc.Owner != "" {
		t.Errorf("what was loaded has become %+v", first)
	}
	if again, err := s.Load(ctx, inc.ID); err != nil || again.Owner != "noor" || again.Version != later.Version {
		t.Errorf("loaded again it is %+v (%v)", again, err)
	}
}

func TestWhoOnlyLooksSeesWhatAnotherProcessHasAdded(t *testing.T) {
	onEach(t, testWhoOnlyLooksSeesWhatAnotherProcessHasAdded)
}

func testWhoOnlyLooksSeesWhatAnotherProcessHasAdded(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	look, err := store.OpenReadOnly(where)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	for version := 1; version < 5; version++ {
		if seen, err := look.Load(ctx, inc.ID); err != nil || seen.Version != version {
			t.Errorf("it sees version %d, want %d (%v)", seen.Version, version, err)
		}
		inc = add(t, s, inc, note("one more"))
	}
}

// A restored backup, or a failover that lost commits.
func TestDatabaseThatForgotIsBelievedAndNotTheMemory(t *testing.T) {
	onEach(t, testDatabaseThatForgotIsBelievedAndNotTheMemory)
}

func testDatabaseThatForgotIsBelievedAndNotTheMemory(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	before := add(t, s, inc, note("one"))
	head, err := s.Events(ctx, inc.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, before, event(incident.Acknowledged{By: "noor"}))
	for _, tamper := range []string{`DELETE FROM events WHERE seq = 3`, `UPDATE incidents SET version = 2, head = '` + head[0].Hash + `'`} {
		if _, err := raw(t, where).Exec(tamper); err != nil {
			t.Fatal(err)
		}
	}
	now, err := s.Load(ctx, inc.ID)
	if err != nil || now.Version != 2 || now.Owner != "" {
		t.Errorf("it is remembered as %+v (%v)", now, err)
	}
	add(t, s, now, note("two"))
}

func TestWriterWithoutAStoreSaysSo(t *testing.T) { onEach(t, testWriterWithoutAStoreSaysSo) }

func testWriterWithoutAStoreSaysSo(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	look, err := store.OpenReadOnly(where)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	s.Close()
	for name, closed := range map[string]*store.Store{"read only": look, "closed": s} {
		if _, err := closed.Record(ctx, inc.ID, note("x")); err == nil {
			t.Errorf("%s: it wrote", name)
		}
	}
}
