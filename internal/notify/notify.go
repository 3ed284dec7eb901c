// Package notify delivers what the timeline says must reach somebody. The
// timeline is the outbox: a message that is queued and not delivered is tried
// until it is, also after a crash; nobody calls this package.
//
//	out := &notify.Outbox{Store: s, Clock: clk, Ways: map[incident.Way]notify.Sender{incident.ByMail: notify.SMTP{…}.Send}}
//	rounds.New("notify", s, clk, log, out.Visit)
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// Sender delivers one message. It returns a clause that says who accepted it.
// After an error the message may be sent again; its Message-ID stays the same,
// so that a mail which was delivered after all is recognised as the same one.
type Sender func(ctx context.Context, m Mail) (accepted string, err error)

// Mail is a message on its way.
type Mail struct {
	ID       string // unique, stable: becomes the Message-ID
	Incident string // mails of one incident form one thread
	To       []string
	Subject  string
	Body     string
	At       time.Time
	Answers  string // the Message-ID of the mail that this one answers by itself, "" for none

	Notice incident.Notice // of what goes to a receiver
}

// ErrRefused is what a Sender's error wraps when trying again makes no sense:
// whoever carries the message has looked at it and will not have it.
var ErrRefused = errors.New("refused")

// ErrBusy is what a Sender returns that has so much under way that it has not
// even tried: the message keeps its place, and its tries.
var ErrBusy = errors.New("too many messages are under way")

// Outbox delivers messages. Every field must be set.
type Outbox struct {
	Store *store.Store
	Clock *clock.Clock
	Log   *slog.Logger
	Ways  map[incident.Way]Sender // a message of any other way is given up like one that nobody accepts

	// Mine says which ways this outbox looks after, where there are several: a slow
	// chat must not hold back the mails. Nil means all.
	Mine func(incident.Way) bool

	Count func(purpose, result string)

	// Sign completes the path of a link in a message. It is done here and nowhere
	// before, so that no store and no page holds a link that works.
	Sign func(path string) string

	// Code reads the access code of a site, which a work order by mail has where its
	// mark stands when there is no page that shows it; nil where there are none.
	Code func(site string) (string, error)
}

// sendTimeout bounds one delivery.
const sendTimeout = 30 * time.Second

// retries are the waits between tries: about a day in all. After the last one
// the message is given up, visibly.
var retries = []time.Duration{
	time.Minute, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour,
}

// Visit delivers what is due on one incident. It is a rounds.Visit.
func (o *Outbox) Visit(ctx context.Context, id string) (time.Time, error) {
	inc, err := o.Store.Load(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	var next time.Time
	for _, m := range inc.Messages {
		switch {
		case m.Delivered || m.GivenUp || o.Mine != nil && !o.Mine(m.Way):
		case o.Clock.Now().Before(m.RetryAt):
			next = sooner(next, m.RetryAt)
		default:
			switch err := o.deliver(ctx, inc, m); {
			case errors.Is(err, ErrBusy):
				next = sooner(next, o.Clock.Now().Add(busyWait))
			case err != nil:
				return next, err
			}
		}
	}
	return next, nil
}

// busyWait is how soon a message is tried again that nobody had time for.
const busyWait = time.Second

// sooner returns the earlier of two moments, of which a zero one is none.
func sooner(next, at time.Time) time.Time {
	if next.IsZero() || at.Before(next) {
		return at
	}
	return next
}

// deliver tries one message once and writes down what came of it.
func (o *Outbox) deliver(ctx context.Context, inc *incident.Incident, m *incident.Message) error {
	if inc.Overtaken(m) {
		return o.record(ctx, inc.ID, incident.Undelivered{Message: m.Message, Try: m.Tries, Reason: "the opposite is to be said by now"})
	}
	sending, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	failpoint.Reach(failpoint.MailBefore)
	accepted := ""
	body, err := o.complete(inc.Site, m)
	if err == nil {
		accepted, err = o.by(m.Way)(sending, Mail{ID: m.Message, Incident: inc.ID, To: m.To, Subject: m.Subject, Body: body, At: o.Clock.Now(), Notice: m.Notice, Answers: m.Answers})
	}
	failpoint.Done(failpoint.MailDelivered, err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrBusy):
		return err
	}
	err = o.record(ctx, inc.ID, o.result(m, accepted, err)...)
	failpoint.Done(failpoint.MailMarked, err)
	return err
}

