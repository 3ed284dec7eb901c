package desk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
)

// withReceivers gives the team a pager that wants to hear the end of it, and a
// chat that does not.
func withReceivers(t *testing.T, priority incident.Priority, customers ...string) *history {
	h := newHistory(t, priority, customers...)
	h.inv.Teams[0].Receivers = []string{"on-duty"}
	h.policy.ExternalURL = "https://piket.example.net"
	h.policy.Channels = map[string][]desk.Channel{
		"on-duty": {{Address: "on-duty/pagerduty[0]", Resolved: true}, {Address: "on-duty/slack[0]"}},
		"others":  {{Address: "others/webhook[0]", Resolved: true}},
	}
	return h
}

// noticed lists what receivers hear: "on-duty/slack[0] page open", with "over" at
// the end of it.
func noticed(list []incident.Payload) []string {
	var said []string
	for _, p := range list {
		if m, ok := p.(incident.MessageQueued); ok && m.Way == incident.ByReceiver {
			line := m.To[0] + " " + m.Purpose
			if m.Notice.Resolved() {
				line += " over"
			}
			said = append(said, line)
		}
	}
	return said
}

func hears(t *testing.T, got []incident.Payload, want ...string) {
	t.Helper()
	if said := noticed(got); !slices.Equal(said, want) {
		t.Errorf("receivers hear %q, want %q", said, want)
	}
}

func (h *history) next() []incident.Payload {
	h.t.Helper()
	h.now = h.now.Add(time.Minute)
	all, _ := h.settle()
	return all
}

func TestReceiversHearOnceThatItIsOpenAndOnceThatItIsOver(t *testing.T) {
	h := withReceivers(t, incident.P1)
	hears(t, h.next(), "on-duty/pagerduty[0] page open", "on-duty/slack[0] page open")
	hears(t, h.next())
	h.happens(incident.Restored{How: "it answers"})
	hears(t, h.next(), "on-duty/pagerduty[0] page open over")
	hears(t, h.next())
	h.happens(incident.Relapsed{Reason: "it does not answer"})
	hears(t, h.next(), "on-duty/pagerduty[0] page open, relapse 1", "on-duty/slack[0] page open, relapse 1")
	h.happens(incident.Merged{Into: "INC-2026-0002", Reason: "one rack"})
	hears(t, h.next(), "on-duty/pagerduty[0] page open, relapse 1 over")
}

// While people are asked one after the other, a chat hears of it with the first.
func TestAQuestionIsToldToReceiversOnce(t *testing.T) {
	h := withReceivers(t, incident.P1)
	h.next()
	question(h, time.Hour, nil)
	hears(t, h.next(), "on-duty/pagerduty[0] page A1", "on-duty/slack[0] page A1")
	var later []incident.Payload
	for range 30 {
		later = append(later, h.next()...)
	}
	hears(t, later)
}

func TestWhatPressesLessIsToldOnlyWhenAPersonIsNeeded(t *testing.T) {
	h := withReceivers(t, incident.P3)
	hears(t, h.next())
	h.happens(incident.Attention{Topic: "ladder-used-up", Why: "nothing is left to try"})
	hears(t, h.next(), "on-duty/pagerduty[0] page ladder-used-up", "on-duty/slack[0] page ladder-used-up")
}

// What comes up once service is back calls, and is over when the incident is.
func TestAReceiverThatIsCalledAfterServiceIsBackIsNotToldAtOnceThatItIsOver(t *testing.T) {
	h := withReceivers(t, incident.P1)
	h.next()
	h.happens(incident.Restored{How: "it answers"})
	h.next()
	h.now = h.now.Add(time.Minute)
	h.happens(incident.Attention{Topic: "closure-failed", Why: "the shop does not answer"})
	hears(t, h.next(), "on-duty/pagerduty[0] page closure-failed", "on-duty/slack[0] page closure-failed")
	hears(t, h.next())
	h.happens(incident.Closed{By: "noor"})
	hears(t, h.next(), "on-duty/pagerduty[0] page closure-failed over")
}

