package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Orders says how long a work order may stay in a state before the incident
// manager is called. When it must be acknowledged and when somebody must be there
// stands in the order itself.
type Orders struct {
	Agree   time.Duration // from asking for a yes to its cost
	Send    time.Duration // from that yes to somebody having taken it
	Work    time.Duration // that hands may be on site
	HandsIn time.Duration // that hands may be in the rack, where nothing can be done from a distance meanwhile
}

// DefaultOrders are the times when the configuration names none.
var DefaultOrders = Orders{Agree: 15 * time.Minute, Send: 10 * time.Minute, Work: 4 * time.Hour, HandsIn: 90 * time.Minute}

// or fills in the times that are not set.
func (o Orders) or(d Orders) Orders {
	return Orders{cmp.Or(o.Agree, d.Agree), cmp.Or(o.Send, d.Send), cmp.Or(o.Work, d.Work), cmp.Or(o.HandsIn, d.HandsIn)}
}

// orders keeps the clocks of work orders: what may go leaves, managers are asked
// about costs, and whatever stays in one state for too long calls them.
func (b *batch) orders() {
	if !b.facts.Incident.Ongoing() {
		return
	}
	for _, o := range b.facts.Incident.WorkOrders() {
		b.mailOrder(o)
		b.askCost(o)
		b.orderLate(o)
	}
}

// mailOrder queues the mail that carries an order, once it may go. What needed
// nobody's yes was queued together with the order.
func (b *batch) mailOrder(o *incident.Order) {
	queued := slices.ContainsFunc(b.facts.Incident.Messages, func(m *incident.Message) bool { return m.Order == o.Order })
	if o.Way == incident.ByMail && o.State == incident.OrderApproved && !queued {
		b.add(o.WorkOrdered.Message(b.id("M")))
	}
}

// askCost mails the managers what an order will cost.
func (b *batch) askCost(o *incident.Order) {
	if o.State != incident.OrderDraft {
		return
	}
	inc := b.facts.Incident
	body := fmt.Sprintf("Work order %s to %s will cost about %s, and %s was agreed. It waits for your yes or no on the page.\n\n%s\n",
		o.Order, o.To, o.Money(o.Cost), agreed(o), o.Body)
	b.page("cost-"+o.Order, fmt.Sprintf("[%s] Yes or no: work order to %s, about %s", inc.ID, o.To, o.Money(o.Cost)), body, b.managers())
}

func agreed(o *incident.Order) string {
	if o.Limit == 0 {
		return "no limit"
	}
	return "a limit of " + o.Money(o.Limit)
}

// overdueOrder is what is late in an order.
type overdueOrder struct {
	topic string // behind the order's number
	at    time.Time
	why   string
}

