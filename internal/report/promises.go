package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Promise is one moment at which a customer was to hear something, and what they
// heard [3.2, 3.3].
type Promise struct {
	Customer string    `json:"customer"`
	Word     string    `json:"word"` // "first", "update", "restored"
	Due      time.Time `json:"due"`
	Told     time.Time `json:"told,omitzero"` // zero: never
	Late     bool      `json:"late"`
}

// LateBy is how much later than promised it was, 0 for what was on time or never
// told.
func (p Promise) LateBy() time.Duration {
	if !p.Late || p.Told.IsZero() {
		return 0
	}
	return p.Told.Sub(p.Due)
}

const (
	// atOnce is what "immediately" means: a minute for piket's own first look at
	// what only a person has reported, and one for the mail server.
	atOnce = 2 * time.Minute
	// leeway is what the way through a mail server may take beyond a promised
	// moment.
	leeway = time.Minute
)

// promised is what one customer waits for.
type promised struct {
	due    time.Time
	leeway time.Duration
	word   string
}

// keeper follows the promises of one incident. A word counts as told when the
// mail server took it or somebody spoke to the customer; what merely waits in
// the outbox has told nobody.
type keeper struct {
	updates Updates
	due     map[string]promised // by customer
	words   map[string]*word    // by message or task
	last    map[string]*word    // by customer
	list    []*word
}

// word is a promise that something was written for.
type word struct {
	Promise
	leeway  time.Duration
	written time.Time
}

func newKeeper(updates Updates) *keeper {
	return &keeper{updates: updates, due: map[string]promised{}, words: map[string]*word{}, last: map[string]*word{}}
}

// hear takes one event, which inc has already been told of.
func (k *keeper) hear(inc *incident.Incident, e incident.Event) {
	switch p := e.Payload.(type) {
	case incident.Opened, incident.Classified, incident.Absorbed:
		k.begin(inc, e.At)
	case incident.MessageQueued:
		k.write(inc, p.Customer, p.Purpose, p.Message, e.At)
	case incident.CallTask:
		k.write(inc, p.Customer, p.Purpose, p.Task, e.At)
	case incident.Delivered:
		k.told(p.Message, e.At)
	case incident.Called:
		if p.Outcome == "reached" || p.Outcome == "voicemail" {
			k.told(p.Task, e.At)
		}
	case incident.Restored:
		k.turn(inc, e.At, "restored")
	case incident.Relapsed:
		k.turn(inc, e.At, "update")
	case incident.Closed, incident.Merged:
		k.end(e.At)
	}
}

// begin promises the first word to whoever is to hear and has not heard, and
// nothing more where the priority no longer promises anything.
func (k *keeper) begin(inc *incident.Incident, at time.Time) {
	if inc.Status != incident.Open || inc.Priority == "" {
		return
	}
	if _, promises := k.updates[inc.Priority]; !promises {
		clear(k.due)
		return
	}
	for _, customer := range inc.Customers {
		_, told := inc.Told[customer]
		if _, waits := k.due[customer]; !waits && !told {
			k.due[customer] = promised{at, atOnce, "first"}
		}
	}
}

// turn says that service has come back or gone again: what was promised before
// that is over, and everybody who knows of the trouble hears it at once.
func (k *keeper) turn(inc *incident.Incident, at time.Time, word string) {
	if _, promises := k.updates[inc.Priority]; !promises {
		return
	}
	k.end(at)
	for customer := range inc.Told {
		k.due[customer] = promised{at, atOnce, word}
	}
}

// write books a mail or a telephone task under the promise that it keeps. The
// mail and the call that are written at one moment keep one between them.
func (k *keeper) write(inc *incident.Incident, customer, purpose, id string, at time.Time) {
	if customer == "" || purpose != "first" && purpose != "update" && purpose != "restored" {
		return
	}
	if last := k.last[customer]; last != nil && last.written.Equal(at) {
		k.words[id] = last
		return
	}
	due, waits := k.due[customer]
	if !waits {
		return
	}
	w := &word{Promise{Customer: customer, Word: purpose, Due: due.due, Late: true}, due.leeway, at}
	k.list, k.words[id], k.last[customer] = append(k.list, w), w, w
	delete(k.due, customer)
	if every, promises := k.updates[inc.Priority]; promises && purpose != "restored" && inc.Status == incident.Open {
		k.due[customer] = promised{at.Add(every), leeway, "update"}
	}
}

func (k *keeper) told(id string, at time.Time) {
	if w := k.words[id]; w != nil && w.Told.IsZero() {
		w.Told, w.Late = at, at.After(w.Due.Add(w.leeway))
	}
}

// end drops what is promised; what is overdue by then was never told.
func (k *keeper) end(at time.Time) {
	for customer, due := range k.due {
		if at.After(due.due.Add(due.leeway)) {
			k.list = append(k.list, &word{Promise{Customer: customer, Word: due.word, Due: due.due, Late: true}, due.leeway, at})
		}
	}
	clear(k.due)
}

// close returns every promise whose moment has passed by now, in order.
func (k *keeper) close(now time.Time) []Promise {
	k.end(now)
	var list []Promise
	for _, w := range k.list {
		if !w.Told.IsZero() || now.After(w.Due.Add(w.leeway)) {
			list = append(list, w.Promise)
		}
	}
	slices.SortFunc(list, func(a, b Promise) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Customer, b.Customer)) })
	return list
}
