package probes

import (
	"container/heap"
	"time"
)

// agenda lists rows by the moment at which they are due. Most of a fleet is due
// at one of the few moments of its interval, so that a row costs its place in a
// list and nothing is sorted. A row that was put off or brought forward stands in
// more than one list; only that of the moment at which the row itself says that
// it is due counts.
type agenda struct {
	moments moments // for which there is a list, the earliest first
	lists   map[moment][]*row
	spare   [][]*row // lists that are used up, to be written on again
	due     []*row   // what take returned last
}

// moment is a time in Unix nanoseconds, 0 for never: a third of a time.Time,
// which counts in a row of which there are a hundred thousand.
type moment int64

func momentOf(t time.Time) moment {
	if t.IsZero() {
		return 0
	}
	return moment(t.UnixNano())
}

// time returns the moment in UTC, the zero time for never.
func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(m)).UTC()
}

type moments []moment

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i] < m[j] }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)        { *m = append(*m, x.(moment)) }
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// put makes r due at a time, instead of when it was due before.
func (a *agenda) put(r *row, due time.Time) {
	m := momentOf(due)
	if r.due == m {
		return
	}
	r.due = m
	if a.lists == nil {
		a.lists = map[moment][]*row{}
	}
	list, known := a.lists[m]
	if !known {
		heap.Push(&a.moments, m)
		if last := len(a.spare) - 1; last >= 0 {
			list, a.spare = a.spare[last], a.spare[:last]
		}
	}
	a.lists[m] = append(list, r)
}

// take removes and returns the rows that are due now, in the order of their
// moments. What it returns holds until it is called again.
func (a *agenda) take(now time.Time) []*row {
	a.due = a.due[:0]
	for len(a.moments) > 0 && a.moments[0] <= momentOf(now) {
		m := heap.Pop(&a.moments).(moment)
		for _, r := range a.lists[m] {
			if r.due == m && !r.gone {
				r.due = 0
				a.due = append(a.due, r)
			}
		}
		a.spare = append(a.spare, a.lists[m][:0])
		delete(a.lists, m)
	}
	return a.due
}

// next returns when the first row is due, the zero time when none is.
func (a *agenda) next() time.Time {
	if len(a.moments) == 0 {
		return time.Time{}
	}
	return a.moments[0].time()
}
