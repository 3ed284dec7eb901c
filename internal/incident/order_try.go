package incident

import (
	"time"
)

// OrderSending is written before a work order goes to another company's machine:
// that it is about to be sent, and under which key. After a crash nothing else
// tells whether it was.
type OrderSending struct {
	Order string `json:"order"`
	Try   int    `json:"try"`
}

func (OrderSending) Kind() Kind { return "order_sending" }
func (p OrderSending) Text() string {
	return sentence("Work order %s is about to be sent, try %d.", p.Order, p.Try)
}

// OrderTried says what came of a try.
type OrderTried struct {
	Order     string    `json:"order"`
	Try       int       `json:"try"`
	Outcome   Outcome   `json:"outcome"` // refused means: proved not taken
	Reference string    `json:"reference,omitempty"`
	Detail    string    `json:"detail"`
	RetryAt   time.Time `json:"retry_at,omitzero"` // zero: not again without a person's word
}

func (OrderTried) Kind() Kind { return "order_tried" }
func (p OrderTried) Text() string {
	switch {
	case p.Outcome == OutcomeDone && p.Reference != "":
		return sentence("Work order %s was taken as %s: %s.", p.Order, p.Reference, p.Detail)
	case p.Outcome == OutcomeDone:
		return sentence("Work order %s was taken: %s.", p.Order, p.Detail)
	case p.Outcome == OutcomeUnknown:
		return sentence("Nobody knows whether work order %s arrived: %s.", p.Order, p.Detail)
	}
	return sentence("Work order %s was not taken: %s.", p.Order, p.Detail)
}

// OrderSettled is a person's word on whether an order arrived of which nobody knew:
// when it has not, it may be sent once more.
type OrderSettled struct {
	Order     string `json:"order"`
	Arrived   bool   `json:"arrived"`
	Reference string `json:"reference,omitempty"`
	By        string `json:"by"`
}

func (OrderSettled) Kind() Kind { return "order_settled" }
func (p OrderSettled) Text() string {
	if p.Arrived {
		return sentence("%s says that work order %s has arrived, as %q.", p.By, p.Order, p.Reference)
	}
	return sentence("%s says that work order %s has not arrived; it may be sent again.", p.By, p.Order)
}

// OrderTry is a try to hand an order to a machine and what came of it.
type OrderTry struct {
	Try     int
	At      time.Time
	Outcome Outcome // "" while it is under way
	Detail  string
	RetryAt time.Time
}

// Unknown reports whether nobody knows if the order arrived.
func (o *Order) Unknown() bool { return o != nil && o.Send != nil && o.Send.Outcome == OutcomeUnknown }

// orderTried books how an order goes to a machine.
func (i *Incident) orderTried(e Event) {
	switch p := e.Payload.(type) {
	case OrderSending:
		if o := i.OrderOf(p.Order); o != nil {
			o.Send = &OrderTry{Try: p.Try, At: e.At}
		}
	case OrderTried:
		if o := i.OrderOf(p.Order); o != nil && o.Send != nil && o.Send.Try == p.Try && o.Send.Outcome == "" {
			o.Send = &OrderTry{Try: p.Try, At: o.Send.At, Outcome: p.Outcome, Detail: p.Detail, RetryAt: p.RetryAt}
			if p.Outcome == OutcomeDone {
				o.Reference = p.Reference
				i.handed(p.Order, e.At)
			}
		}
	case OrderSettled:
		if o := i.OrderOf(p.Order); o.Unknown() {
			i.answered(p.Order)
			if p.Arrived {
				o.Send = &OrderTry{Try: o.Send.Try, At: o.Send.At, Outcome: OutcomeDone, Detail: p.By + " says so"}
				o.Reference = p.Reference
				i.handed(p.Order, e.At)
				return
			}
			o.Send = &OrderTry{Try: o.Send.Try, At: o.Send.At, Outcome: OutcomeRefused, Detail: p.By + " says so", RetryAt: e.At}
		}
	}
}
