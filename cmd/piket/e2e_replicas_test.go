//go:build e2e

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// takeover is how soon another replica carries on with a dead one's work.
const takeover = 10 * time.Second

// Three replicas of the installed daemon on one PostgreSQL, one lab. The stories
// follow each other; in the end the lab's wire log is held against the record.
func TestThreeReplicasAct(t *testing.T) {
	f := newTrio(t, 1, bedsRacks, "a", "b", "c")
	f.stories(t, []story{
		{"a yes through any replica leads to one power cycle", f.oneCycle},
		{"a freeze through one stops all within a second, and a thaw through another ends it", f.freezeAll},
		{"the owner is killed while a person is asked", func(t *testing.T) { f.killedAt(t, "web-02", "approval_requested") }},
		{"the owner is killed when it has claimed the send", func(t *testing.T) { f.killedAt(t, "mail-01", "claimed") }},
	})
}

// The same, with what takes longer: more moments to die at, one that stands
// still, and a database that is cut off or killed.
func TestThreeReplicasSurvive(t *testing.T) {
	t.Parallel() // most of it is waiting
	f := newTrio(t, 1, bedsRacks, "a", "b", "c")
	f.stories(t, []story{
		{"the owner is killed when the yes comes", func(t *testing.T) { f.killedAt(t, "db-02", "approved") }},
		{"the owner is killed when it knows the outcome", func(t *testing.T) { f.killedAt(t, "more-001a", "outcome") }},
		{"the owner stands still between claim and send, and wakes up a minute later", f.zombie},
		{"a replica that cannot reach the database neither acts nor holds up the others", f.blockedReplica},
		{"PostgreSQL is killed, and all come back", f.databaseKilled},
	})
}

// story is one thing that happens to the replicas.
type story struct {
	promise string
	tell    func(*testing.T)
}

func (f *trio) stories(t *testing.T, list []story) {
	for _, p := range f.replicas {
		f.run(p)
	}
	f.allUp(t)
	for _, story := range list {
		if !t.Run(story.promise, story.tell) {
			f.logs(t)
			return
		}
	}
	f.end(t)
}

func (f *trio) allUp(t *testing.T) {
	t.Helper()
	for _, p := range f.replicas {
		until(t, p.name+" is ready", func() bool { return f.up(p) })
	}
}

func (f *trio) logs(t *testing.T) {
	for _, p := range f.replicas {
		text := read(t, f.dir+"/"+p.name+".log")
		t.Logf("end of %s's log:\n%s", p.name, text[max(0, len(text)-3000):])
	}
}

// fall breaks a server and waits for its one incident.
func (f *trio) fall(t *testing.T, server string, faults ...lab.Fault) (id string) {
	t.Helper()
	f.ledger.mu.Lock()
	if f.ledger.everSick == nil {
		f.ledger.everSick, f.ledger.attempted, f.ledger.granted = map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	f.ledger.everSick[server] = true
	f.ledger.mu.Unlock()
	for _, fault := range faults {
		if err := f.lab.Break(server, fault); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "an incident for "+server+" is open", func() bool {
		list, err := f.timeline.List(t.Context(), store.Filter{Ongoing: true, About: []incident.Subject{{Kind: "server", Name: server}}})
		if len(list) > 0 {
			id = list[0].ID
		}
		return err == nil && len(list) == 1
	})
	return id
}

// seenOf waits until an event of a kind stands on the timeline, which it looks
// at much more often than people do.
func (f *trio) seenOf(t *testing.T, id string, kind incident.Kind) []incident.Event {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); pause() {
		events, err := f.timeline.Events(t.Context(), id, 0)
		if err == nil && howMany(events, kind) > 0 {
			return events
		}
	}
	t.Fatalf("%s: no %s within %v", id, kind, patience)
	return nil
}

func howMany(events []incident.Event, kind incident.Kind) (n int) {
	for _, e := range events {
		if e.Payload.Kind() == kind {
			n++
		}
	}
	return n
}

// near asks one replica and no other.
func (f *trio) near(p *peer) *ward { return &ward{url: "http://" + p.address, tokens: f.tokens} }

// agree says yes through a replica, as soon as a question is asked.
func (f *trio) agree(t *testing.T, id string, through *peer) {
	t.Helper()
	if err := <-f.agreeing(t.Context(), id, through); err != nil {
		t.Fatal(err)
	}
}

// agreeing does so while the test goes on, and says how it ended. It gives up
// with ctx.
func (f *trio) agreeing(ctx context.Context, id string, through *peer) <-chan error {
	ended := make(chan error, 1)
	go func() {
		said := "no question is asked"
		if !eventually(2*patience, func() bool {
			events, err := f.timeline.Events(ctx, id, 0)
			if err != nil || howMany(events, "approval_requested") == 0 {
				return ctx.Err() != nil
			}
			inc, err := f.timeline.Load(ctx, id)
			if err != nil || inc.Approval == nil {
				return err == nil && (inc.Action != nil || inc.Status != incident.Open) // it has been used already
			}
			a := inc.Approval
			f.ledger.note(f.ledger.attempted, a.Approval)
			status, body := f.near(through).ask(http.MethodPost, "/api/incidents/"+id+"/approve", "noor", map[string]string{"approval": a.Approval, "plan_hash": a.PlanHash}, nil)
			if status != http.StatusOK {
				said = fmt.Sprintf("%d: %s", status, body)
				return false
			}
			f.ledger.note(f.ledger.granted, a.Approval)
			return true
		}) {
			ended <- fmt.Errorf("%s: a yes through %s is not taken within %v: %s", id, through.name, 2*patience, said)
		}
		close(ended)
	}()
	return ended
}