// A receiver that could not be told is people's business, by mail: it would be
// told of its own failure, and fail, without end.
func TestAReceiverThatCannotBeToldIsToldToPeopleOnly(t *testing.T) {
	h := withReceivers(t, incident.P1)
	h.next()
	h.happens(incident.Attention{Topic: desk.UndeliveredTopic + "on-duty/slack[0]", Why: "the receiver on-duty/slack[0] was not told of it"})
	got := h.next()
	hears(t, got)
	if !slices.ContainsFunc(got, func(p incident.Payload) bool {
		m, ok := p.(incident.MessageQueued)
		return ok && m.Way == incident.ByMail && slices.Contains(m.To, "noor@example.net") && strings.Contains(m.Body, "was not told of it")
	}) {
		t.Errorf("nobody is mailed: %v", got)
	}
}

func TestReceiversReadNothingOfCustomers(t *testing.T) {
	h := withReceivers(t, incident.P1, "acme", "nobody")
	h.happens(incident.AlertReceived{Alert: alerts.Alert{Source: "probe", Status: alerts.Firing, StartsAt: start, Labels: alerts.Labels{"alertname": "Server\"}}{{"}}})
	all := h.next()
	h.happens(incident.Attention{Topic: incident.ComplaintTopic + "acme", Why: "acme says that the shop is slow"},
		incident.Attention{Topic: "bounced-M1", Why: "the mail to it@acme.example.net came back"})
	all = append(all, h.next()...)
	if len(noticed(all)) != 8 {
		t.Errorf("receivers hear %q", noticed(all))
	}
	for _, p := range all {
		if m, ok := p.(incident.MessageQueued); ok && m.Way == incident.ByReceiver {
			if text := strings.ToLower(fmt.Sprint(m.Subject, m.Body, m.Notice)); strings.Contains(text, "acme") || strings.Contains(text, "nobody") || strings.Contains(text, "{{") {
				t.Errorf("%s reads %s", m.To[0], text)
			}
		}
	}
}

func TestANoticeSaysWhatItIsAboutAndWhereToLook(t *testing.T) {
	h := withReceivers(t, incident.P2)
	h.happens(incident.AlertReceived{Alert: alerts.Alert{Source: "probe", Status: alerts.Firing, StartsAt: start, Labels: alerts.Labels{"alertname": "ServerUnreachable"}}},
		incident.RunbookPinned{Name: "server-unreachable", Hash: "h"})
	for _, p := range h.next() {
		m, ok := p.(incident.MessageQueued)
		if !ok || m.Way != incident.ByReceiver {
			continue
		}
		want := "map[alertname:ServerUnreachable incident:INC-2026-0001 priority:P2 server:web-07 severity:error site:ams1 team:network-and-server]"
		if got := fmt.Sprint(m.Notice.Labels); got != want {
			t.Errorf("labels %s, want %s", got, want)
		}
		a := m.Notice.Annotations
		if a["link"] != "https://piket.example.net/incidents/INC-2026-0001" || a["runbook"] != "server-unreachable" ||
			a["summary"] != "[INC-2026-0001] P2 Server web-07 does not answer" || !strings.Contains(a["description"], "Priority P2") {
			t.Errorf("annotations %v", a)
		}
		return
	}
	t.Fatal("no receiver was told")
}

// Whoever is mailed hears it on their telephone as well, if a browser of theirs
// is registered; the link leads to the page, and that is all it does.
func TestWhoIsPagedIsPushedIfTheyWish(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.policy.Pushes = func(person string) bool { return person == "noor" }
	var got []string
	for _, p := range h.next() {
		if m, ok := p.(incident.MessageQueued); ok && m.Way == incident.ByPush {
			got = append(got, fmt.Sprint(m.To, m.Purpose, m.Body))
		}
	}
	if want := "[[noor]page open/incidents/INC-2026-0001]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