// orderLate calls a manager about what has stayed as it is for too long. Silence is
// a state of its own, so that it is seen wherever the order is.
func (b *batch) orderLate(o *incident.Order) {
	limits := b.facts.Policy.Orders.or(DefaultOrders)
	var late []overdueOrder
	switch o.State {
	case incident.OrderDraft:
		late = append(late, overdueOrder{"undecided", o.ChangedAt.Add(limits.Agree), "nobody has agreed or said no to the cost of work order " + o.Order + ", and nobody is sent before"})
	case incident.OrderApproved, incident.OrderSent:
		late = append(late, overdueOrder{"unanswered", o.AcknowledgeBy, o.To + " has not acknowledged work order " + o.Order + "; " + telephoneNow(o)})
	case incident.OrderUnanswered, incident.OrderAcknowledged:
		late = append(late, overdueOrder{"not-arrived", o.ArriveBy, o.To + " has not arrived for work order " + o.Order + "; " + telephoneNow(o)})
	case incident.OrderOnSite:
		late = append(late, overdueOrder{"still-on-site", o.ChangedAt.Add(limits.Work), fmt.Sprintf("%s has been on site for %v with work order %s; %s", o.To, limits.Work, o.Order, telephoneNow(o))})
	}
	if o.State == incident.OrderApproved {
		late = append(late, overdueOrder{"unsent", o.ChangedAt.Add(limits.Send), "work order " + o.Order + " may go and has not left; " + telephoneNow(o)})
	}
	if !o.HandsIn.IsZero() {
		late = append(late, overdueOrder{"hands-in", o.HandsIn.Add(limits.HandsIn), fmt.Sprintf(
			"hands have been in the rack for %v (%s), and piket sends no power command there; ask %s, and say when they are out", limits.HandsIn, o.Order, o.To)})
	}
	for _, l := range late {
		if b.facts.Now.Before(l.at) {
			b.later(l.at)
			continue
		}
		if l.topic == "unanswered" {
			b.add(incident.OrderProgress{Order: o.Order, State: incident.OrderUnanswered, By: incident.Piket})
		}
		b.attention(o.Order+"-"+l.topic, l.why)
	}
	if s := o.Send; s != nil && o.State == incident.OrderApproved && s.Outcome == incident.OutcomeRefused && s.RetryAt.IsZero() {
		b.attention(o.Order+"-not-taken", fmt.Sprintf("%s does not take work order %s (%s); %s", o.To, o.Order, strings.TrimSuffix(s.Detail, "."), telephoneNow(o)))
	}
	if o.Unknown() && o.Send.RetryAt.IsZero() {
		b.attention(o.Order+"-unknown", fmt.Sprintf("nobody knows whether work order %s reached %s (%s); ask them, and say whether it did: it is not sent again before", o.Order, o.To, strings.TrimSuffix(o.Send.Detail, ".")))
	}
}

// ofOrder reports whether a topic is about an order that is late: then it is the
// incident manager's.
func ofOrder(inc *incident.Incident, topic string) bool {
	return slices.ContainsFunc(inc.WorkOrders(), func(o *incident.Order) bool {
		return strings.HasPrefix(topic, o.Order+"-") && topic != o.Order+"-did-not-help"
	})
}

// ReportOrder records how far a work order has come. Engineers and support may; a
// manager may, too, call one off.
func ReportOrder(inc *incident.Incident, by inventory.Person, p incident.OrderProgress) ([]incident.Payload, error) {
	callsOff := p.State == incident.OrderCancelled && by.Has(inventory.Manager)
	o, err := openOrder(inc, p.Order)
	switch {
	case err != nil:
		return nil, err
	case !by.Has(inventory.Engineer, inventory.Support) && !callsOff:
		return nil, ErrRole
	}
	p.By = by.Name
	return moveOrder(o, p)
}

// openOrder finds a work order that is not over.
func openOrder(inc *incident.Incident, order string) (*incident.Order, error) {
	o := inc.OrderOf(order)
	if o == nil || !inc.Ongoing() {
		return nil, fmt.Errorf("work order %q: %w: no such order is open", order, ErrNotNow)
	}
	return o, nil
}

// moveOrder takes an order to what somebody reports.
func moveOrder(o *incident.Order, p incident.OrderProgress) ([]incident.Payload, error) {
	p.Words = clip(p.Words)
	ends := p.State == incident.OrderDone || p.State == incident.OrderRefused || p.State == incident.OrderCancelled
	switch {
	case !slices.Contains(incident.OrderStates, p.State):
		return nil, fmt.Errorf("work order: %w: %q is not one of %s", ErrIncomplete, p.State, strings.Join(incident.OrderStates, ", "))
	case ends && !o.HandsIn.IsZero():
		return nil, fmt.Errorf("work order: %w: hands are in the rack, said %s; say first that they are out", ErrNotNow, o.HandsBy)
	case !incident.OrderMay(o.State, p.State):
		return nil, fmt.Errorf("work order: %w: it is %s already, says %s", ErrNotNow, strings.ReplaceAll(o.State, "_", " "), o.By)
	}
	return []incident.Payload{p}, nil
}