// other is a replica that lives and does not have the incident.
func (f *trio) other(t *testing.T, id string) (owner, other *peer) {
	t.Helper()
	until(t, "somebody has "+id, func() bool { owner, _ = f.owner(id); return owner != nil })
	for _, p := range f.replicas {
		if p != owner && p.serves() {
			return owner, p
		}
	}
	t.Fatal("nobody else lives")
	return nil, nil
}

func (f *trio) back(t *testing.T, id string) *incident.Incident {
	t.Helper()
	var inc *incident.Incident
	until(t, id+": service is back", func() bool {
		var err error
		inc, err = f.timeline.Load(t.Context(), id)
		return err == nil && inc.Status != incident.Open
	})
	return inc
}

// cycles fails unless the server was told exactly so many power commands.
func (f *trio) cycles(t *testing.T, server string, want int) {
	t.Helper()
	var told []string
	for _, e := range f.lab.WireLog() {
		if e.Power && e.Server == server {
			told = append(told, e.What)
		}
	}
	if len(told) != want {
		t.Errorf("%s was told %q, not %d commands", server, told, want)
	}
}

func (f *trio) oneCycle(t *testing.T) {
	id := f.fall(t, "web-01", lab.Hung)
	owner, other := f.other(t, id)
	t.Logf("%s has %s, the yes comes through %s", owner.name, id, other.name)
	f.agree(t, id, other)
	f.back(t, id)
	f.cycles(t, "web-01", 1)
	pages := 0
	for _, m := range f.lab.Mails() {
		if strings.Contains(m.Header.Get("Subject"), id) && strings.Contains(m.Header.Get("Subject"), "P1") && strings.Contains(strings.Join(m.To, ","), "noor") {
			pages++
			t.Logf("page: %s", m.Header.Get("Subject"))
		}
	}
	if pages > 2 { // the incident, and the question
		t.Errorf("people were paged %d times by three that saw the same", pages)
	}
}

func (f *trio) freezeAll(t *testing.T) {
	a, b, c := f.near(f.replicas[0]), f.near(f.replicas[1]), f.near(f.replicas[2])
	var now struct {
		Frozen bool
		Why    string
	}
	frozen := func(want bool) bool {
		for _, w := range []*ward{a, b, c} {
			if status, _ := w.ask(http.MethodGet, "/api/freeze", "noor", nil, &now); status != http.StatusOK || now.Frozen != want {
				return false
			}
		}
		return true
	}
	began := time.Now()
	if status, said := a.ask(http.MethodPost, "/api/freeze", "noor", map[string]string{"reason": "drill"}, nil); status != http.StatusOK {
		t.Fatal(said)
	}
	until(t, "all are frozen", func() bool { return frozen(true) })
	t.Logf("all were frozen after %v", time.Since(began).Round(time.Millisecond))
	began = time.Now()
	if status, said := b.ask(http.MethodDelete, "/api/freeze", "noor", map[string]string{"reason": now.Why}, nil); status != http.StatusOK {
		t.Fatal(said)
	}
	until(t, "all are thawed", func() bool { return frozen(false) })
	t.Logf("all were thawed after %v", time.Since(began).Round(time.Millisecond))
}

// killedAt kills the owner when an event is on the timeline.
func (f *trio) killedAt(t *testing.T, server string, kind incident.Kind) {
	id := f.fall(t, server, lab.Hung)
	_, other := f.other(t, id)
	var agreed <-chan error // nil when the yes comes later
	if kind != "approval_requested" {
		agreed = f.agreeing(t.Context(), id, other)
	}
	f.seenOf(t, id, kind)
	owner, name := f.owner(id)
	owner.kill()
	f.taken(t, id, name)
	if _, other = f.other(t, id); agreed == nil {
		agreed = f.agreeing(t.Context(), id, other)
	}
	if err := <-agreed; err != nil {
		t.Fatal(err)
	}
	sends := 1
	if kind == "claimed" { // it may have died before it was sent, and then nobody sends it
		f.seenOf(t, id, "outcome")
		sends = f.sentOf(server)
		f.repair(incident.Subject{Kind: "server", Name: server})
	}
	inc := f.back(t, id)
	f.cycles(t, server, sends)
	if sends > 1 {
		t.Errorf("%d sends", sends)
	}
	t.Logf("%s: %s", id, inc.Status)
	f.run(owner)
	f.allUp(t)
}

func (f *trio) sentOf(server string) (n int) {
	for _, e := range f.lab.WireLog() {
		if e.Power && e.Server == server {
			n++
		}
	}
	return n
}

