package remediation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// chaos is a world around Next in which everything may go wrong at any moment:
// answers come late, twice, or for another plan; sends are refused, lost or cut
// off by a crash; the BMC lies; somebody freezes. After every move the promises
// are checked.
type chaos struct {
	t         testing.TB
	choose    func(n int) int
	book      *runbooks.Runbook
	inventory *inventory.Inventory
	inc       *incident.Incident
	now       time.Time
	goal      remediation.Look
	diagnosis remediation.Look
	frozen    string
	cured     bool

	agreed  map[string]bool // plan hashes that a person has agreed to in time
	sent    map[string]bool // intents
	unknown map[string]bool // steps that had an unknown outcome
	perStep map[string]int  // sends per step, duty apart
	touched []*incident.Touch
	history []incident.Payload
}

func newChaos(t testing.TB, choose func(n int) int) *chaos {
	c := &chaos{
		t: t, choose: choose, book: shipped(t, "server-unreachable"), inventory: world(t), inc: incident.Fold(nil), now: three,
		agreed: map[string]bool{}, sent: map[string]bool{}, unknown: map[string]bool{}, perStep: map[string]int{},
	}
	if choose(4) == 0 {
		c.book = shipped(t, "service-down")
	}
	c.write(
		incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-01"}, Site: "ams1"},
		incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1},
		incident.Assigned{Team: "network-and-server"},
		incident.RunbookPinned{Name: c.book.Name, Hash: c.book.Hash})
	return c
}

func (c *chaos) write(payloads ...incident.Payload) {
	for _, p := range payloads {
		c.inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: c.inc.Version + 1, At: c.now, Actor: incident.Piket, Payload: p})
		c.history = append(c.history, p)
	}
}

func (c *chaos) fail(format string, args ...any) {
	for _, p := range c.history {
		c.t.Logf("%T %s", p, p.Text())
	}
	c.t.Fatalf(format, args...)
}

// run makes moves until nothing more happens or there were enough.
func (c *chaos) run(moves int) {
	for range moves {
		c.disturb()
		m := remediation.Next(remediation.Facts{
			Incident: c.inc, Runbook: c.book, Inventory: c.inventory, Limits: remediation.DefaultLimits,
			Frozen: c.frozen, Goal: c.goal, Diagnosis: c.diagnosis, Now: c.now, Touched: c.touched, ClaimAge: c.claimAge(),
		})
		c.make(m)
		if !c.inc.Ongoing() {
			return
		}
	}
}

// disturb lets the world and its people do something, or nothing.
func (c *chaos) disturb() {
	switch c.choose(14) {
	case 0:
		c.goal, c.diagnosis = remediation.Look{}, remediation.Look{} // piket was killed and started again
	case 1:
		c.frozen = map[bool]string{true: "", false: "by hand"}[c.frozen != ""]
	case 2:
		c.cured = !c.cured
	case 3:
		c.now = c.now.Add(time.Duration(c.choose(900)) * time.Second)
	case 4, 5, 6:
		c.answer()
	case 7:
		if o := c.inc.Order; o != nil {
			c.write(incident.OrderProgress{Order: o.Order, State: incident.OrderStates[c.choose(4)], By: "hands"})
		}
	}
}

// answer lets somebody answer what is asked, in one of many ways.
func (c *chaos) answer() {
	a := c.inc.Approval
	if a == nil {
		return
	}
	answer := remediation.Answer{Approval: a.Approval, PlanHash: a.PlanHash, By: "noor", Yes: true}
	switch c.choose(6) {
	case 0:
		answer.PlanHash = "another plan"
	case 1:
		answer.By = []string{"sem", "ravi", "nobody", ""}[c.choose(4)]
	case 2:
		answer.Approval = "INC-2026-0001/A1"
	case 3:
		answer.Yes = false
	}
	payload, err := answer.Payload(c.inc, c.inventory, c.now)
	if err != nil {
		return
	}
	if yes, ok := payload.(incident.Approved); ok {
		if answer.By != "noor" || yes.PlanHash != a.PlanHash || !c.now.Before(a.Expires) {
			c.fail("an answer was taken that must not count: %+v", answer)
		}
		c.agreed[yes.Approval+yes.PlanHash] = true
	}
	c.write(payload)
}

func (c *chaos) make(m remediation.Move) {
	switch m := m.(type) {
	case remediation.Rest:
	case remediation.Wait:
		if !m.Until.After(c.now) {
			c.fail("a wait until %v, and it is %v", m.Until, c.now)
		}
		c.now = m.Until
	case remediation.Watch:
		c.watch(m.Power)
	case remediation.Diagnose:
		c.diagnose()
	case remediation.Decide:
		c.decide(m.Payloads)
	case remediation.Merge:
		c.write(incident.Merged{Into: "INC-2026-0002"})
	case remediation.Dispatch:
		c.write(incident.WorkOrdered{Order: fmt.Sprint("W", c.inc.Version+1), Step: m.Step,
			AcknowledgeBy: c.now.Add(15 * time.Minute), ArriveBy: c.now.Add(2 * time.Hour)})
	case remediation.Intend:
		c.intended(m.Intent)
		c.write(m.Intent)
	case remediation.Send:
		c.send(m.Intent)
	}
}

// claimAge is how long whoever looks now has known of a claim.
func (c *chaos) claimAge() time.Duration {
	if a := c.inc.Action; a.Live() && !a.ClaimedAt.IsZero() {
		return c.now.Sub(a.ClaimedAt)
	}
	return 0
}

func (c *chaos) decide(payloads []incident.Payload) {
	for _, p := range payloads {
		if i, ok := p.(incident.Intended); ok {
			c.fail("an intent is written without asking the guards in that moment: %+v", i)
		}
	}
	c.write(payloads...)
}

