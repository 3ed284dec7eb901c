package mailbox

import (
	"context"
	"fmt"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/oneline"
)

// Alarm is how people hear that the mailbox is not read. It is an alert as any
// other: an incident calls who is on duty.
type Alarm struct {
	Receive func(ctx context.Context, batch []alerts.Alert, cut uint64) error
	LoadFor func(ctx context.Context, subject incident.Subject) (*incident.Incident, error) // nil when none is open
}

// alarmAfter is how long a mailbox cannot be read before people hear of it: a
// server that is restarted is back by then.
const alarmAfter = 5 * time.Minute

// trouble is how long a mailbox has not been read. Only one goroutine uses it.
type trouble struct {
	alarm  Alarm
	clock  *clock.Clock
	since  time.Time // zero while it is read
	raised bool
	looked bool // whether an alert of before is over was looked up since it was read last
}

// stands notes that the mailbox could not be read, and raises the alert when that
// has lasted.
func (t *trouble) stands(ctx context.Context, config Config, why error) error {
	now := t.clock.Now()
	if t.since.IsZero() {
		t.since = now
	}
	t.looked = false
	if t.raised || now.Sub(t.since) < alarmAfter {
		return nil
	}
	a := alertOf(config)
	a.Status, a.StartsAt = alerts.Firing, t.since
	a.Annotations = alerts.Labels{"summary": fmt.Sprintf("The mailbox of %s has not been read since %s: %s",
		config.Username, t.since.UTC().Format(incident.Moment), oneline.Of(why.Error(), maxLineRunes))}
	if err := t.alarm.Receive(ctx, []alerts.Alert{a}, 0); err != nil {
		return err
	}
	t.raised = true
	return nil
}

// over notes that the mailbox is read. What any replica has said of it is over
// then, also before a restart.
func (t *trouble) over(ctx context.Context, config Config) error {
	t.since, t.raised = time.Time{}, false
	if t.looked {
		return nil
	}
	a := alertOf(config)
	inc, err := t.alarm.LoadFor(ctx, incident.Subject{Kind: "alert", Name: a.Fingerprint})
	if err != nil {
		return err
	}
	if inc != nil {
		if err := t.resolve(ctx, inc, a.Fingerprint); err != nil {
			return err
		}
	}
	t.looked = true
	return nil
}

func (t *trouble) resolve(ctx context.Context, inc *incident.Incident, fingerprint string) error {
	var batch []alerts.Alert
	for _, a := range inc.Firing() {
		if a.Fingerprint == fingerprint {
			a.Status, a.EndsAt = alerts.Resolved, t.clock.Now()
			batch = append(batch, a)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return t.alarm.Receive(ctx, batch, 0)
}

// alertOf names the mailbox.
func alertOf(config Config) alerts.Alert {
	labels := alerts.Labels{"alertname": alerts.MailboxUnreadable, "mailbox": config.Username + " at " + config.Address}
	return alerts.Alert{Source: "mailbox", Labels: labels, Fingerprint: labels.Fingerprint()}
}
