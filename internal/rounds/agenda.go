package rounds

import (
	"container/heap"
	"time"
)

// entry is one incident's place on the agenda.
type entry struct {
	id      string
	due     time.Time
	rank    int     // as of when it fell due
	on      *agenda // nil while it is on none
	index   int     // there
	running bool
	dirty   bool // changed while it was being visited
	retry   time.Duration
}

// leave takes e off the agenda that it is on.
func (e *entry) leave() {
	if e.on != nil {
		heap.Remove((*byOrder)(e.on), e.index)
	}
}

// agenda keeps entries in an order; each change costs the logarithm of their
// number.
type agenda struct {
	list   []*entry
	before func(a, b *entry) bool
}

func sooner(a, b *entry) bool { return a.due.Before(b.due) }

func morePressing(a, b *entry) bool { return a.rank < b.rank || a.rank == b.rank && sooner(a, b) }

func (a *agenda) add(e *entry) { heap.Push((*byOrder)(a), e) }

// first returns the first entry, nil when there is none.
func (a *agenda) first() *entry {
	if len(a.list) == 0 {
		return nil
	}
	return a.list[0]
}

// byOrder is an agenda as container/heap wants it.
type byOrder agenda

func (o *byOrder) Len() int           { return len(o.list) }
func (o *byOrder) Less(i, j int) bool { return o.before(o.list[i], o.list[j]) }
func (o *byOrder) Swap(i, j int) {
	o.list[i], o.list[j] = o.list[j], o.list[i]
	o.list[i].index, o.list[j].index = i, j
}
func (o *byOrder) Push(x any) {
	e := x.(*entry)
	e.on, e.index = (*agenda)(o), len(o.list)
	o.list = append(o.list, e)
}
func (o *byOrder) Pop() any {
	last := len(o.list) - 1
	e := o.list[last]
	o.list[last] = nil // not kept alive by what once was here
	o.list = o.list[:last]
	e.on = nil
	return e
}
