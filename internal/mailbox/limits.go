package mailbox

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// How much mail makes records and answers within an hour. What is beyond is not
// lost: it is written down on the sender's last record, or waits in the mailbox.
// Two programs that answer each other's answers end here at the latest.
const (
	perSender    = 6    // new records of one address
	strangersAll = 60   // new records of all addresses that nobody in the inventory has
	answers      = 6    // to one address
	maxSenders   = 5000 // that are remembered
	window       = time.Hour
)

// limits remembers what came within the last hour. A restart forgets it, and each
// replica counts for itself. The zero limits is ready.
type limits struct {
	mu        sync.Mutex
	senders   map[string]*account
	strangers []time.Time
}

// account is what one address has done.
type account struct {
	reports, answers []time.Time
	last             string // incident
	at               time.Time
}

// full reports whether an address has reported as much as it may, and what its
// last record is; of a stranger also whether all of them together have.
func (l *limits) full(from string, stranger bool, now time.Time) (last string, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(from, now)
	l.strangers = recent(l.strangers, now)
	return a.last, len(a.reports) >= perSender || stranger && len(l.strangers) >= strangersAll
}

func (l *limits) reported(from, id string, stranger bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(from, now)
	a.reports, a.last = append(a.reports, now), id
	if stranger {
		l.strangers = append(l.strangers, now)
	}
}

func (l *limits) mayAnswer(to string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.of(to, now).answers) < answers
}

func (l *limits) answered(to string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(to, now)
	a.answers = append(a.answers, now)
}

// of returns the account of an address, with what is over forgotten. l.mu is held.
func (l *limits) of(address string, now time.Time) *account {
	address = strings.ToLower(address)
	a := l.senders[address]
	if a == nil {
		l.makeRoom()
		a = &account{}
		l.senders[address] = a
	}
	a.at, a.reports, a.answers = now, recent(a.reports, now), recent(a.answers, now)
	return a
}

// makeRoom forgets the address that has been silent longest, when there are too
// many. l.mu is held.
func (l *limits) makeRoom() {
	if l.senders == nil {
		l.senders = map[string]*account{}
	}
	if len(l.senders) < maxSenders {
		return
	}
	oldest := ""
	for address, a := range l.senders {
		if oldest == "" || a.at.Before(l.senders[oldest].at) {
			oldest = address
		}
	}
	delete(l.senders, oldest)
}

func recent(list []time.Time, now time.Time) []time.Time {
	return slices.DeleteFunc(list, func(at time.Time) bool { return !at.After(now.Add(-window)) })
}
