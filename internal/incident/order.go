package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The states of a work order. What may follow what stands in orderMoves.
const (
	OrderDraft        = "draft"      // a person must agree to its cost
	OrderApproved     = "approved"   // it may go
	OrderSent         = "sent"       // whoever carries it has accepted it
	OrderUnanswered   = "unanswered" // nobody acknowledged it in time
	OrderAcknowledged = "acknowledged"
	OrderOnSite       = "on_site"
	OrderDone         = "done"
	OrderRefused      = "refused"
	OrderCancelled    = "cancelled"
)

// orderMoves lists what may follow each state. A telephone may be quicker than
// the order itself, and word of it may come late: so states may be passed over,
// and never gone back to. Whoever stands at the rack is not called off; they say
// themselves how it ended.
var orderMoves = map[string][]string{
	OrderDraft:        {OrderApproved, OrderCancelled},
	OrderApproved:     {OrderSent, OrderUnanswered, OrderAcknowledged, OrderOnSite, OrderDone, OrderRefused, OrderCancelled},
	OrderSent:         {OrderUnanswered, OrderAcknowledged, OrderOnSite, OrderDone, OrderRefused, OrderCancelled},
	OrderUnanswered:   {OrderAcknowledged, OrderOnSite, OrderDone, OrderRefused, OrderCancelled},
	OrderAcknowledged: {OrderOnSite, OrderDone, OrderRefused, OrderCancelled},
	OrderOnSite:       {OrderDone, OrderRefused},
}

// OrderMay reports whether a work order may go from one state to another. It is a
// pure function.
func OrderMay(from, to string) bool { return slices.Contains(orderMoves[from], to) }

// OrderStates lists the states that a person may report, in their order.
var OrderStates = []string{OrderAcknowledged, OrderOnSite, OrderDone, OrderRefused, OrderCancelled}

// ToVendor is the kind of a work order that goes to a vendor [2.4]. Every other
// one is for hands on site.
const ToVendor = "vendor"

// AccessCodeMark stands in a work order where the site's access code belongs. The
// code is filled in when the order leaves, and on the technician's page: no
// timeline and no log ever has it.
const AccessCodeMark = "(access code)"

// WorkOrdered asks hands on site, or a vendor, to do something.
type WorkOrdered struct {
	Order         string    `json:"order"`
	Step          string    `json:"step"` // place in the runbook's escalation, "" when a person ordered it
	To            string    `json:"to"`   // name of the remote hands or of the vendor
	Email         []string  `json:"email"`
	Telephone     string    `json:"telephone,omitempty"`
	Subject       string    `json:"subject"`
	Body          string    `json:"body"`
	AcknowledgeBy time.Time `json:"acknowledge_by"`
	ArriveBy      time.Time `json:"arrive_by"`

	State     string   `json:"state,omitempty"` // that it begins in: draft or approved; an older piket wrote none, and mailed at once
	For       string   `json:"for,omitempty"`   // [ToVendor], "" for hands on site
	Way       Way      `json:"way,omitempty"`
	Language  string   `json:"language,omitempty"` // of whoever reads it, "nl" or "en"
	Checklist []string `json:"checklist,omitempty"`
	Link      string   `json:"link,omitempty"`     // path of the technician's page, without its token
	Cost      int      `json:"cost,omitempty"`     // what it will cost as far as is known, 0 when it is not
	Limit     int      `json:"limit,omitempty"`    // what it may cost without a further yes, 0 when none was agreed
	Currency  string   `json:"currency,omitempty"` // of both
	By        string   `json:"by,omitempty"`       // the person who ordered it, "" for the runbook
}

func (WorkOrdered) Kind() Kind { return "ordered" }
func (p WorkOrdered) Text() string {
	text := fmt.Sprintf("Work order %s to %s: %s. To be acknowledged by %s", p.Order, p.To, p.Subject, clockTime(p.AcknowledgeBy))
	if p.State == OrderDraft {
		text += fmt.Sprintf(". It waits for a yes to its cost, about %s", p.Money(p.Cost))
	}
	return sentence("%s.", text)
}

