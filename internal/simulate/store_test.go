package simulate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// The same operations on the model and on the real store give the same answers:
// what holds in a simulated world holds for the store that ships.
func TestModelAnswersAsTheStoreDoes(t *testing.T) {
	for seed := range uint64(4) {
		clk := clock.Jumping(start)
		real, err := store.Open(t.TempDir(), clk)
		if err != nil {
			t.Fatal(err)
		}
		p := &pair{t: t, real: real, model: newModel(), clk: clk, rng: rand.New(rand.NewPCG(seed, 1))}
		for range 150 {
			p.step()
		}
		if err := real.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type pair struct {
	t     *testing.T
	real  *store.Store
	model *model
	clk   *clock.Clock
	rng   *rand.Rand
}

func (p *pair) server() string { return fmt.Sprintf("server-%d", p.rng.IntN(4)) }

// payload draws one of the events that the contract is about.
func (p *pair) payload(inc *incident.Incident) incident.Payload {
	intent, step := fmt.Sprintf("%s/I%d", inc.ID, inc.Version+1), fmt.Sprint("step-", p.rng.IntN(2))
	if inc.Action != nil && p.rng.IntN(5) > 0 {
		intent = inc.Action.Intent
	}
	return []incident.Payload{
		incident.Intended{Intent: intent, Step: step, Server: p.server(), Action: "power", Verb: "cycle", Runbook: "book", Class: "model"},
		incident.Claimed{Intent: intent, Owner: "test"},
		incident.OutcomeRecorded{Intent: intent, Outcome: incident.OutcomeDone},
		incident.Voided{Intent: intent, Reason: "test"},
		incident.StepFailed{Step: step, Reason: "test"},
		incident.Restored{How: "test", Step: step},
		incident.Relapsed{Reason: "test"},
		incident.Closed{By: "noor"},
		incident.AlertReceived{Alert: alerts.Alert{Source: "probe", Status: alerts.Firing, Fingerprint: p.server(), StartsAt: start}},
	}[p.rng.IntN(9)]
}

func (p *pair) step() {
	ctx := context.Background()
	<-p.clk.Go(func() { p.clk.Wait(ctx, p.clk.Now().Add(time.Duration(1+p.rng.IntN(600))*time.Second), nil) })
	ids := append([]string{"INC-2026-9999"}, p.model.order...)
	id := ids[p.rng.IntN(len(ids))]
	inc := incident.Fold(nil)
	if k := p.model.incidents[id]; k != nil {
		inc = k.inc
	}
	payload, version, refuse := p.payload(inc), inc.Version-p.rng.IntN(5)/4, p.rng.IntN(4) == 0
	since := p.clk.Now().Add(-time.Hour)
	check := func(seen *[]*incident.Touch) func([]*incident.Touch) error {
		return func(list []*incident.Touch) error {
			*seen = list
			if refuse {
				return errAway
			}
			return nil
		}
	}
	var a, b *incident.Incident
	var errA, errB error
	var seenA, seenB []*incident.Touch
	switch p.rng.IntN(5) {
	case 0:
		opened := incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: p.server()}, Site: "site-1"}
		a, errA = p.real.Create(ctx, event(opened)...)
		b, errB = p.model.create(p.clk.Now(), event(opened))
	case 1:
		a, errA = p.real.Append(ctx, id, version, event(payload)...)
		b, errB = p.model.append(id, version, p.clk.Now(), nil, time.Time{}, event(payload))
	case 2:
		a, errA = p.real.AppendIf(ctx, id, version, check(&seenA), since, event(payload)...)
		b, errB = p.model.append(id, version, p.clk.Now(), check(&seenB), since, event(payload))
	case 4:
		p.together(ctx, id, version)
	case 3:
		a, errA = p.real.Record(ctx, id, event(payload)...)
		b, errB = p.model.record(id, p.clk.Now(), event(payload))
	}
	p.agree(errA, errB)
	p.same("an incident", a, b)
	p.same("what a check sees", len(seenA), len(seenB))
	p.compare(ctx, since)
}

// together makes several changes at once: one that is stale, as often as not,
// and two about one server, of which one at most can be opened.
func (p *pair) together(ctx context.Context, id string, version int) {
	p.t.Helper()
	server := p.server()
	changes := func() []store.Change {
		opened := incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: server}, Site: "site-1"}
		return []store.Change{
			{ID: id, Version: version, Events: event(incident.Note{By: "noor", Words: "x"})},
			{Events: event(opened)}, {Events: event(opened)},
			{ID: "INC-1999-0001", Version: 1, Events: event(incident.Note{By: "noor", Words: "x"})},
		}
	}
	errs := p.real.Extend(ctx, changes()...)
	for n, c := range changes() {
		_, err := p.model.change(c, p.clk.Now())
		p.agree(errs[n], err)
	}
}

func event(payload incident.Payload) []incident.Event {
	return []incident.Event{{Actor: incident.Piket, Payload: payload}}
}

// agree holds what the store refused against what the model did.
func (p *pair) agree(real, model error) {
	p.t.Helper()
	for _, kind := range []error{store.ErrConflict, store.ErrTaken, store.ErrServerHeld, store.ErrNotFound, errAway} {
		if errors.Is(real, kind) != errors.Is(model, kind) {
			p.t.Fatalf("the store says %v, the model %v", real, model)
		}
	}
	if (real == nil) != (model == nil) {
		p.t.Fatalf("the store says %v, the model %v", real, model)
	}
}

func (p *pair) same(what string, a, b any) {
	p.t.Helper()
	if !reflect.DeepEqual(a, b) {
		p.t.Fatalf("%s: the store has\n%+v\nthe model\n%+v", what, a, b)
	}
}

// printed is a list of actions to compare: none is the same as an empty list.
func printed(list []*incident.Touch) string {
	var text strings.Builder
	for _, t := range list {
		fmt.Fprintf(&text, "%+v\n", *t)
	}
	return text.String()
}

// compare holds every question against both.
func (p *pair) compare(ctx context.Context, since time.Time) {
	p.t.Helper()
	touches, err := p.real.Touches(ctx, since)
	if err != nil {
		p.t.Fatal(err)
	}
	p.same("touches", touches, p.model.touched(since))
	results, err := p.real.Results(ctx, "book", "step-0", "model", 5)
	if err != nil {
		p.t.Fatal(err)
	}
	p.same("results", printed(results), printed(p.model.results("book", "step-0", "model", 5)))
	fallen, err := p.real.Fallen(ctx, "site-1", since, p.clk.Now(), 3)
	if err != nil {
		p.t.Fatal(err)
	}
	p.same("fallen", fallen, p.model.fallen("site-1", since, p.clk.Now(), 3))
	for n := range 4 {
		name := fmt.Sprintf("server-%d", n)
		open, err := p.real.OpenFor(ctx, incident.Subject{Kind: "server", Name: name})
		if err != nil {
			p.t.Fatal(err)
		}
		p.same("what is open", open, p.model.open["server:"+name])
		a := alerts.Alert{Source: "probe", Fingerprint: name, StartsAt: start}
		episode, err := p.real.Episode(ctx, a.Episode())
		if err != nil {
			p.t.Fatal(err)
		}
		p.same("an episode", episode, p.model.episode(a.Episode()))
	}
}
