package simulate

import (
	"context"
	"strings"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
)

// hearNews lets people react to what they are told: each in their time, and not
// always well.
func (w *world) hearNews(inc *incident.Incident, events []incident.Event) {
	for _, e := range events {
		switch p := e.Payload.(type) {
		case incident.ApprovalRequested:
			w.beAsked(inc.ID, p)
		case incident.WorkOrdered:
			w.sendHands(inc, p)
		case incident.Attention:
			if strings.HasPrefix(p.Topic, incident.OverdueTopic) || p.Topic == incident.UnconfirmedTopic {
				continue // it calls for a word to customers, not for hands; no mail arrives here
			}
			w.after(w.between(5*time.Minute, 50*time.Minute), func() { w.lookAfter(inc.ID) })
		case incident.ClosureChecked:
			w.after(w.between(time.Minute, 20*time.Minute), func() { w.closeIt(inc.ID) })
		case incident.ConfirmationAsked:
			w.after(toAnswer, func() { w.customersAnswer(inc.ID, p.Customers) })
		}
	}
}

// toAnswer is how long customers take.
const toAnswer = 3 * time.Minute

// customersAnswer has some of those who were asked say that everything works,
// some that it does not, whatever is so, and some nothing.
func (w *world) customersAnswer(id string, asked []string) {
	inc, err := w.db.load(id)
	if err != nil {
		return
	}
	for n, customer := range asked {
		answer := (inc.Version + n) % 4
		if answer > 1 {
			continue
		}
		w.do(id, "customer:"+customer, func(inc *incident.Incident, _ time.Time) ([]incident.Payload, error) {
			return desk.CustomerAnswered(inc, customer, answer == 1, "restart it", "link")
		})
	}
}

// beAsked plans how people answer a request.
func (w *world) beAsked(id string, asked incident.ApprovalRequested) {
	yes := remediation.Answer{Approval: asked.Approval, PlanHash: asked.PlanHash, By: engineers[w.rng.IntN(2)], Yes: true}
	within := w.between(20*time.Second, 8*time.Minute)
	if asked.Persons > 1 && w.chance(0.7) {
		second := yes
		second.By = engineers[2]
		for _, name := range engineers[:2] {
			if name != yes.By {
				second.By = name
			}
		}
		w.after(within+w.between(0, time.Minute), func() { w.answer(id, second, asked) })
	}
	if !w.plan.has(answers) {
		w.after(within, func() { w.answer(id, yes, asked) })
		return
	}
	switch w.rng.IntN(10) {
	case 0: // nobody
	case 1:
		no := yes
		no.Yes, no.Reason = false, "not tonight"
		w.after(within, func() { w.answer(id, no, asked) })
	case 2: // late
		w.after(w.between(10*time.Minute, 40*time.Minute), func() { w.answer(id, yes, asked) })
	case 3: // who may not, and then who may
		wrong := yes
		wrong.By = []string{outsider, engineers[2], "nobody", ""}[w.rng.IntN(4)]
		w.after(within/2, func() { w.answer(id, wrong, asked) })
		w.after(within, func() { w.answer(id, yes, asked) })
	case 4: // to another plan
		other := yes
		other.PlanHash = w.lastPlan
		w.after(within, func() { w.answer(id, other, asked) })
	case 5: // twice, and once more much later
		w.after(within, func() { w.answer(id, yes, asked) })
		w.after(within, func() { w.answer(id, yes, asked) })
		w.after(time.Hour, func() { w.answer(id, yes, asked) })
	default:
		w.after(within, func() { w.answer(id, yes, asked) })
		return
	}
	w.happened(answers)
	w.lastPlan = asked.PlanHash
}

// do lets a person say something to an incident, through some replica.
func (w *world) do(id string, actor string, say func(*incident.Incident, time.Time) ([]incident.Payload, error)) {
	r := w.anyWorking()
	if r == nil {
		w.after(time.Minute, func() { w.do(id, actor, say) })
		return
	}
	w.start(r, func() {
		for range 5 {
			inc, err := r.session.Load(context.Background(), id)
			if err != nil {
				return
			}
			payloads, err := say(inc, r.clock.Now())
			if err != nil {
				return
			}
			events := make([]incident.Event, len(payloads))
			for n, p := range payloads {
				events[n] = incident.Event{Actor: actor, Payload: p}
			}
			if _, err := r.session.Append(context.Background(), id, inc.Version, events...); err == nil {
				return
			}
		}
	}, func() {})
}