// Money words an amount in the order's currency.
func (p WorkOrdered) Money(amount int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", amount, p.Currency))
}

// Hash is the SHA-256 of everything that the order says: what a yes to its cost
// is bound to.
func (p WorkOrdered) Hash() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic("incident: plain data always encodes: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Message is the mail that carries the order.
func (p WorkOrdered) Message(id string) MessageQueued {
	return MessageQueued{Message: id, Purpose: "work-order", Order: p.Order, To: p.Email, Subject: p.Subject, Body: p.Body, Link: p.Link}
}

// OrderProgress is one step of a work order: one of [OrderStates], or unanswered.
type OrderProgress struct {
	Order string `json:"order"`
	State string `json:"state"`
	By    string `json:"by"`
	Words string `json:"words,omitempty"`
}

func (OrderProgress) Kind() Kind { return "order_progress" }
func (p OrderProgress) Text() string {
	text := fmt.Sprintf("Work order %s: %s", p.Order, strings.ReplaceAll(p.State, "_", " "))
	if p.By != Piket {
		text += ", says " + p.By
	}
	if p.Words != "" {
		text += ": " + p.Words
	}
	return sentence("%s.", text)
}

// OrderAgreed is a manager's yes to what one order costs, as it was read.
type OrderAgreed struct {
	Order string `json:"order"`
	Hash  string `json:"hash"` // [WorkOrdered.Hash]
	By    string `json:"by"`
}

func (OrderAgreed) Kind() Kind { return "order_agreed" }
func (p OrderAgreed) Text() string {
	return sentence("%s agrees to the cost of work order %s (version %.12s).", p.By, p.Order, p.Hash)
}

// HandsInRack says that hands are in the rack, or out of it again. While they are
// in, no power command goes to any server of that rack, and only a person ends it.
type HandsInRack struct {
	Order string `json:"order"`
	In    bool   `json:"in"`
	By    string `json:"by"`
}

func (HandsInRack) Kind() Kind { return "hands_in_rack" }
func (p HandsInRack) Text() string {
	where := "out of"
	if p.In {
		where = "in"
	}
	return sentence("Hands are %s the rack (%s), says %s.", where, p.Order, p.By)
}

// Order is one work order and how far it has come.
type Order struct {
	WorkOrdered
	OrderedAt time.Time
	State     string
	ChangedAt time.Time
	By, Words string

	AgreedBy  string    // who agreed to its cost, "" when nobody had to
	HandsIn   time.Time // since when hands are in the rack, zero while they are not
	HandsBy   string    // who said so
	Reference string    // the number under which the receiver has it, "" when none is known
	Send      *OrderTry // the last try to hand it to a machine, nil when it goes by mail

	Ticks    []int // places on the checklist that are done
	Findings []string
	Parts    []PartReplaced
	Photos   []PhotoTaken
}

// Open reports whether the order is not over. What is done, refused or cancelled
// stays so, and is not over before the hands are out of the rack.
func (o *Order) Open() bool {
	return o != nil && (!o.HandsIn.IsZero() || o.State != OrderDone && o.State != OrderRefused && o.State != OrderCancelled)
}

// AtWork reports whether hands have said that they come, and not yet that they
// are done and out of the rack.
func (o *Order) AtWork() bool {
	return o.Open() && (o.InRack() || o.State == OrderAcknowledged)
}

// InRack reports whether hands are at the rack by now: nobody cuts or gives power
// there, whatever else is owed.
func (o *Order) InRack() bool {
	return o != nil && (!o.HandsIn.IsZero() || o.State == OrderOnSite)
}

// Declined reports whether nobody comes for this order.
func (o *Order) Declined() bool {
	return !o.Open() && o != nil && (o.State == OrderRefused || o.State == OrderCancelled)
}

// AtWork reports whether hands come to the subject's rack or are in it, for any
// work order. What a vendor has merely taken on brings nobody there yet.
func (i *Incident) AtWork() bool { return i.Order.AtWork() || i.InRack() }

// InRack reports whether hands are at the subject's rack by now.
func (i *Incident) InRack() bool { return slices.ContainsFunc(i.WorkOrders(), (*Order).InRack) }

// OpenOrders lists the work orders that are not over.
func (i *Incident) OpenOrders() []*Order {
	return slices.DeleteFunc(slices.Clone(i.WorkOrders()), func(o *Order) bool { return !o.Open() })
}

// OrderOf returns the work order with that number, nil when there is none.
func (i *Incident) OrderOf(order string) *Order {
	for _, o := range i.WorkOrders() {
		if o.Order == order {
			return o
		}
	}
	return nil
}

// WorkOrders lists the order for hands on site, if there is one, and those for
// vendors.
func (i *Incident) WorkOrders() []*Order {
	if i.Order == nil {
		return i.Vendors
	}
	return append([]*Order{i.Order}, i.Vendors...)
}

// order books a work order and everything that is said of it.
func (i *Incident) order(e Event) {
	switch p := e.Payload.(type) {
	case WorkOrdered:
		i.beginOrder(p, e.At)
	case OrderProgress:
		if o := i.OrderOf(p.Order); o != nil && OrderMay(o.State, p.State) {
			o.move(p.State, p.By, p.Words, e.At)
			i.answered(p.Order)
			if p.State == OrderDone && o == i.Order && e.Actor != Piket { // no ticket system's word
				i.Owes = nil // hands have been there; the machine is as they left it
			}
		}
	case OrderAgreed:
		if o := i.OrderOf(p.Order); o != nil && OrderMay(o.State, OrderApproved) && p.Hash == o.Hash() {
			o.AgreedBy = p.By
			o.wait(e.At.Sub(o.OrderedAt))
			o.move(OrderApproved, p.By, "", e.At)
			i.answered(p.Order)
		}
	case HandsInRack:
		if o := i.OrderOf(p.Order); o != nil {
			o.hands(p, e.At)
			i.answered(p.Order)
		}
	}
}

func (i *Incident) beginOrder(p WorkOrdered, at time.Time) {
	o := &Order{WorkOrdered: p, OrderedAt: at, State: p.State, ChangedAt: at}
	if o.State == "" {
		o.State = OrderSent
	}
	if p.For == ToVendor {
		i.Vendors = append(i.Vendors, o)
		return
	}
	i.Order, i.Blocked = o, Blocked{}
}

func (o *Order) move(state, by, words string, at time.Time) {
	o.State, o.ChangedAt, o.By, o.Words = state, at, by, words
}

// wait moves the deadlines of who receives the order: their time runs from when it
// may go.
func (o *Order) wait(late time.Duration) {
	o.AcknowledgeBy, o.ArriveBy = o.AcknowledgeBy.Add(late), o.ArriveBy.Add(late)
}

func (o *Order) hands(p HandsInRack, at time.Time) {
	switch {
	case !p.In:
		o.HandsIn, o.HandsBy = time.Time{}, p.By
	case o.HandsIn.IsZero():
		o.HandsIn, o.HandsBy = at, p.By
		if OrderMay(o.State, OrderOnSite) {
			o.move(OrderOnSite, p.By, "", at)
		}
	}
}

// handed books that whoever carries the mail of an order has accepted it.
func (i *Incident) handed(order string, at time.Time) {
	if o := i.OrderOf(order); o != nil && OrderMay(o.State, OrderSent) {
		o.move(OrderSent, Piket, "", at)
	}
}

// answered ends the calls for a person that word of a work order answers. What
// is late again is called again.
func (i *Incident) answered(order string) {
	for topic := range i.Attentions {
		if strings.HasPrefix(topic, order+"-") {
			delete(i.Attentions, topic)
		}
	}
}
