// Package dispatch hands work orders to other companies' machines. What it is about
// to do stands on the timeline before it does it, as with a power command: after a
// crash, or a time-out, an order of which nobody knows whether it arrived is not sent
// again, unless the receiver recognises it as the same. A technician who is called
// twice costs money; two who reach into one rack cost more.
//
//	d := &dispatch.Dispatcher{Store: s, Clock: clk, Inventory: inv, …}
//	rounds.New("dispatch", ward, d.Visit)
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/oneline"
)

// Store is what a dispatcher needs of one; [store.Store] is one.
type Store interface {
	Load(ctx context.Context, id string) (*incident.Incident, error)
	Append(ctx context.Context, id string, version int, events ...incident.Event) (*incident.Incident, error)
	Record(ctx context.Context, id string, events ...incident.Event) (*incident.Incident, error)
}

// Dispatcher hands orders over. Every field must be set.
type Dispatcher struct {
	Store     Store
	Clock     *clock.Clock
	Log       *slog.Logger
	Inventory func() *inventory.Inventory
	External  func() string            // of piket's own page, "" for none
	Sign      func(path string) string // completes a link; done here and nowhere before
}

// job is one order on its way, with what its way needs.
type job struct {
	order  *incident.Order
	hands  inventory.RemoteHands
	fields inventory.OrderFields
}

// answer is what a receiver said.
type answer struct {
	Reference string
	Detail    string
}

// way is how orders reach one kind of receiver.
type way interface {
	// send hands an order over, once. Its error is a refusal when it is proved that
	// nothing was taken; after any other nobody knows.
	send(ctx context.Context, j job) (answer, error)
	// again reports whether the receiver recognises an order that comes twice.
	again() bool
	// state asks how far the receiver is: one of the states of an order, "" when
	// there is nothing new to say.
	state(ctx context.Context, j job) (state, words string, err error)
	// poll is how often that is worth asking, 0 for never.
	poll() time.Duration
}

// refusal is an answer that proves that nothing was taken.
type refusal struct {
	why   string
	retry bool // whether the same may be taken later
}

func (r refusal) Error() string { return r.why }

const (
	sendTime = 30 * time.Second
	maxTries = 6
	// lost is how long after its beginning a try whose process is gone is over by any
	// clock: no send takes as long.
	lost = 4 * sendTime
)

// retryAfter is the wait after a try that was proved not to have been taken.
func retryAfter(try int) time.Duration { return time.Minute << min(try-1, 5) }

// Visit takes one incident's orders one step further. It is a rounds.Visit.
func (d *Dispatcher) Visit(ctx context.Context, id string) (time.Time, error) {
	inc, err := d.Store.Load(ctx, id)
	if err != nil || !inc.Ongoing() || inc.Order == nil || inc.Order.Way == incident.ByMail {
		return time.Time{}, err
	}
	if inc.IsDrill() { // no technician travels for an exercise
		return time.Time{}, nil
	}
	site, _ := d.Inventory().Site(inc.Site)
	if site.RemoteHands == nil {
		return time.Time{}, nil // the desk calls a person when it does not leave
	}
	j := job{inc.Order, *site.RemoteHands, d.fields(inc, site)}
	w := wayOf(j)
	if w == nil {
		return time.Time{}, nil
	}
	switch o := inc.Order; {
	case o.State == incident.OrderApproved:
		return d.next(ctx, inc, j, w)
	case o.Reference != "" && o.Open() && w.poll() > 0 && inc.Attentions[o.Order+blindTopic].IsZero():
		return d.follow(ctx, inc, j, w)
	}
	return time.Time{}, nil
}

// next decides what to do with an order that may go.
func (d *Dispatcher) next(ctx context.Context, inc *incident.Incident, j job, w way) (time.Time, error) {
	now, s := d.Clock.Now(), inc.Order.Send
	switch {
	case s == nil:
		return time.Time{}, d.try(ctx, inc, j, w, 1)
	case s.Outcome == "" && now.Before(s.At.Add(lost)):
		return s.At.Add(lost), nil // another process may be at it
	case s.Outcome == "" && !w.again():
		return time.Time{}, d.record(ctx, inc.ID, incident.OrderTried{
			Order: inc.Order.Order, Try: s.Try, Outcome: incident.OutcomeUnknown, Detail: "piket stopped before it saw an answer",
		})
	case s.Outcome == incident.OutcomeUnknown && !w.again():
		return time.Time{}, nil // a person says whether it arrived
	case s.Try >= maxTries, s.Outcome == incident.OutcomeRefused && s.RetryAt.IsZero():
		return time.Time{}, nil // the desk calls a person
	case now.Before(s.RetryAt):
		return s.RetryAt, nil
	}
	return time.Time{}, d.try(ctx, inc, j, w, s.Try+1)
}

