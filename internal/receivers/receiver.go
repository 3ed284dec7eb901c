// Package receivers tells chats, pagers and trackers: the receivers of an
// Alertmanager, read from the same block of YAML and reached by its own
// notifiers, so that what works there works here, word for word.
//
//	set, err := receivers.Read(receivers.Source{Receivers: block, …})
//	accepted, err := set.Send(ctx, "on-duty/slack[0]", receivers.Message{Group: "INC-2026-0001", …})
//
// Routing, grouping, silences and repeats are not taken over: who is told what
// is decided elsewhere, and the outbox tries again.
package receivers

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"github.com/spinware/piket/internal/oneline"
)

// What the error of a Send wraps.
var (
	// ErrRefused: the service will not have the message, or the receiver is not
	// set up to send it. Trying again makes no sense until somebody changes that.
	ErrRefused = errors.New("the receiver refused it")
	// ErrBusy: as much as may be is under way to this receiver; nothing was tried.
	ErrBusy = errors.New("too much is under way to the receiver")
)

const (
	sendTimeout = 10 * time.Second // one message; what Alertmanager gives a group at the least
	parallel    = 8                // messages to one integration at the same time: a slow one must not take every slot
	maxReason   = 300
)

// Message is what an integration is told.
type Message struct {
	Group       string // stable for one trouble: a pager opens one incident for it, and closes that one
	Labels      map[string]string
	Annotations map[string]string // summary, description, link and others
	StartsAt    time.Time
	EndsAt      time.Time // zero while the trouble goes on
}

// Set is all receivers of one configuration. It is safe for concurrent use.
type Set struct {
	names        []string
	integrations []Integration
}

// Integration is one chat, pager or tracker of a receiver.
type Integration struct {
	Address  string // "on-duty/slack[0]": stable for as long as the file lists it there
	Receiver string
	Kind     string // "slack", "pagerduty", …
	Resolved bool   // it wants to hear that trouble is over: send_resolved

	notifier notify.Integration
	slots    chan struct{}
	secrets  []string
}

// Names lists the receivers in the order of the file.
func (s *Set) Names() []string { return s.names }

// Integrations lists what all receivers consist of.
func (s *Set) Integrations() []Integration { return s.integrations }

// Send tells one integration, in ten seconds at the most. It returns a clause
// that says who accepted the message. After an error that wraps neither
// ErrRefused nor ErrBusy it is not known whether it arrived; sent again, it has
// the same group.
func (s *Set) Send(ctx context.Context, address string, m Message) (accepted string, err error) {
	for _, i := range s.integrations {
		if i.Address == address {
			return i.send(ctx, m)
		}
	}
	return "", fmt.Errorf("%w: there is no receiver %s in the configuration any more", ErrRefused, address)
}

func (i Integration) send(ctx context.Context, m Message) (string, error) {
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	default:
		return "", ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	retry, err := i.notifier.Notify(i.about(ctx, m), m.alert(time.Now()))
	switch {
	case err == nil:
		return "accepted by the receiver " + i.Address, nil
	case !retry:
		return "", fmt.Errorf("%w: tell %s: %s", ErrRefused, i.Address, i.scrub(err.Error()))
	}
	return "", fmt.Errorf("tell %s: %s", i.Address, i.scrub(err.Error()))
}

// about is what a notifier finds in its context.
func (i Integration) about(ctx context.Context, m Message) context.Context {
	reason := notify.ReasonFirstNotification
	if !m.EndsAt.IsZero() {
		reason = notify.ReasonAllAlertsResolved
	}
	ctx = notify.WithReceiverName(ctx, i.Receiver)
	ctx = notify.WithGroupKey(ctx, m.Group)
	ctx = notify.WithNow(ctx, time.Now())
	ctx = notify.WithNotificationReason(ctx, reason)
	return notify.WithGroupLabels(ctx, labelSet(map[string]string{"alertname": m.Labels["alertname"], "incident": m.Labels["incident"]}))
}

// alert makes Alertmanager's alert of a message. Whether one is over is judged by
// the real clock there, which time that runs faster here must not get ahead of.
func (m Message) alert(now time.Time) *alert.Alert {
	a := &alert.Alert{UpdatedAt: now}
	a.Labels, a.Annotations, a.GeneratorURL = labelSet(m.Labels), labelSet(m.Annotations), m.Annotations["link"]
	a.StartsAt, a.EndsAt = m.StartsAt, m.EndsAt
	if a.EndsAt.After(now) {
		a.EndsAt = now
	}
	return a
}

func labelSet(words map[string]string) model.LabelSet {
	set := model.LabelSet{}
	for name, value := range words {
		if value != "" {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
	}
	return set
}

// addressForm is a URL up to and with its host, and the rest of it, which may be
// a secret: that of a Slack webhook is one.
var addressForm = regexp.MustCompile(`(https?://)(?:[^\s/"'@]*@)?([^\s/"'?#]+)[^\s"']*`)

// scrub makes an error fit for the timeline: one line, of a sane length, without
// the secrets of the configuration.
func (i Integration) scrub(text string) string {
	return oneline.Of(hide(addressForm.ReplaceAllString(text, "$1$2/…"), i.secrets), maxReason)
}

// hide takes secrets out of a text.
func hide(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	return text
}
