package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
)

// questionView is what a person is asked, with everything that is needed to
// answer it at three in the morning.
type questionView struct {
	ID                 string // of the incident
	Approval, PlanHash string
	Action             string // in words
	Consequence        string // what that means for the machine
	Wipes              string // what would be lost for ever, "" when nothing is
	Machine            *machine
	Why                string
	Found              []finding
	Step               string
	Attempt            int
	Who                string // who may answer
	May                bool   // whether the person who looks may
	Asker              bool   // they reported it, and so are none of the two who must agree
	Agreed             bool   // they have agreed already
	Yes                []agreed
	Needed             int    // how many must agree
	Because            string // why that is more than one
	Record             string // what the step was good for before
	Bound              string // what a yes is for, in words
	Policy, Evidence   string // the hashes of it
	GrantedBy          string
	Asked, Expires     time.Time
	Expired            bool
	Otherwise          string
	Frozen             string
}

// machine says which one it is, in the words that stand on its label.
type machine struct {
	Name, Title, Model, Serial, UUID, Where, BMC string
	Services                                     []string
	Customers                                    []string
}

func questionOf(h history, s setting) *questionView {
	a := h.inc.Approval
	if a == nil || h.inc.Status != incident.Open {
		return nil
	}
	v := &questionView{
		ID: h.inc.ID, Approval: a.Approval, PlanHash: a.PlanHash, Action: a.Action,
		Consequence: consequence(h, a.Step), Wipes: strings.TrimSuffix(a.Wipes, "."), Why: strings.TrimSuffix(a.Why, "."),
		Found: foundThen(h.inc), Step: a.Step, Attempt: a.Attempt,
		Who: whoAnswers(h.inc, s.inv), May: remediation.MayAnswer(h.inc, s.inv, s.me.Name),
		Agreed: slices.Contains(a.Yes, s.me.Name), Yes: agreedBy(h, s.inv), Needed: a.Needed(), Because: a.Because,
		Record: strings.TrimSuffix(a.Record, "."), Bound: a.Bound(), Policy: a.Policy, Evidence: a.Evidence,
		Asked: a.AskedAt, Expires: a.Expires, Expired: !s.now.Before(a.Expires),
		Otherwise: otherwise(a.Else), Frozen: s.frozen,
	}
	v.Asker = v.May && !remediation.MayAgree(h.inc, s.inv, s.me.Name)
	if a.GrantedBy != "" {
		v.GrantedBy = strings.Join(titles(a.Yes, s.inv), " and ")
	}
	if server, ok := s.inv.Server(h.inc.Subject.Name); ok && h.inc.Subject.Kind == "server" {
		v.Machine = machineOf(server, s.inv)
		if a.Serial != "" {
			v.Machine.Serial = a.Serial // of the machine that the leave is for
		}
	}
	return v
}

// agreed is one yes.
type agreed struct {
	Name string
	At   time.Time
}

// agreedBy lists who has said yes to what is asked, and when.
func agreedBy(h history, inv *inventory.Inventory) []agreed {
	var list []agreed
	for _, e := range h.events {
		p, ok := e.Payload.(incident.Approved)
		counts := ok && p.Approval == h.inc.Approval.Approval && slices.Contains(h.inc.Approval.Yes, p.By)
		if name := personName(p.By, inv); counts && !slices.ContainsFunc(list, func(a agreed) bool { return a.Name == name }) {
			list = append(list, agreed{name, e.At})
		}
	}
	return list
}

// titles writes persons for people.
func titles(names []string, inv *inventory.Inventory) []string {
	list := make([]string, len(names))
	for n, name := range names {
		list[n] = personName(name, inv)
	}
	return list
}

// foundThen lists what was found, and what of it is no longer as it was when the
// question was put: the leave is for what was found then.
func foundThen(inc *incident.Incident) []finding {
	checks := slices.Clone(inc.Diagnosis)
	for _, c := range inc.Goal.Checks {
		if !slices.ContainsFunc(checks, func(other incident.Check) bool { return other.ID == c.ID }) {
			checks = append(checks, c)
		}
	}
	list := findings(checks)
	for n, c := range checks {
		was, known := inc.Approval.Facts[c.ID]
		if known && incident.State(was) != c.State && slices.Contains([]string{"up", "down", "unknown"}, was) {
			list[n].Then = was
		}
	}
	return list
}

// consequences says what each power verb does to the machine.
var consequences = map[string]string{
	"on":    "Its BMC is told to switch it on. Nothing that runs is stopped.",
	"off":   "Its BMC is told to cut the power. Everything that still runs on it stops at once.",
	"soft":  "Its BMC asks the operating system to shut down. What runs on it is stopped in order.",
	"cycle": "Its BMC is told to cut the power and to switch it on again. Everything that still runs on it stops at once, and comes back after booting.",
}

func consequence(h history, step string) string {
	if h.book == nil {
		return ""
	}
	r, _ := h.book.Remedy(step)
	switch {
	case r.Boot != nil:
		return "Its BMC is told from what to start it the next time. Nothing is restarted by this; the next step asks for that. What is set is taken back if that does not come."
	case r.Media != nil:
		return "The image is read through and its SHA-256 compared, then its BMC puts it into the virtual drive. Nothing is restarted by this; the next steps ask for that."
	}
	if len(r.SSH) > 0 {
		return "This one command is run over SSH, once, exactly as it stands."
	}
	return consequences[r.Power]
}

// otherwise says what silence means; it never means yes.
func otherwise(word string) string {
	if word == "escalate" {
		return "it is not done, and what the runbook says for escalation follows"
	}
	return word
}

// whoAnswers names the people who may.
func whoAnswers(inc *incident.Incident, inv *inventory.Inventory) string {
	var names []string
	for _, p := range inv.People {
		if remediation.MayAgree(inc, inv, p.Name) && !slices.Contains(inc.Approval.Yes, p.Name) {
			names = append(names, nameOf(p))
		}
	}
	if len(names) == 0 {
		return "nobody in the inventory (asked is: " + inc.Approval.By + ")"
	}
	return strings.Join(names, " or ")
}

func machineOf(s inventory.Server, inv *inventory.Inventory) *machine {
	m := &machine{
		Name: s.Name, Title: s.Title, Model: s.Model, Serial: s.Serial, UUID: s.UUID, Where: place(s, inv),
	}
	if s.BMC != nil {
		m.BMC = s.BMC.Protocol + " at " + s.BMC.HostPort()
	}
	for _, service := range s.Services {
		m.Services = append(m.Services, service.Name)
	}
	for _, c := range inv.CustomersOf(s) {
		m.Customers = append(m.Customers, customerName(c))
	}
	return m
}

// place says where hands would find the machine.
func place(s inventory.Server, inv *inventory.Inventory) string {
	var parts []string
	if name := siteName(s.Site, inv); name != "" {
		parts = append(parts, name)
	}
	if s.Rack != "" {
		parts = append(parts, "rack "+s.Rack)
	}
	if s.Unit > 0 {
		parts = append(parts, fmt.Sprintf("unit %d", s.Unit))
	}
	return strings.Join(parts, ", ")
}

func customerName(c inventory.Customer) string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}
