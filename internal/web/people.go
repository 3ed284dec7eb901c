package web

import (
	"maps"
	"slices"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// orderView is the work order and what hands on site may report.
type orderView struct {
	ID, Order     string
	To, Telephone string
	Email         []string
	Subject, Body string
	Milestones    []milestone
	Words, By     string
	Refused       bool
	Next          []choice // what can be reported now; empty for who may not

	State, Tone string
	HandsIn     time.Time
	HandsBy     string
	MayHands    bool   // to say where the hands are
	MayAgree    bool   // to its cost
	Cost, Limit string // in words
	Hash        string // of what is agreed to
	AgreedBy    string
	Unknown     string // why nobody knows whether it arrived, "" when that is known
	Reference   string
	Lines       []tickLine
	Findings    []string
	Parts       []incident.PartReplaced
	Photos      []incident.PhotoTaken
	Vendor      bool
	MayCancel   bool
}

// ordersView is everybody who was sent or asked, and whom one may ask.
type ordersView struct {
	ID      string
	Orders  []orderView
	Vendors []inventory.Vendor // that may be asked; empty for who may not
}

// milestone is one stage of a work order.
type milestone struct {
	Title string
	At    time.Time // when it was reached; zero before
	By    time.Time // the deadline; zero when there is none
	Late  bool
}

// choice is a button.
type choice struct {
	Value, Title string
	Main         bool
}

// orderChoices lists what may be reported from each state.
var orderChoices = map[string][]choice{
	"approved":     {{"acknowledged", "They have it", true}, {"on_site", "On site", false}, {"refused", "Refused", false}},
	"unanswered":   {{"acknowledged", "They have it", true}, {"on_site", "On site", false}, {"refused", "Refused", false}},
	"sent":         {{"acknowledged", "They have it", true}, {"on_site", "On site", false}, {"refused", "Refused", false}},
	"acknowledged": {{"on_site", "On site", true}, {"done", "Done", false}, {"refused", "Refused", false}},
	"on_site":      {{"done", "Done", true}, {"refused", "Refused", false}},
}

func ordersOf(h history, s setting) *ordersView {
	v := &ordersView{ID: h.inc.ID}
	for _, o := range h.inc.WorkOrders() {
		v.Orders = append(v.Orders, *orderOf(h, s, o))
	}
	if h.inc.Ongoing() && warden.admits(s.me) && !h.inc.Subject.NoTrouble() {
		v.Vendors = s.inv.Vendors
	}
	if len(v.Orders)+len(v.Vendors) == 0 {
		return nil
	}
	return v
}

// staffOnly adds what is beside the milestones: cost, hands, whether it arrived, and
// what was reported from the site.
func (v *orderView) staffOnly(h history, s setting, o *incident.Order) {
	ongoing := h.inc.Ongoing()
	v.State, v.Vendor = orderWords[o.State], o.For == incident.ToVendor
	v.HandsIn, v.HandsBy = o.HandsIn, personName(o.HandsBy, s.inv)
	v.MayHands = s.me.Has(inventory.Engineer, inventory.Support) && (!o.HandsIn.IsZero() || ongoing && o.InRack())
	v.AgreedBy, v.Reference, v.Findings, v.Parts, v.Photos = personName(o.AgreedBy, s.inv), o.Reference, o.Findings, o.Parts, o.Photos
	if o.Cost > 0 {
		v.Cost = o.Money(o.Cost)
	}
	if o.Limit > 0 {
		v.Limit = o.Money(o.Limit)
	}
	if o.State == incident.OrderDraft && ongoing {
		v.Hash, v.MayAgree = o.Hash(), s.me.Has(inventory.Manager)
	}
	v.MayCancel = ongoing && warden.admits(s.me) && o.HandsIn.IsZero() && incident.OrderMay(o.State, incident.OrderCancelled)
	if o.Unknown() && ongoing && judge.admits(s.me) {
		v.Unknown = o.Send.Detail
	}
	for n, what := range o.Checklist {
		v.Lines = append(v.Lines, tickLine{n, what, slices.Contains(o.Ticks, n)})
	}
}

func orderOf(h history, s setting, o *incident.Order) *orderView {
	v := &orderView{
		ID: h.inc.ID, Order: o.Order, To: o.To, Telephone: o.Telephone, Email: o.Email, Subject: o.Subject, Body: o.Body,
		Words: o.Words, By: personName(o.By, s.inv), Refused: o.State == "refused",
	}
	v.staffOnly(h, s, o)
	reached := map[string]time.Time{}
	for _, e := range h.events {
		if p, ok := e.Payload.(incident.OrderProgress); ok && p.Order == o.Order {
			reached[p.State] = e.At
		}
	}
	v.Milestones = []milestone{
		{Title: "Asked", At: o.OrderedAt},
		{Title: "Acknowledged", At: reached["acknowledged"], By: o.AcknowledgeBy},
		{Title: "On site", At: reached["on_site"], By: o.ArriveBy},
		{Title: "Done", At: reached["done"]},
	}
	for n := range v.Milestones {
		m := &v.Milestones[n]
		passed := slices.ContainsFunc(v.Milestones[n:], func(later milestone) bool { return !later.At.IsZero() })
		m.Late = !passed && !m.By.IsZero() && s.now.After(m.By) && !v.Refused && h.inc.Ongoing()
	}
	if h.inc.Ongoing() && s.me.Has(inventory.Engineer, inventory.Support) && o.HandsIn.IsZero() {
		v.Next = orderChoices[o.State]
	}
	return v
}

// callsView is whom somebody must telephone.
type callsView struct {
	ID   string
	Open []callView
	Done []callView
	May  bool
}

type callView struct {
	Task, Customer, Telephone, Purpose, Script string
	Due                                        time.Time
	Outcome, By                                string
	Tries                                      int
	HeldBy                                     string // who is calling, "" when nobody is
	Until                                      time.Time
	Mine                                       bool // it is the one who looks
	Later                                      bool // it is not due yet: nobody answered
}

func callsOf(h history, s setting) *callsView {
	if len(h.inc.CallTasks) == 0 {
		return nil
	}
	v := &callsView{ID: h.inc.ID, May: hands.admits(s.me)}
	for _, c := range h.inc.CallTasks {
		call := callView{
			Task: c.Task, Customer: c.Customer, Telephone: c.Telephone, Purpose: purposeWords[c.Purpose], Script: c.Script,
			Due: c.Due, Outcome: c.Outcome, By: personName(c.By, s.inv), Tries: c.Tries,
			HeldBy: personName(c.HeldBy(s.now), s.inv), Until: c.TakenUntil, Mine: c.HeldBy(s.now) == s.me.Name, Later: s.now.Before(c.Due),
		}
		if customer, ok := s.inv.Customer(c.Customer); ok {
			call.Customer = customerName(customer)
		}
		if c.Outcome == "" {
			v.Open = append(v.Open, call)
		} else {
			v.Done = append(v.Done, call)
		}
	}
	return v
}

// purposeWords says what a message or call is for.
var purposeWords = map[string]string{
	"first": "first word", "update": "update", "restored": "service is back", "summary": "summary",
	"confirm": "does everything work?", "confirm-again": "does everything work?",
}

// customersView is who was told what, and when they hear again.
type customersView struct {
	Rows  []customerRow
	Every string
}

type customerRow struct {
	Name  string
	Told  time.Time
	Back  time.Time
	Next  time.Time
	Late  bool
	Mails []mailView

	Says, Tone string // whether everything works, in their words; "" before they were asked
	Feedback   *incident.Feedback
}

type mailView struct {
	Purpose, Subject, State, Tone string
	At                            time.Time
}

func customersOf(h history, s setting) *customersView {
	if len(h.inc.Customers) == 0 {
		return nil
	}
	v := &customersView{}
	if every, told := s.updates[h.inc.Priority]; told {
		v.Every = inWords(every)
	}
	for _, name := range h.inc.Customers {
		row := customerRow{Name: name, Told: h.inc.Told[name], Back: h.inc.ToldBack[name]}
		c, ok := s.inv.Customer(name)
		if ok {
			row.Name = customerName(c)
		}
		row.confirmed(h.inc, name)
		if every, hears := (desk.Policy{Updates: s.updates}).Hears(c, h.inc.Priority); hears && every > 0 && h.inc.Status == incident.Open && !row.Told.IsZero() {
			row.Next = row.Told.Add(every)
			row.Late = s.now.After(row.Next)
		}
		for _, m := range h.inc.Messages {
			if m.Customer == name {
				row.Mails = append(row.Mails, mailOf(m))
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func mailOf(m *incident.Message) mailView {
	v := mailView{Purpose: purposeWords[m.Purpose], Subject: m.Subject, At: m.QueuedAt, State: "on its way", Tone: toneLook}
	switch {
	case m.Bounced != "":
		v.State, v.Tone = "came back", toneBad
	case m.Delivered:
		v.State, v.Tone = "delivered", toneGood
	case m.GivenUp:
		v.State, v.Tone = "not delivered", toneBad
	case m.Tries > 0:
		v.State, v.Tone = "not yet delivered", toneHold
	}
	return v
}

// attentionsView is why a person is needed.
type attentionsView struct {
	Points []incident.Attention
}

func attentionsOf(h history, _ setting) *attentionsView {
	points := slices.DeleteFunc(h.attentions(), func(p incident.Attention) bool {
		_, stands := h.inc.Attentions[p.Topic]
		return !stands
	})
	if !h.inc.Ongoing() || len(points) == 0 {
		return nil
	}
	return &attentionsView{points}
}

// closeView is the form that ends an incident, or the words that ended it.
type closeView struct {
	ID        string
	Ready     bool
	Waits     string // what closing still waits for
	Draft     incident.Resolution
	Final     *incident.Resolution
	FinalBy   string
	Reported  bool // a person's report is open, and a person can end it
	Unchecked bool // this person may close it on their word alone

	Awaited    []string                    // customers who have not said that everything works
	Complaints []incident.CustomerAnswered // and those who have said that not everything does
	MayAnswer  bool                        // this person may write down what a customer says
	MaySettle  bool
}

func closeOf(h history, s setting) *closeView {
	inc := h.inc
	v := &closeView{ID: inc.ID, Draft: desk.Draft(inc), Final: inc.Resolution}
	if v.Final != nil {
		v.FinalBy = personName(v.Final.By, s.inv)
		return v
	}
	v.Reported = inc.Ongoing() && inc.Runbook.Hash == "" && hands.admits(s.me) &&
		slices.ContainsFunc(inc.Firing(), alertOfPerson)
	// Asked of the desk itself, so that the page offers what it would take.
	_, err := desk.Close(inc, s.me, incident.Resolution{Cause: "-", Solution: "-", Prevention: "-", Unconfirmed: "-"})
	v.Ready = err == nil
	_, err = desk.Close(inc, s.me, incident.Resolution{Cause: "-", Solution: "-", Unchecked: "-"})
	v.Unchecked = err == nil
	v.listen(inc, s)
	if !v.Ready && inc.Status == incident.BackInService {
		v.Waits = "The closure check must pass first; then an engineer or a manager closes it."
		if inc.Closure != nil && inc.Closure.Passed {
			v.Waits = "The closure check has passed. An engineer or a manager closes it."
		}
	}
	if !v.Ready && v.Waits == "" && !v.Reported && !v.Unchecked && len(v.Complaints) == 0 && len(v.Awaited) == 0 {
		return nil
	}
	return v
}

// listen adds what customers say of the end.
func (v *closeView) listen(inc *incident.Incident, s setting) {
	v.Complaints, v.MaySettle, v.MayAnswer = inc.Complaints(), warden.admits(s.me), reporter.admits(s.me)
	for _, name := range inc.Unconfirmed() {
		complains := slices.ContainsFunc(v.Complaints, func(c incident.CustomerAnswered) bool { return c.Customer == name })
		if !complains && desk.MayAnswer(inc, name) {
			v.Awaited = append(v.Awaited, name)
		}
	}
}

// confirmed adds what a customer said of the end.
func (r *customerRow) confirmed(inc *incident.Incident, name string) {
	c := inc.Confirmation
	if c == nil {
		return
	}
	if f, given := c.Feedback[name]; given {
		r.Feedback = &f
	}
	switch answer, said := c.Answers[name]; {
	case said && answer.Works:
		r.Says, r.Tone = "says that everything works", toneGood
	case said:
		r.Says, r.Tone = "says that not everything works", toneBad
	case slices.Contains(c.Asked.Customers, name):
		r.Says, r.Tone = "asked whether everything works", toneAsk
	}
}

// updateView is an update that waits for the communications manager's nod.
type updateView struct {
	ID, Draft string
	Customers []string
	Texts     []string // in each language
	Until     time.Time
	May       bool
}

func updateOf(h history, s setting) *updateView {
	d := desk.PendingDraft(h.inc, s.now)
	if d == nil {
		return nil
	}
	v := &updateView{ID: h.inc.ID, Draft: d.Draft, Customers: d.Customers, Until: d.Until, May: spokesman.admits(s.me)}
	for _, language := range slices.Sorted(maps.Keys(d.Texts)) {
		v.Texts = append(v.Texts, d.Texts[language])
	}
	return v
}