// taken waits until somebody else has an incident.
func (f *trio) taken(t *testing.T, id, from string) {
	t.Helper()
	began := time.Now()
	for {
		if p, name := f.owner(id); p != nil && name != from {
			t.Logf("%s has carried on after %v", p.name, time.Since(began).Round(time.Millisecond))
			if took := time.Since(began); took > takeover {
				t.Errorf("only after %v", took)
			}
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("nobody has carried on within %v", patience)
		}
		pause()
	}
}

func (f *trio) zombie(t *testing.T) {
	const server = "more-002a"
	id := f.fall(t, server, lab.Hung)
	_, other := f.other(t, id)
	agreed := f.agreeing(t.Context(), id, other)
	for end := time.Now().Add(patience); ; {
		events, err := f.timeline.Events(t.Context(), id, 0)
		if err == nil && howMany(events, "claimed") > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is never claimed")
		}
	}
	owner, name := f.owner(id)
	owner.signal(syscall.SIGSTOP)
	if err := <-agreed; err != nil { // it stands on the timeline, and the answer is on its way
		t.Error(err)
	}
	sent := f.sentOf(server)
	stopped := time.Now()
	f.taken(t, id, name)
	inc := f.backOrAsked(t, id, stopped.Add(time.Minute))
	owner.signal(syscall.SIGCONT)
	until(t, owner.name+" is back under a new name", func() bool {
		work, err := f.timeline.Work(t.Context())
		return err == nil && len(work.Replicas) == len(f.replicas) && work.Has(name) == 0
	})
	events := f.seenOf(t, id, "outcome")
	t.Logf("sent %d before the pause, %d in all; status %s", sent, f.sentOf(server), inc.Status)
	if n := f.sentOf(server); n > 1 {
		t.Errorf("%d sends", n)
	}
	if howMany(events, "claimed") > 1 && f.sentOf(server) > 1 {
		t.Errorf("claimed %d times", howMany(events, "claimed"))
	}
	f.repair(incident.Subject{Kind: "server", Name: server})
	f.back(t, id)
	f.allUp(t)
}

// backOrAsked waits until a moment has come, and for the word that nobody knows
// whether it was sent.
func (f *trio) backOrAsked(t *testing.T, id string, moment time.Time) *incident.Incident {
	t.Helper()
	events := f.seenOf(t, id, "outcome")
	unknown := slices.ContainsFunc(events, func(e incident.Event) bool {
		p, ok := e.Payload.(incident.OutcomeRecorded)
		return ok && p.Outcome == incident.OutcomeUnknown
	})
	if !unknown {
		t.Errorf("%s: the outcome is not called unknown", id)
	}
	<-time.After(time.Until(moment))
	inc, err := f.timeline.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return inc
}

func (f *trio) blockedReplica(t *testing.T) {
	const server = "more-003a"
	id := f.fall(t, server, lab.Hung)
	f.seenOf(t, id, "approval_requested")
	owner, name := f.owner(id)
	owner.cable.set("blocked")
	f.taken(t, id, name)
	var other *peer // neither who is cut off nor who has it by now, unless it changes hands once more
	now, _ := f.owner(id)
	for _, p := range f.replicas {
		if p != owner && p != now {
			other = p
		}
	}
	f.agree(t, id, other)
	f.back(t, id)
	f.cycles(t, server, 1)
	owner.cable.set("cut")
	owner.cable.set("")
	f.allUp(t)
}

func (f *trio) databaseKilled(t *testing.T) {
	const server = "more-004a"
	id := f.fall(t, server, lab.Hung)
	f.seenOf(t, id, "approval_requested")
	f.server.Kill(t)
	f.server.Start(t)
	f.allUp(t)
	owner, other := f.other(t, id)
	t.Logf("%s has it", owner.name)
	f.agree(t, id, other)
	f.back(t, id)
	f.cycles(t, server, 1)
}

// end stops all, and holds the wire log against the record.
func (f *trio) end(t *testing.T) {
	for _, p := range f.replicas {
		p.signal(syscall.SIGTERM)
		if !p.victim.dies(endTime) {
			t.Errorf("%s does not stop when it is told to", p.name)
		}
	}
	result := f.judgeSends()
	if result.Doubles+result.Unintended+result.LeftOff > 0 {
		t.Errorf("%+v", result)
	}
	report, err := f.timeline.Verify(context.Background())
	if err != nil || len(report.Faults) > 0 {
		t.Errorf("the record is not whole: %v (%v)", report.Faults, err)
	}
	t.Logf("%d intents, %d sends, %d unknown", result.Intents, result.Sends, result.Unknown)
}

// judgeSends is what the oracle says of the wire.
func (f *trio) judgeSends() findings {
	var result findings
	list, err := f.timeline.List(context.Background(), store.Filter{})
	if err != nil {
		result.fault("%v", err)
	}
	var all []incident.Event
	for _, m := range list {
		events, err := f.timeline.Events(context.Background(), m.ID, 0)
		if err != nil {
			result.fault("%v", err)
		}
		all = append(all, events...)
	}
	f.judgeWire(&result, intentsOf(&result, all, true))
	f.judgeMachines(&result)
	return result
}
