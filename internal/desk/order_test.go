package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
)

// sent is an order as the engine writes it.
func sent(state string, change ...func(*incident.WorkOrdered)) incident.WorkOrdered {
	o := incident.WorkOrdered{
		Order: "INC-2026-0001/W7", Step: "escalate-1", To: "hands", Email: []string{"hands@example.net"}, Telephone: "+31 20 000 0100", State: state,
		AcknowledgeBy: start.Add(15 * time.Minute), ArriveBy: start.Add(2 * time.Hour), Subject: "s", Body: "b",
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

// Each state of an order has its end, and what is late is the incident manager's [6.4].
func TestEveryStateOfAnOrderHasADeadline(t *testing.T) {
	progress := func(state string) incident.Payload {
		return incident.OrderProgress{Order: "INC-2026-0001/W7", State: state, By: "sam"}
	}
	in := incident.HandsInRack{Order: "INC-2026-0001/W7", In: true, By: "sam"}
	for name, c := range map[string]struct {
		happened []incident.Payload
		at       time.Duration
		topic    string
		says     string
	}{
		"draft":        {[]incident.Payload{sent("draft")}, 15 * time.Minute, "undecided", "cost"},
		"approved":     {[]incident.Payload{sent("approved", func(o *incident.WorkOrdered) { o.Way = "http" })}, 10 * time.Minute, "unsent", "+31 20 000 0100"},
		"sent":         {[]incident.Payload{sent("")}, 15 * time.Minute, "unanswered", "+31 20 000 0100"},
		"acknowledged": {[]incident.Payload{sent(""), progress("acknowledged")}, 2 * time.Hour, "not-arrived", "+31 20 000 0100"},
		"on site":      {[]incident.Payload{sent(""), progress("on_site")}, 4 * time.Hour, "still-on-site", "on site for 4h"},
		"hands in":     {[]incident.Payload{sent(""), in}, 90 * time.Minute, "hands-in", "no power command"},
		"a vendor":     {[]incident.Payload{sent("", func(o *incident.WorkOrdered) { o.For = incident.ToVendor })}, 15 * time.Minute, "unanswered", "+31"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, incident.P1)
			h.inv = roster(t, 0)
			h.happens(c.happened...)
			topic := "INC-2026-0001/W7-" + c.topic
			h.play("none", c.at-time.Second)
			if _, raised := h.incident().Attentions[topic]; raised {
				t.Error("it was called late before its time")
			}
			h.play("none", 3*time.Second)
			if !strings.Contains(h.incident().Reasons[topic], c.says) {
				t.Errorf("nobody is called: %v", h.incident().Reasons)
			}
			paged := false
			for _, m := range h.incident().Messages {
				if strings.Contains(m.Purpose, topic) {
					paged = strings.Join(m.People, ",") == "mila"
				}
			}
			if !paged {
				t.Error("the incident manager was not paged")
			}
		})
	}
}

func TestSilenceIsAStateOfTheOrder(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.happens(sent(""))
	h.play("none", 16*time.Minute)
	if state := h.incident().Order.State; state != incident.OrderUnanswered {
		t.Errorf("it is %s", state)
	}
	h.happens(incident.OrderProgress{Order: "INC-2026-0001/W7", State: "acknowledged", By: "sam"})
	for topic := range h.incident().Attentions {
		if strings.Contains(topic, "unanswered") {
			t.Error("their answer does not end the call for a person")
		}
	}
}

func TestAnOrderIsMailedOnceItsCostIsAgreedTo(t *testing.T) {
	h := newHistory(t, incident.P1)
	h.inv = roster(t, 0)
	o := sent("draft", func(o *incident.WorkOrdered) { o.Cost, o.Limit, o.Currency = 300, 200, "EUR" })
	h.happens(o)
	h.play("none", time.Minute)
	carried := func() (n int) {
		for _, m := range h.incident().Messages {
			if m.Order == o.Order {
				n++
			}
		}
		return n
	}
	asked := false
	for _, m := range h.incident().Messages {
		asked = asked || strings.Contains(m.Purpose, "cost-") && strings.Contains(m.Body, "300 EUR") && strings.Join(m.People, ",") == "mila"
	}
	if carried() != 0 || !asked {
		t.Errorf("%d mails before the yes, asked %v", carried(), asked)
	}
	yes, err := desk.AgreeToOrder(h.incident(), manager, o.Order, o.Hash())
	if err != nil {
		t.Fatal(err)
	}
	h.happens(yes...)
	h.play("none", time.Minute)
	if carried() != 1 {
		t.Errorf("%d mails after the yes", carried())
	}
}

func TestAnOrderOfWhichNobodyKnowsWaitsForAPerson(t *testing.T) {
	h := newHistory(t, incident.P1)
	o := sent("approved", func(o *incident.WorkOrdered) { o.Way = "http" })
	h.happens(o, incident.OrderSending{Order: o.Order, Try: 1}, incident.OrderTried{Order: o.Order, Try: 1, Outcome: incident.OutcomeUnknown, Detail: "no answer"})
	h.play("none", time.Minute)
	if why := h.incident().Reasons[o.Order+"-unknown"]; !strings.Contains(why, "no answer") {
		t.Errorf("nobody is asked: %q", why)
	}
	for name, c := range map[string]struct {
		arrived bool
		want    string
	}{"it arrived": {true, incident.OrderSent}, "it did not": {false, incident.OrderApproved}} {
		t.Run(name, func(t *testing.T) {
			inc := h.incident()
			said, err := desk.SettleOrder(inc, support, incident.OrderSettled{Order: o.Order, Arrived: c.arrived})
			if err != nil {
				t.Fatal(err)
			}
			next := inc.Clone()
			next.Apply(incident.Event{Incident: inc.ID, Seq: inc.Version + 1, At: h.now, Payload: said[0]})
			if next.Order.State != c.want || next.Order.Unknown() {
				t.Errorf("it is %s, unknown %v", next.Order.State, next.Order.Unknown())
			}
			if _, err := desk.SettleOrder(next, support, incident.OrderSettled{Order: o.Order}); err == nil {
				t.Error("it is settled twice")
			}
		})
	}
}