// AgreeToOrder is a manager's yes to what one order costs: to the very order that
// they read, by its hash. It goes then. Of two who press at once the second hears
// that it was agreed to already.
func AgreeToOrder(inc *incident.Incident, by inventory.Person, order, hash string) ([]incident.Payload, error) {
	if !by.Has(inventory.Manager) {
		return nil, ErrRole
	}
	o, err := openOrder(inc, order)
	switch {
	case err != nil:
		return nil, err
	case o.State != incident.OrderDraft && o.AgreedBy != "":
		return nil, fmt.Errorf("work order %s: %w: %s has agreed to it already", order, ErrNotNow, o.AgreedBy)
	case o.State != incident.OrderDraft:
		return nil, fmt.Errorf("work order %s: %w: it is %s", order, ErrNotNow, o.State)
	case hash != o.Hash():
		return nil, fmt.Errorf("work order %s: %w: it is not the one that you read; look at it again", order, ErrNotNow)
	}
	return []incident.Payload{incident.OrderAgreed{Order: order, Hash: hash, By: by.Name}}, nil
}

// SettleOrder is a person's word on whether an order arrived of which nobody knew.
func SettleOrder(inc *incident.Incident, by inventory.Person, s incident.OrderSettled) ([]incident.Payload, error) {
	if !by.Has(inventory.Engineer, inventory.Manager, inventory.Support) {
		return nil, ErrRole
	}
	o, err := openOrder(inc, s.Order)
	switch {
	case err != nil:
		return nil, err
	case !o.Unknown():
		return nil, fmt.Errorf("work order %s: %w: it is known what became of it", s.Order, ErrNotNow)
	}
	s.By, s.Reference = by.Name, clip(s.Reference)
	return []incident.Payload{s}, nil
}

// Hands says that hands are in the rack, or out of it. Engineers and support may.
func Hands(inc *incident.Incident, by inventory.Person, order string, in bool) ([]incident.Payload, error) {
	if !by.Has(inventory.Engineer, inventory.Support) {
		return nil, ErrRole
	}
	return handsAt(inc, by.Name, order, in)
}

// handsAt is Hands for anybody. Hands that are in are got out whatever has become of
// the order and of the incident.
func handsAt(inc *incident.Incident, by, order string, in bool) ([]incident.Payload, error) {
	o := inc.OrderOf(order)
	switch {
	case o == nil:
		return nil, fmt.Errorf("work order %q: %w: no such order is open", order, ErrNotNow)
	case in == !o.HandsIn.IsZero():
		return nil, fmt.Errorf("work order %s: %w: %s has said so already", order, ErrNotNow, o.HandsBy)
	case in && (!inc.Ongoing() || !o.InRack() && !incident.OrderMay(o.State, incident.OrderOnSite)):
		return nil, fmt.Errorf("work order %s: %w: it is %s", order, ErrNotNow, strings.ReplaceAll(o.State, "_", " "))
	}
	return []incident.Payload{incident.HandsInRack{Order: order, In: in, By: by}}, nil
}

// OrderVendor asks a vendor for something [2.4]. Engineers and managers may. The
// order is as it was composed; draft says what it costs and where it goes.
func OrderVendor(inc *incident.Incident, by inventory.Person, o incident.WorkOrdered) ([]incident.Payload, error) {
	switch {
	case !leads(by):
		return nil, ErrRole
	case !inc.Ongoing() || inc.Subject.NoTrouble():
		return nil, fmt.Errorf("vendor: %w: it is %s", ErrNotNow, inc.Status)
	case strings.TrimSpace(o.Body) == "":
		return nil, fmt.Errorf("vendor: %w: what is asked", ErrIncomplete)
	}
	o.For, o.By = incident.ToVendor, by.Name
	o.Order = fmt.Sprintf("%s/W%d", inc.ID, inc.Version+1)
	return []incident.Payload{o}, nil
}

func telephoneNow(o *incident.Order) string {
	if o.Telephone == "" {
		return "the inventory has no telephone number of theirs"
	}
	return "telephone " + o.Telephone
}
