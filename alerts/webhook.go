package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/prometheus/alertmanager/template"
)

// MaxWebhookBytes bounds the body of one webhook. A real alert takes about 600
// bytes, so this is room for more than ten thousand in one notification.
const MaxWebhookBytes = 8 << 20

// ErrTooLarge is returned for a webhook body over MaxWebhookBytes. Sending it
// again does not help; max_alerts in Alertmanager's receiver does.
var ErrTooLarge = errors.New("webhook body is larger than 8 MiB")

// Webhook is one notification of Alertmanager, payload version 4.
type Webhook struct {
	Receiver  string // as named in Alertmanager's configuration
	GroupKey  string // changes when the routing tree is edited: a hint, never an identity
	Reason    string // why it was sent (Alertmanager 0.32 and later), "" before
	Truncated uint64 // alerts that were cut off: their absence does not mean resolved
	Alerts    []Alert
}

// message is the payload on the wire. Unknown fields are ignored on purpose:
// Alertmanager adds keys without changing the version (notification_reason in
// 0.32, routeLabels in 0.34).
type message struct {
	template.Data
	Version         string `json:"version"`
	GroupKey        string `json:"groupKey"`
	TruncatedAlerts uint64 `json:"truncatedAlerts"`
}

// DecodeWebhook reads one notification. A single alert that makes no sense is
// an error for the whole body, so that nothing is accepted by halves. No error
// it returns is cured by sending the same bytes again.
func DecodeWebhook(body io.Reader) (Webhook, error) {
	raw, err := io.ReadAll(io.LimitReader(body, MaxWebhookBytes+1))
	if err != nil {
		return Webhook{}, fmt.Errorf("read webhook: %w", err)
	}
	if len(raw) > MaxWebhookBytes {
		return Webhook{}, ErrTooLarge
	}
	var m message
	if err := json.Unmarshal(raw, &m); err != nil {
		return Webhook{}, fmt.Errorf("decode webhook: %w", err)
	}
	if m.Version != "4" {
		return Webhook{}, fmt.Errorf("webhook has version %q, piket reads version \"4\" (is this Alertmanager's default payload?)", m.Version)
	}
	hook := Webhook{
		Receiver: unquoteMeta(m.Receiver), GroupKey: m.GroupKey,
		Reason: m.NotificationReason, Truncated: m.TruncatedAlerts,
	}
	for i, a := range m.Alerts {
		alert, err := fromTemplate(a)
		if err != nil {
			return Webhook{}, fmt.Errorf("alert %d of %d: %w", i+1, len(m.Alerts), err)
		}
		hook.Alerts = append(hook.Alerts, alert)
	}
	return hook, nil
}

// fromTemplate judges each alert by its own status: the notification's status
// says "firing" while any member fires, and has been seen saying "resolved"
// while one still did (after a restart of Alertmanager 0.25).
func fromTemplate(a template.Alert) (Alert, error) {
	status := Status(a.Status)
	if status != Firing && status != Resolved {
		return Alert{}, fmt.Errorf("status is %q, want firing or resolved", a.Status)
	}
	if len(a.Labels) == 0 {
		return Alert{}, errors.New("no labels")
	}
	if a.StartsAt.IsZero() {
		return Alert{}, errors.New("no startsAt")
	}
	alert := Alert{
		Source: "alertmanager", Status: status,
		Labels: Labels(a.Labels), Annotations: Labels(a.Annotations),
		StartsAt: a.StartsAt.UTC(), Fingerprint: a.Fingerprint, Link: webLink(a.GeneratorURL),
	}
	if status == Resolved {
		alert.EndsAt = a.EndsAt.UTC()
	}
	if alert.Fingerprint == "" {
		alert.Fingerprint = alert.Labels.Fingerprint()
	}
	// API posters that omit startsAt but give endsAt get startsAt = endsAt,
	// which lies in the future; the end cannot come before the beginning.
	if alert.EndsAt.Before(alert.StartsAt) && status == Resolved {
		alert.EndsAt = alert.StartsAt
	}
	return alert, nil
}

// unquoteMeta undoes regexp.QuoteMeta, which Alertmanager applies to the
// receiver's name: team.db arrives as team\.db.
func unquoteMeta(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// webLink keeps a link only when a browser may be sent there: a generatorURL
// is the sender's text, and javascript: in it was a hole in other tools
// (CVE-2023-40577).
func webLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return s
}