// record writes down what came of a message, even while piket is being stopped.
func (o *Outbox) record(ctx context.Context, id string, payloads ...incident.Payload) error {
	events := make([]incident.Event, len(payloads))
	for n, p := range payloads {
		events[n] = incident.Event{Actor: incident.Piket, Payload: p}
	}
	_, err := o.Store.Record(context.WithoutCancel(ctx), id, events...)
	return err
}

// by returns who carries what goes that way.
func (o *Outbox) by(w incident.Way) Sender {
	if send := o.Ways[w]; send != nil {
		return send
	}
	return func(context.Context, Mail) (string, error) {
		return "", fmt.Errorf("nothing carries messages by %s", w)
	}
}

// complete is the body of a message as it leaves. Only a work order that was composed
// with a mark gets the code of a door: no words of anybody else become it.
func (o *Outbox) complete(site string, m *incident.Message) (string, error) {
	body := o.signed(m)
	if m.Order == "" || m.Link != "" || o.Code == nil || !strings.Contains(body, incident.AccessCodeMark) {
		return body, nil
	}
	code, err := o.Code(site)
	return strings.ReplaceAll(body, incident.AccessCodeMark, code), err
}

// signed is the body of a message with its link complete.
func (o *Outbox) signed(m *incident.Message) string {
	if m.Link == "" {
		return m.Body
	}
	return strings.ReplaceAll(m.Body, m.Link, o.Sign(m.Link))
}

func (o *Outbox) result(m *incident.Message, accepted string, err error) []incident.Payload {
	purpose := kindOf(m.Purpose)
	if err == nil {
		o.Count(purpose, "delivered")
		return []incident.Payload{incident.Delivered{Message: m.Message, Detail: accepted}}
	}
	o.Log.Warn("message not delivered", "message", m.Message, "err", err)
	failed := incident.Undelivered{Message: m.Message, Try: m.Tries + 1, Reason: err.Error()}
	refused := errors.Is(err, ErrRefused)
	if m.Tries < len(retries) && !refused {
		o.Count(purpose, "failed")
		failed.RetryAt = o.Clock.Now().Add(retries[m.Tries])
		return []incident.Payload{failed}
	}
	o.Count(purpose, "given_up")
	switch {
	case m.Way == incident.ByReceiver:
		// By mail, and not to this receiver: see the desk. Once for each receiver.
		return []incident.Payload{failed, incident.Attention{
			Topic: "undelivered-" + strings.Join(m.To, ","),
			Why:   fmt.Sprintf("the receiver %s was not told of it and is not tried again: %s", strings.Join(m.To, ","), failed.Reason),
		}}
	case purpose == page || purpose == incident.Receipt:
		// A page would be paged, and given up, again and again; and where a mail said that
		// it came from is nobody's trouble.
		return []incident.Payload{failed}
	}
	return []incident.Payload{failed, incident.Attention{
		Topic: "undelivered-" + m.Message,
		Why: fmt.Sprintf("the message by %s (%s) to %s could not be delivered in %d tries; tell them in another way",
			m.Way, m.Purpose, strings.Join(m.To, ", "), failed.Try),
	}}
}

// page is what mail to the engineers on duty is for.
const page = "page"

// kindOf is the purpose without the topic of a page, for metrics.
func kindOf(purpose string) string {
	if strings.HasPrefix(purpose, page) {
		return page
	}
	return purpose
}