func (w *world) answer(id string, a remediation.Answer, asked incident.ApprovalRequested) {
	w.do(id, incident.Person(a.By), func(inc *incident.Incident, now time.Time) ([]incident.Payload, error) {
		p, err := a.Payload(inc, w.inventory, now)
		if err != nil {
			return nil, err
		}
		w.checkAnswer(a, asked, p)
		return []incident.Payload{p}, nil
	})
}

// sendHands plans what a technician does with a work order.
func (w *world) sendHands(inc *incident.Incident, p incident.WorkOrdered) {
	id := inc.ID
	report := func(state string, at time.Duration) {
		w.after(at, func() {
			w.do(id, "person:"+outsider, func(inc *incident.Incident, _ time.Time) ([]incident.Payload, error) {
				by, _ := w.inventory.Person(outsider)
				return desk.ReportOrder(inc, by, incident.OrderProgress{Order: p.Order, State: state})
			})
		})
	}
	if w.chance(0.1) {
		report("refused", w.between(2*time.Minute, 20*time.Minute))
		w.after(2*time.Hour, func() { w.lookAfter(id) })
		return
	}
	there := w.between(20*time.Minute, 90*time.Minute)
	gone := there + w.between(10*time.Minute, 40*time.Minute)
	report("acknowledged", w.between(time.Minute, 10*time.Minute))
	report("on_site", there)
	report("done", gone)
	w.after(gone+time.Hour, func() { w.lookAfter(id) })
	m := w.byName[inc.Subject.Name]
	if m == nil {
		return
	}
	w.happened(technicians)
	w.after(there, func() { m.hands++; w.be(m, func() { m.on = false }) })
	w.after(there+w.between(time.Minute, 4*time.Minute), func() { w.boot(m) })
	w.after(there+(gone-there)/2, func() { w.be(m, func() { m.on = false }) })
	w.after(gone-30*time.Second, func() { w.repair(m); m.hands-- })
}

// lookAfter is a person who does what piket cannot: the trouble itself goes
// away, and what cannot be closed in the ordinary way is closed with a reason.
func (w *world) lookAfter(id string) {
	inc, err := w.db.load(id)
	if err != nil || !inc.Ongoing() {
		return
	}
	if m := w.byName[inc.Subject.Name]; m != nil && !m.well(w.now) && m.hands == 0 {
		w.say(nil, "somebody repairs "+m.name)
		w.repair(m)
	}
	for _, part := range inc.Parts {
		if m := w.byName[part.Name]; m != nil && !m.well(w.now) && m.powered() && m.hands == 0 {
			w.repair(m)
		}
	}
	w.after(w.between(15*time.Minute, time.Hour), func() { w.closeIt(id) })
}

func (w *world) closeIt(id string) {
	inc, err := w.db.load(id)
	if err != nil || !inc.Ongoing() {
		return
	}
	by := w.engineer()
	w.do(id, incident.Person(by.Name), func(inc *incident.Incident, _ time.Time) ([]incident.Payload, error) {
		r := incident.Resolution{Cause: "it was so", Solution: "it was put right", Prevention: "it is watched", Unconfirmed: "nobody answered"}
		p, err := desk.Close(inc, by, r)
		if err != nil {
			r.Unchecked = "nothing can be checked"
			p, err = desk.Close(inc, by, r)
		}
		return p, err
	})
	w.after(time.Hour, func() { w.closeIt(id) }) // until it is done
}

func (w *world) engineer() inventory.Person {
	p, _ := w.inventory.Person(engineers[0])
	return p
}

// freeze is the big red button: it reaches every replica within a second.
func (w *world) freeze(why string) {
	if w.frozenWhy != "" {
		return
	}
	w.frozenAt = w.now
	w.say(nil, "frozen: "+why)
	w.after(w.between(0, 900*time.Millisecond), func() { w.frozenWhy = why })
}

func (w *world) thaw() {
	w.say(nil, "thawed")
	w.frozenWhy, w.frozenAt, w.thawedAt = "", 0, w.now
}
