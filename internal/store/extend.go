package store

import (
	"context"
	"fmt"

	"github.com/spinware/piket/internal/incident"
)

// Change is what is to become of one incident: events at the end of its
// timeline while that stands at a version, or, without an ID, an incident that
// they open.
type Change struct {
	ID      string
	Version int
	Events  []incident.Event
}

// Extend makes changes of different incidents in one transaction, and returns
// for each, in their order, what [Store.Append] or [Store.Create] would have
// returned: those that are refused with ErrConflict, ErrTaken, ErrLapsed or
// ErrNotFound leave the others be. Whatever else goes wrong is told of all that
// were not refused, and none of them is stored, as far as anybody knows.
// ErrServerHeld is such an error: intents belong to Append.
func (s *Store) Extend(ctx context.Context, changes ...Change) []error {
	e := &extension{s: s, replica: ReplicaOf(ctx), changes: changes, drafts: make([][]line, len(changes)), errs: make([]error, len(changes))}
	e.encode()
	var err error
	if s.outdated.Load() {
		err = ErrOutdated
	} else {
		err = s.writer.doAll(ctx, e.do)
	}
	if err != nil {
		for n := range e.errs {
			if e.errs[n] == nil {
				e.errs[n] = err
			}
		}
	}
	return e.errs
}

// extension is one call of Extend on its way.
type extension struct {
	s       *Store
	replica string
	changes []Change
	drafts  [][]line
	errs    []error // of each change
}

// encode refuses what can never be stored.
func (e *extension) encode() {
	for n, c := range e.changes {
		var err error
		if c.ID == "" {
			_, err = subjectOf(c.Events)
		}
		if err == nil {
			e.drafts[n], err = encode(c.Events)
		}
		e.errs[n] = err
	}
}

// do is the writer's part. What is asked of the database is asked once for all.
func (e *extension) do(ctx context.Context, b *batch) ([]folded, error) {
	list, err := e.longer(ctx, b)
	if err != nil {
		return nil, err
	}
	created, err := e.created(ctx, b)
	if err != nil {
		return nil, err
	}
	if list = append(list, created...); len(list) == 0 {
		return nil, nil
	}
	if err := e.s.grow(ctx, b, list); err != nil {
		return nil, err
	}
	made := make([]folded, len(list))
	for n, g := range list {
		made[n] = g.next
	}
	return made, nil
}

// longer is what is added to incidents that stand where they should.
func (e *extension) longer(ctx context.Context, b *batch) (list []*growth, err error) {
	var ids []string
	for n, c := range e.changes {
		if c.ID != "" && e.errs[n] == nil && b.folded[c.ID].inc == nil {
			ids = append(ids, c.ID)
		}
	}
	there, err := e.s.loadAll(ctx, b, ids)
	if err != nil {
		return nil, err
	}
	for n, c := range e.changes {
		if c.ID == "" || e.errs[n] != nil {
			continue
		}
		old, known := b.folded[c.ID]
		if !known {
			old, known = there[c.ID]
		}
		if !known {
			e.errs[n] = fmt.Errorf("%s: %w", c.ID, ErrNotFound)
		} else {
			e.errs[n] = old.standsAt(c.Version)
		}
		if e.errs[n] == nil {
			e.errs[n] = e.s.entitled(ctx, b, e.replica, c.ID)
		}
		if e.errs[n] == nil {
			list = append(list, &growth{id: c.ID, old: old, drafts: e.drafts[n]})
		}
	}
	return list, nil
}

// created is what opens incidents about what none is open for.
func (e *extension) created(ctx context.Context, b *batch) (list []*growth, err error) {
	var about []incident.Subject
	for n, c := range e.changes {
		if c.ID == "" && e.errs[n] == nil {
			subject, _ := subjectOf(c.Events) // encode has looked
			about = append(about, subject)
		}
	}
	if len(about) == 0 {
		return nil, nil
	}
	taken, err := e.s.taken(ctx, b, about)
	if err != nil {
		return nil, err
	}
	for n, c := range e.changes {
		if c.ID != "" || e.errs[n] != nil {
			continue
		}
		subject := plain(about[0].String())
		about = about[1:]
		if taken[subject] {
			e.errs[n] = ErrTaken
			continue
		}
		taken[subject] = true
		list = append(list, &growth{old: nothing(), drafts: e.drafts[n]})
	}
	if len(list) == 0 {
		return nil, nil
	}
	id, err := e.s.number(ctx, b, len(list))
	if err != nil {
		return nil, err
	}
	for n, g := range list {
		g.id = id(n)
	}
	return list, nil
}
