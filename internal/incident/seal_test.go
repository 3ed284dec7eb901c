package incident_test

import (
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

func sealed(t *testing.T, e incident.Event, prev string) incident.Event {
	t.Helper()
	s, err := e.Seal(prev)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDigestChangesWithEverythingThatAnEventSays(t *testing.T) {
	whole := incident.Event{
		Incident: "INC-2026-0001", Seq: 3, At: start, Recorded: start.Add(time.Second), Actor: "piket",
		Payload: incident.Note{By: "noor", Words: "w"}, Prev: "p",
	}
	data := []byte(`{"by":"noor","words":"w"}`)
	seen := map[string]string{incident.Digest(whole, data): "nothing"}
	for what, change := range map[string]func(e *incident.Event, data *[]byte){
		"incident":  func(e *incident.Event, _ *[]byte) { e.Incident = "INC-2026-0002" },
		"seq":       func(e *incident.Event, _ *[]byte) { e.Seq = 4 },
		"at":        func(e *incident.Event, _ *[]byte) { e.At = e.At.Add(time.Microsecond) },
		"recorded":  func(e *incident.Event, _ *[]byte) { e.Recorded = e.Recorded.Add(time.Microsecond) },
		"actor":     func(e *incident.Event, _ *[]byte) { e.Actor = "probe" },
		"kind":      func(e *incident.Event, _ *[]byte) { e.Payload = incident.Closed{} },
		"payload":   func(_ *incident.Event, data *[]byte) { *data = []byte(`{"by":"noor","words":"v"}`) },
		"prev":      func(e *incident.Event, _ *[]byte) { e.Prev = "q" },
		"a border":  func(e *incident.Event, _ *[]byte) { e.Prev, e.Incident = "pI", "NC-2026-0001" },
		"spaces":    func(_ *incident.Event, data *[]byte) { *data = []byte(`{"by": "noor","words":"w"}`) },
		"its order": func(e *incident.Event, _ *[]byte) { e.At, e.Recorded = e.Recorded, e.At },
	} {
		e, d := whole, data
		change(&e, &d)
		sum := incident.Digest(e, d)
		if other, taken := seen[sum]; taken {
			t.Errorf("changing %s gives the same digest as changing %s", what, other)
		}
		seen[sum] = what
	}
}

func TestSealKeepsWhatEveryDatabaseCanGiveBack(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	e := incident.Event{
		Incident: "INC-2026-0001", Seq: 1, Actor: "piket", Payload: incident.Closed{By: "noor"},
		At: time.Date(2026, 1, 5, 4, 0, 0, 123456789, zone), Recorded: time.Date(2026, 1, 5, 4, 0, 1, 999999999, zone),
	}
	first := sealed(t, e, "before")
	if want := time.Date(2026, 1, 5, 3, 0, 0, 123456000, time.UTC); first.At != want {
		t.Errorf("at is %v, want %v", first.At, want)
	}
	if first.Prev != "before" || first.Hash == "" {
		t.Errorf("not linked: %+v", first)
	}
	again := sealed(t, first, "before")
	if again != first {
		t.Errorf("sealing what is sealed changes it:\n%+v\n%+v", first, again)
	}
	stored := first
	stored.At, stored.Recorded = time.UnixMicro(first.At.UnixMicro()), time.UnixMicro(first.Recorded.UnixMicro())
	if sealed(t, stored, "before").Hash != first.Hash {
		t.Error("the hash is another one after storage")
	}
}
