package mailbox

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/oneline"
)

// report makes a record of a mail that is about no incident yet [2.1], or lets it
// join the one that is open for the server that it is about. When one sender has
// reported too much, what they write goes to the last of their records.
func (t *Taker) report(ctx context.Context, l Letter) (result, id string, err error) {
	s := senderOf(t.Inventory(), l.From)
	since, err := t.firstSeen(ctx, l)
	if err != nil {
		return "", "", err
	}
	labels := alerts.Labels{"alertname": alerts.ReportedByMail, "report": l.Key()}
	if server := serverOf(t.Inventory(), s, l.Subject+"\n"+l.Words); server != "" {
		labels["server"] = server
	}
	a := t.alert(l, s, labels)
	a.StartsAt = since
	known, err := t.Store.Episode(ctx, a.Episode())
	if err != nil {
		return "", "", err
	}
	if known.Incident != "" { // it was read before, and its end was not written down
		return joined, known.Incident, t.reported(ctx, known.Incident, l, a)
	}
	return t.open(ctx, l, s, a)
}

// open brings a report in through the one door, unless its sender has reported too
// much.
func (t *Taker) open(ctx context.Context, l Letter, s sender, a alerts.Alert) (result, id string, err error) {
	now := t.Clock.Now()
	if last, full := t.limits.full(l.From, s.stranger(), now); full {
		inc, err := t.incident(ctx, last, last != "")
		switch {
		case err != nil:
			return "", "", err
		case inc != nil && inc.Ongoing():
			return joined, inc.ID, t.reply(ctx, inc.ID, l, named{})
		case s.stranger():
			return "", "", ErrBusy
		}
	}
	if err := t.Receive(ctx, []alerts.Alert{a}, 0); err != nil {
		return "", "", err
	}
	known, err := t.Store.Episode(ctx, a.Episode())
	if err != nil {
		return "", "", err
	}
	t.limits.reported(l.From, known.Incident, s.stranger(), now)
	return opened, known.Incident, t.reported(ctx, known.Incident, l, a)
}

// afterwards takes a mail about an incident that is closed: as trouble of its own,
// since nobody looks at a closed one. However many come from one sender, it is one
// record.
func (t *Taker) afterwards(ctx context.Context, inc *incident.Incident, l Letter) (result, id string, err error) {
	s := senderOf(t.Inventory(), l.From)
	labels := alerts.Labels{"alertname": alerts.ReportedByMail, "report": inc.ID + " " + strings.ToLower(l.From)}
	theirs := s.customer.Name != "" && slices.Contains(inc.Customers, s.customer.Name) || s.person.Name != ""
	if inc.Subject.Kind == "server" && theirs {
		labels["server"] = inc.Subject.Name
	}
	l.Subject = oneline.Of(fmt.Sprintf("After %s was closed: %s", inc.ID, l.Subject), maxLineRunes)
	a := t.alert(l, s, labels)
	a.StartsAt = inc.ClosedAt
	switch known, err := t.Store.Episode(ctx, a.Episode()); {
	case err != nil:
		return "", "", err
	case known.Incident != "":
		return joined, known.Incident, t.reply(ctx, known.Incident, l, named{})
	}
	return t.open(ctx, l, s, a)
}

// alert turns a mail into the one form in which trouble enters.
func (t *Taker) alert(l Letter, s sender, labels alerts.Labels) alerts.Alert {
	summary := cmp.Or(l.Subject, oneline.Of(l.Words, maxLineRunes), "a mail without a subject and without text")
	annotations := alerts.Labels{"summary": summary, "contact": cmp.Or(l.From, "unknown")}
	if s.customer.Name != "" {
		annotations[alerts.CustomerOf] = s.customer.Name
	}
	return alerts.Alert{
		Source: alerts.Mail, Status: alerts.Firing, Labels: labels, Fingerprint: labels.Fingerprint(), Annotations: annotations,
	}
}

// reported writes down the mail itself beside its alert, and queues the automatic
// answer.
func (t *Taker) reported(ctx context.Context, id string, l Letter, a alerts.Alert) error {
	inc, err := t.Store.Load(ctx, id)
	if err != nil {
		return err
	}
	d := desk.Letter{
		MailReceived: incident.MailReceived{Sort: incident.MailReport},
		Joined:       len(inc.Alerts) > 0 && !inc.Alerts[0].SameEpisode(a),
	}
	now := t.Clock.Now()
	if !l.unanswerable() && t.limits.mayAnswer(l.From, now) {
		d.Receipt = l.MessageID
	}
	if err := t.write(ctx, id, l, d); err != nil {
		return err
	}
	if d.Receipt != "" {
		t.limits.answered(l.From, now)
	}
	return nil
}
