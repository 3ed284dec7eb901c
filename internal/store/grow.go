package store

import (
	"context"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// growth is what a transaction adds to one timeline.
type growth struct {
	id     string
	old    folded
	drafts []line // what is added, encoded
	next   folded // what that adds up to
}

// nothing is what a timeline begins with.
func nothing() folded { return folded{inc: incident.Fold(nil)} }

// line is an event and its payload as it is stored.
type line struct {
	incident.Event
	data []byte
}

// encode writes payloads as they are stored. The payload becomes what will be
// read back: what is known of an incident is the same before and after a
// restart, and shares nothing with whoever appended. It is done before the
// writer's turn, so that the others need not wait for it.
func encode(events []incident.Event) ([]line, error) {
	lines := make([]line, len(events))
	for n, e := range events {
		kind := e.Payload.Kind()
		data, err := incident.Encode(e.Payload)
		if err != nil {
			return nil, err
		}
		// What cannot be read back would lock its whole incident for good.
		if e.Payload, err = incident.Decode(kind, data); err != nil {
			return nil, err
		}
		e.Actor = plain(e.Actor)
		lines[n] = line{e, data}
	}
	return lines, nil
}

// extend stores what one timeline grows by, and returns what it adds up to.
func (s *Store) extend(ctx context.Context, b *batch, g *growth) (folded, error) {
	err := s.grow(ctx, b, []*growth{g})
	return g.next, err
}

// grow seals events and stores them at the ends of their timelines, all or none.
func (s *Store) grow(ctx context.Context, b *batch, list []*growth) error {
	now := s.clk.Now()
	var lines []line
	for _, g := range list {
		if err := g.seal(ctx, b, now); err != nil {
			return fmt.Errorf("append to %s: %w", g.id, err)
		}
		lines = append(lines, g.drafts...)
	}
	if err := s.insert(ctx, b, lines); err != nil {
		return fmt.Errorf("append to %s: %w", list[0].id, err)
	}
	if err := s.sight(ctx, b, lines); err != nil {
		return fmt.Errorf("append to %s: %w", list[0].id, err)
	}
	return s.project(ctx, b, list, now)
}

// seal links what is added to what is there, and adds it up.
func (g *growth) seal(ctx context.Context, b *batch, now time.Time) error {
	g.next = folded{g.old.inc.Clone(), g.old.head}
	for n, l := range g.drafts {
		l.Incident, l.Seq, l.Recorded = g.id, g.next.inc.Version+1, now
		if l.At.IsZero() {
			l.At = now
		}
		l.Event = l.SealEncoded(g.next.head, l.data)
		g.drafts[n] = l
		g.next.inc.Apply(l.Event)
		g.next.head = l.Hash
		if concernsAction(l.Payload) { // the next intent takes the place of this one
			if err := touch(ctx, b, g.next.inc); err != nil {
				return err
			}
		}
	}
	return nil
}

// actionKinds are the events that can change what is known of an action.
var actionKinds = kindsOf(incident.Intended{}, incident.Claimed{}, incident.Voided{}, incident.OutcomeRecorded{}, incident.Graded{},
	incident.StepFailed{}, incident.Restored{}, incident.Relapsed{}, incident.Merged{})

func kindsOf(list ...incident.Payload) map[string]bool {
	kinds := map[string]bool{}
	for _, p := range list {
		kinds[string(p.Kind())] = true
	}
	return kinds
}

// concernsAction reports whether an event can change what is known of an action.
func concernsAction(p incident.Payload) bool { return actionKinds[string(p.Kind())] }