// intended checks what may be planned at all.
func (c *chaos) intended(i incident.Intended) {
	switch remedy, ok := c.book.Remedy(i.Step); {
	case !ok:
		c.fail("an intent for a step that does not exist: %+v", i)
	case i.Server != "web-01":
		c.fail("an intent for another server: %+v", i)
	case c.inc.Held() != "" && i.Duty == 0:
		c.fail("a second intent while one is live: %+v", i)
	case c.unknown[i.Step] && i.Duty == 0:
		c.fail("a step whose outcome was unknown is planned again: %+v", i)
	case c.inc.Order.Open() && (i.Duty == 0 || c.inc.Order.State != "sent"): // power that piket cut is its to give back until hands say that they come
		c.fail("an intent while hands may be in the machine: %+v", i)
	case i.Duty == 0 && remedy.Approve != nil && !c.agreed[i.Approval+i.PlanHash]:
		c.fail("an intent without the leave it needs: %+v", i)
	case i.Duty > 0 && i.Verb != "on":
		c.fail("a duty that is not to switch on: %+v", i)
	case c.frozen != "":
		c.fail("an intent while frozen: %+v", i)
	}
}

func (c *chaos) send(i incident.Intended) {
	remedy, _ := c.book.Remedy(i.Step)
	switch {
	case c.sent[i.Intent]:
		c.fail("intent %s is sent twice", i.Intent)
	case c.now.After(i.NotAfter):
		c.fail("intent %s is sent %v late", i.Intent, c.now.Sub(i.NotAfter))
	case c.frozen != "":
		c.fail("intent %s is sent while frozen", i.Intent)
	case i.Duty == 0 && c.perStep[i.Step] >= remedy.MaxAttempts():
		c.fail("step %s is sent more than %d times", i.Step, remedy.MaxAttempts())
	}
	c.sent[i.Intent] = true
	if i.Duty == 0 {
		c.perStep[i.Step]++
	}
	c.write(incident.Claimed{Intent: i.Intent, Owner: "chaos"})
	outcome := []incident.Outcome{incident.OutcomeDone, incident.OutcomeRefused, incident.OutcomeUnknown, ""}[c.choose(4)]
	c.cured = c.cured || c.choose(3) == 0
	c.goal, c.diagnosis = remediation.Look{}, remediation.Look{}
	if outcome == "" || outcome == incident.OutcomeUnknown {
		c.unknown[i.Step] = true
	}
	if outcome != "" { // otherwise piket was killed right here
		c.write(incident.OutcomeRecorded{Intent: i.Intent, Outcome: outcome, Detail: "chaos"})
	}
	c.touched = append(c.touched, &incident.Touch{Incident: c.inc.ID, Action: *c.inc.Action})
}

func (c *chaos) watch(power bool) {
	state := incident.Down
	if c.cured {
		state = incident.Up
	}
	if c.choose(9) == 0 {
		state = incident.Unknown
	}
	c.goal = remediation.Look{At: c.now, Ended: c.now, Checks: []incident.Check{
		{ID: "reachable", Kind: "reachable", State: state, Reason: "chaos"},
		{ID: "services", Kind: "services", State: state, Reason: "chaos", Facts: map[string]any{"down": "shop"}},
	}}
	holds := state == incident.Up
	if !c.inc.Goal.Known || c.inc.Goal.Holds != holds {
		c.write(incident.GoalSeen{Holds: holds, Checks: c.goal.Checks})
	}
	if power {
		c.goal.Power = []string{"on", "off", "unknown"}[c.choose(3)]
		if c.goal.Power != c.inc.Power {
			c.write(incident.PowerSeen{Server: "web-01", Power: c.goal.Power})
		}
	}
}

func (c *chaos) diagnose() {
	c.diagnosis = remediation.Look{At: c.now, Ended: c.now}
	for _, d := range c.book.Diagnose {
		check := remediation.DefaultFound(d.Check, d.Target)
		switch c.choose(8) {
		case 0:
			check.State = incident.Unknown
			check.Facts = nil
		case 1:
			check.State = incident.Up
		}
		if d.Check == "bmc" && check.Facts != nil && c.choose(4) == 0 {
			check.Facts = map[string]any{"state": "off"}
		}
		check.ID, check.Kind, check.Target = d.ID, d.Check, d.Target
		c.diagnosis.Checks = append(c.diagnosis.Checks, check)
	}
	c.write(incident.Diagnosed{Checks: c.diagnosis.Checks})
}

// TestPromisesHoldInEveryWorld plays seeded worlds; a failing seed is printed
// and plays the same again.
func TestPromisesHoldInEveryWorld(t *testing.T) {
	worlds := 3000
	if testing.Short() {
		worlds = 300
	}
	sends, back := 0, 0
	for seed := range worlds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := newChaos(t, r.IntN)
			c.run(600)
			sends += len(c.sent)
			if slices.ContainsFunc(c.history, func(p incident.Payload) bool { return p.Kind() == "restored" }) {
				back++
			}
		})
	}
	// A world in which nothing is ever sent would keep every promise.
	if sends < worlds/2 || back < worlds/4 {
		t.Errorf("%d worlds saw only %d sends, and service came back in %d", worlds, sends, back)
	}
}

func FuzzPromises(f *testing.F) {
	f.Add([]byte{4, 4, 4, 4, 0, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		at := 0
		c := newChaos(t, func(n int) int {
			if at >= len(script) {
				return n - 1
			}
			at++
			return int(script[at-1]) % n
		})
		c.run(400)
	})
}
