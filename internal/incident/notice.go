package incident

import "time"

// Notice is what a receiver is told: an alert in Alertmanager's sense. All that
// concerns one incident has the incident's number as its group key, so that a
// pager opens one incident for it and closes that one.
type Notice struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"starts_at,omitzero"`
	EndsAt      time.Time         `json:"ends_at,omitzero"` // zero while the trouble goes on
}

// Resolved reports whether the notice says that the trouble is over.
func (n Notice) Resolved() bool { return !n.EndsAt.IsZero() }

// LastNotice returns the latest message to one integration of a receiver, nil
// when it was never told anything.
func (i *Incident) LastNotice(address string) *Message {
	var last *Message
	for _, m := range i.Messages {
		if m.Way == ByReceiver && len(m.To) == 1 && m.To[0] == address {
			last = m
		}
	}
	return last
}

// Overtaken reports whether a message need not leave any more, because what is
// queued for the same receiver after it says the opposite: a pager that was down
// must not be told of trouble after it was told that it is over, nor the other
// way round.
func (i *Incident) Overtaken(m *Message) bool {
	if m.Way != ByReceiver || len(m.To) != 1 {
		return false
	}
	last := i.LastNotice(m.To[0])
	return last != nil && last != m && last.Notice.Resolved() != m.Notice.Resolved()
}
