// Package mailbox takes in what people mail to piket: by reading a mailbox over
// IMAP, or as an SMTP server to which the firm's own hands mail on. A mail becomes a
// record, or joins the incident that it is about, before it is marked as taken or
// answered with 250; what dies in between is taken again, and is one record.
//
//	taker := &mailbox.Taker{Store: s, Receive: door.Receive, …}
//	reader := &mailbox.Reader{Config: config, Taker: taker, …}
//	clk.Go(func() { reader.Run(ctx) })
//
// Nobody knows who wrote a mail. It opens a record and adds to one, and it never
// closes, approves or acts.
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

// Timelines is what mail needs of a store; [store.Store] is one.
type Timelines interface {
	Load(ctx context.Context, id string) (*incident.Incident, error)
	Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error)
	Episode(ctx context.Context, name string) (store.Episode, error)
	Keep(ctx context.Context, name, value string) (kept string, err error)
}

// Taker makes records of mails. Every exported field must be set. It is safe for
// concurrent use.
type Taker struct {
	Store     Timelines
	Receive   func(ctx context.Context, batch []alerts.Alert, cut uint64) error // the one door
	Facts     func(*incident.Incident) desk.Facts
	Inventory func() *inventory.Inventory
	Ours      func() Ours
	Clock     *clock.Clock
	Log       *slog.Logger
	Count     func(kind, result string)

	limits limits
}

// What became of a mail; the words are those of the metric.
const (
	opened  = "opened"  // a record of its own
	joined  = "joined"  // written down on the incident that it is about
	noticed = "noticed" // a bounce of a message of ours
	nothing = "nothing" // automatic and about no incident, or one of our own: it stays in the mailbox
	waits   = "waits"   // too much has come, or the store is away: it is taken later
)

// ErrBusy says that so many strangers have written that a mail has to wait: it is
// not taken, and taking it later makes sense.
var ErrBusy = errors.New("too many new reports from unknown senders; it has to wait")

// Take writes a mail down. When it returns nil, what it is is committed, and the
// mail may be marked as taken; after an error it may be taken again, and what was
// already written down is recognised.
func (t *Taker) Take(ctx context.Context, l Letter) error {
	ctx = store.As(ctx, "") // it comes in through any replica, whoever has the incident
	kind := t.Ours().kindOf(l)
	result, id, err := t.take(ctx, kind, l)
	if err != nil {
		t.Count(string(kind), waits)
		return fmt.Errorf("take in mail %s: %w", l.Key(), err)
	}
	t.Count(string(kind), result)
	t.Log.Info("mail taken in", "kind", string(kind), "result", result, "incident", id, "from", l.From, "mail", l.Key())
	return nil
}

func (t *Taker) take(ctx context.Context, kind Kind, l Letter) (result, id string, err error) {
	switch kind {
	case Loop:
		return nothing, "", nil
	case Bounce:
		id, err := t.bounce(ctx, l)
		if err != nil || id != "" {
			return noticed, id, err
		}
		kind = Automatic // what it is about is not proved; it may be written down all the same
	}
	about, named := t.Ours().about(l)
	inc, err := t.incident(ctx, about.incident, named)
	switch {
	case err != nil:
		return "", "", err
	case kind == Automatic && inc == nil:
		return nothing, "", nil
	case kind == Automatic:
		return joined, inc.ID, t.write(ctx, inc.ID, l, desk.Letter{MailReceived: incident.MailReceived{Sort: incident.MailAutomatic}})
	case inc == nil:
		return t.report(ctx, l)
	case !inc.Ongoing():
		return t.afterwards(ctx, inc, l)
	}
	return joined, inc.ID, t.reply(ctx, inc.ID, l, about)
}

// incident loads what a mail is about, or what that has become part of; nil when
// there is no such incident.
func (t *Taker) incident(ctx context.Context, id string, named bool) (*incident.Incident, error) {
	const maxHops = 20
	if !named {
		return nil, nil
	}
	inc, err := t.Store.Load(ctx, id)
	for hops := 0; err == nil && inc.Status == incident.Joined && hops < maxHops; hops++ {
		inc, err = t.Store.Load(ctx, inc.MergedInto)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return inc, err
}

// bounce records that messages of ours came back. Only a bounce that brings what
// cannot be guessed of a message is believed: anybody could say that a customer
// does not hear.
func (t *Taker) bounce(ctx context.Context, l Letter) (id string, err error) {
	for _, n := range t.Ours().in(strings.Join(append(l.References, l.returned, l.text), "\n")) {
		if !n.proved {
			break
		}
		err := t.append(ctx, n.incident, func(f desk.Facts) ([]incident.Payload, error) {
			m := f.Incident.Message(n.message)
			if m == nil {
				return nil, nil
			}
			first := l.failures(m.To)[0]
			return desk.Bounced(f, n.message, first.address, first.why)
		})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		return n.incident, err
	}
	return "", nil
}

// reply writes down what somebody says about an incident.
func (t *Taker) reply(ctx context.Context, id string, l Letter, about named) error {
	d := desk.Letter{MailReceived: incident.MailReceived{Sort: incident.MailReply}}
	if about.proved {
		d.Answers = about.message
	}
	return t.write(ctx, id, l, d)
}

// write puts a mail on a timeline, once.
func (t *Taker) write(ctx context.Context, id string, l Letter, d desk.Letter) error {
	s := senderOf(t.Inventory(), l.From)
	d.Mail, d.From, d.Subject, d.Words, d.Remarks = l.Key(), l.From, l.Subject, l.Words, l.Remarks
	d.Customer, d.Person = s.customer.Name, s.person.Name
	return t.append(ctx, id, func(f desk.Facts) ([]incident.Payload, error) { return desk.ReceiveMail(f, d) })
}

// maxTries bounds how often a mail is judged again because its incident moved on
// in between.
const maxTries = 10

// append writes down what judge makes of an incident as it is.
func (t *Taker) append(ctx context.Context, id string, judge func(desk.Facts) ([]incident.Payload, error)) error {
	for range maxTries {
		inc, err := t.Store.Load(ctx, id)
		if err != nil {
			return err
		}
		payloads, err := judge(t.Facts(inc))
		if err != nil || len(payloads) == 0 {
			return err
		}
		events := make([]incident.Event, len(payloads))
		for n, p := range payloads {
			events[n] = incident.Event{Actor: alerts.Mail, Payload: p}
		}
		if _, err = t.Store.Append(ctx, id, inc.Version, events...); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("gave up after %d tries: %w", maxTries, store.ErrConflict)
}

// firstSeen is when a mail was first read by any replica, which is when its
// episode begins: what its sender writes for a date could be any.
func (t *Taker) firstSeen(ctx context.Context, l Letter) (time.Time, error) {
	kept, err := t.Store.Keep(ctx, "mail "+l.Key(), t.Clock.Now().UTC().Format(time.RFC3339Nano))
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, kept)
}
