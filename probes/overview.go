package probes

import "slices"

// Overview is how the whole fleet fares, in as many words as fit on a page.
type Overview struct {
	All, Up int
	Trouble []Sight // what is not up: alarms first, then what is in doubt or down, then what is not known
	Well    []Sight // some of what is up
}

// Overview returns at most so many targets of each sort. It costs little however
// large the fleet is.
func (s *Scheduler) Overview(trouble, well int) Overview {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := Overview{All: len(s.plan.rows), Up: s.totals[Up]}
	var worst [4][]*row // by how bad it is
	for _, r := range s.plan.rows {
		rank := r.rank()
		if limit := [...]int{trouble, trouble, trouble, well}[rank]; len(worst[rank]) < limit {
			worst[rank] = append(worst[rank], r)
		}
	}
	listed := slices.Concat(worst[:3]...)
	o.Trouble = s.sights(listed[:min(len(listed), trouble)])
	o.Well = s.sights(worst[3])
	return o
}

// rank sorts rows for a person who looks for trouble.
func (r *row) rank() int {
	switch {
	case r.alarmed() || r.health.Alarm && r.last.state == Down:
		return 0
	case r.last.state == Down:
		return 1
	case r.last.state == Unknown:
		return 2
	}
	return 3
}

func (s *Scheduler) sights(rows []*row) []Sight {
	sights := make([]Sight, len(rows))
	for i, r := range rows {
		sights[i] = s.sight(r)
	}
	return sights
}
