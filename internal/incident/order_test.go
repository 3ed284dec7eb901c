package incident_test

import (
	"fmt"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// Every pair of states: what may follow what, and nothing else [6.4].
func TestAWorkOrderGoesForwardOnly(t *testing.T) {
	states := []string{"draft", "approved", "sent", "unanswered", "acknowledged", "on_site", "done", "refused", "cancelled"}
	//                      draft approved sent unanswered acknowledged on_site done refused cancelled
	table := map[string]string{
		"draft":        "        -        x      -        -            -         -    -     -       x    ",
		"approved":     "        -        -      x        x            x         x    x     x       x    ",
		"sent":         "        -        -      -        x            x         x    x     x       x    ",
		"unanswered":   "        -        -      -        -            x         x    x     x       x    ",
		"acknowledged": "        -        -      -        -            -         x    x     x       x    ",
		"on_site":      "        -        -      -        -            -         -    x     x       -    ",
		"done":         "        -        -      -        -            -         -    -     -       -    ",
		"refused":      "        -        -      -        -            -         -    -     -       -    ",
		"cancelled":    "        -        -      -        -            -         -    -     -       -    ",
	}
	for _, from := range states {
		var may []rune
		for _, mark := range table[from] {
			if mark != ' ' {
				may = append(may, mark)
			}
		}
		for n, to := range states {
			if got := incident.OrderMay(from, to); got != (may[n] == 'x') {
				t.Errorf("from %s to %s: %v", from, to, got)
			}
			inc := incident.Fold(timeline(at{0, incident.WorkOrdered{Order: "W1", State: from}}, at{1, incident.OrderProgress{Order: "W1", State: to, By: "x"}}))
			if want := map[bool]string{true: to, false: from}[may[n] == 'x']; inc.Order.State != want {
				t.Errorf("from %s to %s the timeline says %s", from, to, inc.Order.State)
			}
		}
	}
}

func TestAnOrderThatAnOlderPiketWroteHasBeenSent(t *testing.T) {
	if o := incident.Fold(timeline(at{0, incident.WorkOrdered{Order: "W1"}})).Order; o.State != incident.OrderSent {
		t.Errorf("it is %s", o.State)
	}
}

func TestAnOrderIsSentWhenItsMailIsAccepted(t *testing.T) {
	o := incident.WorkOrdered{Order: "W1", State: incident.OrderApproved}
	inc := incident.Fold(timeline(at{0, o}, at{0, o.Message("M1")}, at{1, incident.Delivered{Message: "M1"}}))
	if inc.Order.State != incident.OrderSent {
		t.Errorf("it is %s", inc.Order.State)
	}
	late := incident.Fold(timeline(at{0, o}, at{0, o.Message("M1")}, at{1, incident.OrderProgress{Order: "W1", State: "on_site"}}, at{2, incident.Delivered{Message: "M1"}}))
	if late.Order.State != incident.OrderOnSite {
		t.Errorf("the mail took it back to %s", late.Order.State)
	}
}

func TestAYesToACostIsForThatVeryOrder(t *testing.T) {
	o := incident.WorkOrdered{Order: "W1", State: incident.OrderDraft, Cost: 300, AcknowledgeBy: start, ArriveBy: start}
	dearer := o
	dearer.Cost = 3000
	for name, c := range map[string]struct {
		agreed incident.OrderAgreed
		want   string
	}{
		"it":            {incident.OrderAgreed{Order: "W1", Hash: o.Hash(), By: "mila"}, incident.OrderApproved},
		"a dearer one":  {incident.OrderAgreed{Order: "W1", Hash: dearer.Hash(), By: "mila"}, incident.OrderDraft},
		"another order": {incident.OrderAgreed{Order: "W2", Hash: o.Hash(), By: "mila"}, incident.OrderDraft},
	} {
		inc := incident.Fold(timeline(at{0, o}, at{600, c.agreed}))
		if inc.Order.State != c.want {
			t.Errorf("%s: %s", name, inc.Order.State)
		}
		if c.want == incident.OrderApproved && !inc.Order.AcknowledgeBy.After(start) {
			t.Error("their time ran while nobody had agreed")
		}
	}
}

func TestHandsInTheRackOutliveTheirOrder(t *testing.T) {
	in := incident.HandsInRack{Order: "W1", In: true, By: "hands"}
	for _, state := range []string{"done", "refused"} {
		inc := incident.Fold(timeline(at{0, incident.WorkOrdered{Order: "W1"}}, at{1, in}, at{2, incident.OrderProgress{Order: "W1", State: state}},
			at{3, incident.Restored{}}, at{4, incident.Relapsed{}}))
		if !inc.InRack() || !inc.AtWork() || inc.Order == nil || !inc.Order.Open() {
			t.Errorf("%s, and nobody knows of hands in the rack: %+v", state, inc.Order)
		}
		inc.Apply(incident.Event{Incident: inc.ID, Seq: inc.Version + 1, At: start, Payload: incident.HandsInRack{Order: "W1", By: "hands"}})
		if inc.InRack() {
			t.Error("they are out")
		}
	}
}

func TestAnUnknownSendIsSettledByAPersonOnly(t *testing.T) {
	o := incident.WorkOrdered{Order: "W1", State: incident.OrderApproved, Way: "http"}
	tried := func(n int, outcome incident.Outcome) incident.OrderTried {
		return incident.OrderTried{Order: "W1", Try: n, Outcome: outcome, Reference: fmt.Sprint("R", n)}
	}
	inc := incident.Fold(timeline(at{0, o}, at{1, incident.OrderSending{Order: "W1", Try: 1}}, at{2, tried(1, incident.OutcomeUnknown)}, at{3, tried(1, incident.OutcomeDone)}))
	if !inc.Order.Unknown() || inc.Order.State != incident.OrderApproved {
		t.Errorf("what came of one try was written twice, and it is %s", inc.Order.State)
	}
	inc.Apply(incident.Event{Incident: inc.ID, Seq: 9, At: start, Payload: incident.OrderSettled{Order: "W1", Arrived: true, Reference: "T-1", By: "noor"}})
	if inc.Order.State != incident.OrderSent || inc.Order.Reference != "T-1" || inc.Order.Unknown() {
		t.Errorf("%+v", inc.Order)
	}
}

// The wrong-machine promise: on the record itself no one person makes a server
// another machine, whoever wrote the events.
func TestOnePersonNeverMakesAServerAnotherMachine(t *testing.T) { // P4
	was, now := incident.Machine{Serial: "SN1", UUID: "u1"}, incident.Machine{Serial: "SN2", UUID: "u2"}
	proposal := func(by string) incident.IdentityProposed {
		return incident.IdentityProposed{Proposal: "P1", Server: "web-07", Was: was, Now: now, Seen: now, By: by}
	}
	yes := func(p incident.IdentityProposed, by string) incident.IdentityConfirmed {
		return incident.IdentityConfirmed{Proposal: p.Proposal, Hash: p.Hash(), Seen: p.Now, By: by}
	}
	noor := proposal("noor")
	unseen := noor
	unseen.Seen = was
	claim := func(by string) incident.IdentityClaimed {
		return incident.IdentityClaimed{Server: "web-07", Serial: "SN2", By: by}
	}
	other := yes(noor, "omar")
	other.Hash = "00"
	blind := yes(noor, "omar")
	blind.Seen = was
	elsewhere := yes(noor, "omar")
	elsewhere.Proposal = "P2"
	for name, c := range map[string]struct {
		said            []incident.Payload
		confirmed, open bool
	}{
		"two engineers":                           {[]incident.Payload{noor, yes(noor, "omar")}, true, false},
		"a claim and two engineers":               {[]incident.Payload{claim("hands"), noor, yes(noor, "omar")}, true, false},
		"a claim alone":                           {[]incident.Payload{claim("hands")}, false, true},
		"one engineer":                            {[]incident.Payload{noor}, false, true},
		"the same engineer twice":                 {[]incident.Payload{noor, yes(noor, "noor")}, false, true},
		"nobody":                                  {[]incident.Payload{proposal(""), yes(proposal(""), "omar")}, false, false},
		"confirmed by nobody":                     {[]incident.Payload{noor, yes(noor, "")}, false, true},
		"the claimant proposes":                   {[]incident.Payload{claim("noor"), noor, yes(noor, "omar")}, false, true},
		"the claimant confirms":                   {[]incident.Payload{claim("omar"), noor, yes(noor, "omar")}, false, true},
		"the claimant confirms, having come late": {[]incident.Payload{noor, claim("omar"), yes(noor, "omar")}, false, true},
		"nothing proposed":                        {[]incident.Payload{yes(noor, "omar")}, false, false},
		"another text":                            {[]incident.Payload{noor, other}, false, true},
		"another proposal":                        {[]incident.Payload{noor, elsewhere}, false, true},
		"the BMC says otherwise at first":         {[]incident.Payload{unseen, yes(unseen, "omar")}, false, false},
		"the BMC says otherwise later":            {[]incident.Payload{noor, blind}, false, true},
		"dropped":                                 {[]incident.Payload{noor, yes(noor, "omar"), incident.IdentityDropped{By: "mila"}}, false, false},
		"a claim after it was confirmed":          {[]incident.Payload{noor, yes(noor, "omar"), claim("hands")}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var events []at
			for n, p := range c.said {
				events = append(events, at{n, p})
			}
			d := incident.Fold(timeline(events...)).Identity
			if d.Open() != c.open || d.Confirms(was, now) != c.confirmed {
				t.Errorf("open %v, confirmed %v", d.Open(), d.Confirms(was, now))
			}
		})
	}
}