// try says on the timeline that the order goes, and hands it over. Whoever else is
// about to do the same finds the incident moved on, and does not.
func (d *Dispatcher) try(ctx context.Context, inc *incident.Incident, j job, w way, n int) error {
	o := inc.Order
	_, err := d.Store.Append(ctx, inc.ID, inc.Version, incident.Event{Actor: incident.Piket, Payload: incident.OrderSending{Order: o.Order, Try: n}})
	if err != nil {
		return err
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTime) // stopping piket does not cut it in half
	defer cancel()
	got, err := w.send(sending, j)
	return d.record(ctx, inc.ID, d.outcome(o.Order, n, w, got, err))
}

func (d *Dispatcher) outcome(order string, n int, w way, got answer, err error) incident.OrderTried {
	t := incident.OrderTried{Order: order, Try: n, Outcome: incident.OutcomeDone, Reference: clause(got.Reference), Detail: clause(got.Detail)}
	if err == nil {
		return t
	}
	d.Log.Warn("work order not handed over", "order", order, "err", err)
	t.Detail = clause(err.Error())
	var no refusal
	t.Outcome = incident.OutcomeUnknown
	if errors.As(err, &no) {
		t.Outcome = incident.OutcomeRefused
	}
	if n < maxTries && (no.retry || t.Outcome == incident.OutcomeUnknown && w.again()) {
		t.RetryAt = d.Clock.Now().Add(retryAfter(n))
	}
	return t
}

// follow asks the receiver how far it is. Where hands are is the technician's own word
// only, and a person's: no machine says that they are out of a rack.
func (d *Dispatcher) follow(ctx context.Context, inc *incident.Incident, j job, w way) (time.Time, error) {
	asking, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	o, again := inc.Order, d.Clock.Now().Add(w.poll())
	state, words, err := w.state(asking, j)
	if err != nil {
		return again, d.blind(ctx, inc, err)
	}
	ends := state == incident.OrderDone || state == incident.OrderCancelled
	switch {
	case !incident.OrderMay(o.State, state):
		return again, nil
	case ends && o.InRack():
		return again, d.closedByThem(ctx, inc, words)
	}
	_, err = d.Store.Append(ctx, inc.ID, inc.Version, incident.Event{Actor: incident.Piket, Payload: incident.OrderProgress{
		Order: o.Order, State: state, By: o.To, Words: clause(words),
	}})
	return again, err
}

// closedTopic, behind an order's number, is that the receiver calls it over while
// hands may still be in the rack.
const closedTopic = "-closed"

// closedByThem calls a person, once.
func (d *Dispatcher) closedByThem(ctx context.Context, inc *incident.Incident, words string) error {
	topic := inc.Order.Order + closedTopic
	if _, called := inc.Attentions[topic]; called {
		return nil
	}
	_, err := d.Store.Append(ctx, inc.ID, inc.Version, incident.Event{Actor: incident.Piket, Payload: incident.Attention{
		Topic: topic, Why: clause(words + " about work order " + inc.Order.Order + ", and nobody has said that the hands are out of the rack: ask them, and record how it ended"),
	}})
	return err
}

// blindTopic, behind an order's number, is that the receiver lets piket ask no more.
const blindTopic = "-blind"

// blind deals with a receiver that did not answer. One that said no is not asked
// again: to be refused again and again can lock an account.
func (d *Dispatcher) blind(ctx context.Context, inc *incident.Incident, err error) error {
	o := inc.Order
	d.Log.Warn("a work order could not be asked about", "order", o.Order, "err", err)
	var no refusal
	if !errors.As(err, &no) || no.retry {
		return nil
	}
	_, err = d.Store.Append(ctx, inc.ID, inc.Version, incident.Event{Actor: incident.Piket, Payload: incident.Attention{
		Topic: o.Order + blindTopic, Why: clause(o.To + " does not say any more how far work order " + o.Order + " is: " + err.Error()),
	}})
	return err
}

// record writes down what came of a try, also while piket is being stopped.
func (d *Dispatcher) record(ctx context.Context, id string, p incident.OrderTried) error {
	_, err := d.Store.Record(context.WithoutCancel(ctx), id, incident.Event{Actor: incident.Piket, Payload: p})
	if err != nil {
		return fmt.Errorf("record what came of work order %s: %w", p.Order, err)
	}
	return nil
}

// wayOf is how the order goes, nil when the inventory has no such way any more.
func wayOf(j job) way {
	switch {
	case j.order.Way == "http" && j.hands.HTTP != nil:
		return httpWay{*j.hands.HTTP}
	case j.order.Way == "equinix" && j.hands.Equinix != nil:
		return equinixWay{*j.hands.Equinix}
	}
	return nil
}

// clause makes what a stranger's machine said fit for one line of a timeline.
func clause(text string) string { return oneline.Of(text, 300) }
