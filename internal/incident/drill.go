package incident

import (
	"maps"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
)

// Drill says that an incident is an exercise [5.1]: what is pretended, and who is
// told. It stands in the very first event and never changes.
type Drill struct {
	Story     string    `json:"story"`               // what is pretended
	By        string    `json:"by"`                  // who began it
	Customers bool      `json:"customers,omitempty"` // whether customers hear of it as well
	Until     time.Time `json:"until"`               // then it ends by itself
}

// DrillKind is the kind of subject of a drill. It is one of its own, so that a
// drill on a server never stands in the way of trouble of that server.
const DrillKind = "drill"

// IsDrill reports whether the incident is an exercise. Nothing that is decided on
// one is ever sent to a machine.
func (i *Incident) IsDrill() bool { return i.Subject.Kind == DrillKind || i.Drill.Story != "" }

// Practised is what the runbook of a drill sees: the same incident, about the
// server itself. Of anything else it is the incident; so it is of a drill that
// pretends nothing, which would not be known as one any more.
func (i *Incident) Practised() *Incident {
	if i.Subject.Kind != DrillKind || i.Drill.Story == "" {
		return i
	}
	c := *i
	c.Subject = Subject{Kind: "server", Name: i.Subject.Name}
	return &c
}

// DrillLasts is after how long a drill ends by itself when nothing else is said.
const DrillLasts = 4 * time.Hour

// What every word of a drill begins with, and what its messages say besides.
const (
	DrillMark  = "DRILL"
	drillWords = DrillMark + " (oefening): this is an exercise, nothing is wrong. Dit is een oefening, er is niets aan de hand.\n\n"
)

// marked is a payload as it holds on a drill: whatever anybody reads or hears of
// it says first that it is one. It is done where events are added up, so that no
// way to write a message can forget it.
func marked(p Payload) Payload {
	switch p := p.(type) {
	case Opened:
		p.Title = mark(p.Title)
		return p
	case Classified:
		if p.Title != "" {
			p.Title = mark(p.Title)
		}
		return p
	case MessageQueued:
		return markedMessage(p)
	case CallTask:
		p.Script = explain(p.Script)
		return p
	case WorkOrdered:
		p.Subject, p.Body = mark(p.Subject), explain(p.Body)
		return p
	case ApprovalRequested:
		p.Why = mark(p.Why)
		return p
	}
	return p
}

// markedMessage marks a message by what its way carries: a push has no body but a
// path, and a receiver's words are annotations.
func markedMessage(p MessageQueued) MessageQueued {
	p.Subject = mark(p.Subject)
	if p.Way != ByPush {
		p.Body = explain(p.Body)
	}
	p.Notice.Annotations, p.Notice.Labels = maps.Clone(p.Notice.Annotations), maps.Clone(p.Notice.Labels)
	for name, words := range p.Notice.Annotations {
		switch name {
		case "summary":
			p.Notice.Annotations[name] = mark(words)
		case "description":
			p.Notice.Annotations[name] = explain(words)
		}
	}
	if p.Notice.Labels != nil {
		p.Notice.Labels["drill"] = "yes" // by which a receiver may be left out
	}
	return p
}

func mark(words string) string {
	if strings.HasPrefix(words, DrillMark) {
		return words
	}
	return DrillMark + " " + words
}

func explain(words string) string {
	if strings.HasPrefix(words, DrillMark) {
		return words
	}
	return drillWords + words
}

// Story is what a drill pretends of one server.
type Story struct {
	About   string
	Alert   string // the name of the alert by which such trouble is reported
	Answers bool   // whether the machine itself answers
	Power   string // what its BMC says: "on", "off", "" for nothing
	Cure    string // what mends it: "power cycle", "power on", "ssh" or "technician"; a technician always does
}

// Stories are the drills that there are, by name.
var Stories = map[string]Story{
	"server-hangs":    {About: "a server hangs; a power cycle brings it back", Alert: alerts.ServerUnreachable, Power: "on", Cure: "power cycle"},
	"server-off":      {About: "a server is off; switching it on brings it back", Alert: alerts.ServerUnreachable, Power: "off", Cure: "power on"},
	"hardware-dead":   {About: "a part is broken; only a technician helps", Alert: alerts.ServerUnreachable, Power: "on", Cure: "technician"},
	"bmc-silent":      {About: "neither server nor BMC answers; only a technician helps", Alert: alerts.ServerUnreachable, Cure: "technician"},
	"service-crashed": {About: "a service is gone; restarting it over SSH brings it back", Alert: alerts.ServiceDown, Answers: true, Power: "on", Cure: "ssh"},
}
