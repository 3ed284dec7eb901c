// Package technician writes the work order for hands on site: plain text, for
// somebody who stands in a cold aisle with a telephone and has never seen the
// machine.
//
//	order := technician.Writer{ExternalURL: "https://piket.example.net"}.Order(assignment)
package technician

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/remediation"
)

// tasks lists what each order of a runbook asks for, step by step. An order that
// is not in it is taken as the words to write down.
var tasks = map[string][]string{
	"restart-and-diagnose": {
		"Find the server by rack, unit and serial number. Read the serial number aloud or send a photograph before you touch it.",
		"Note what the front shows: power light, fault light, beeps, text on a connected screen.",
		"Hold the power button until the server is off, wait 30 seconds, and switch it on.",
		"If it does not start: unplug both power cords, wait 60 seconds, plug them in, and switch it on.",
		"Watch the screen until it has started or stands still, and send a photograph of what it says.",
	},
	"look-only": {
		"Find the server by rack, unit and serial number.",
		"Note what the front shows: power light, fault light, beeps, text on a connected screen. Touch nothing.",
		"Send a photograph of front, back and screen.",
	},
	"look-at-site": {
		"Tell us whether the building has trouble with power, cooling or network, and since when.",
		"Look at our racks: are the switches and servers lit, are there fault lights? Touch nothing.",
		"Tell us when you expect it to be over, if it is known.",
	},
}

// Writer writes work orders. The zero Writer makes no links.
type Writer struct {
	ExternalURL string // of piket's own page; "" leaves links out
}

// linkHolds is how long the link to an order holds after somebody should have
// arrived. What is not over by then is settled by telephone.
const linkHolds = 72 * time.Hour

// Order composes what hands on site are asked to do. It holds nothing secret: it goes
// to another company, and stands on the timeline. Where the site's access code belongs
// there is a mark, unless the technician has a page that shows it.
func (w Writer) Order(a remediation.Assignment) incident.WorkOrdered {
	o, hands := a.Order, *a.Site.RemoteHands
	o.To, o.Email, o.Telephone = hands.Name, hands.Email, hands.Telephone
	o.Language = cmp.Or(hands.Language, inventory.DefaultLanguage)
	o.Checklist = asked(a.Asks)
	if hands.Kind != "" && hands.Kind != "mail" {
		o.Way = incident.Way(hands.Kind)
	}
	o.Cost, o.Limit, o.Currency = hands.Cost(), hands.CostLimit, cmp.Or(hands.Currency, inventory.DefaultCurrency)
	if o.Cost > o.Limit { // an unknown cost is 0: it goes, and names the limit
		o.State = incident.OrderDraft
	}
	if w.ExternalURL != "" {
		o.Link = link(o, a.Incident.ID).Path()
	}
	o.Subject, o.Body = w.text(a, o)
	return o
}

// link is the path of the page for who has the order.
func link(o incident.WorkOrdered, inc string) signed.Link {
	return signed.Link{
		Purpose: Page, Incident: inc, Party: strings.TrimPrefix(o.Order, inc+"/"),
		Expires: o.ArriveBy.Add(linkHolds).Truncate(time.Second),
	}
}

// Page is the purpose of the technician's links.
const Page = "technician"

func (w Writer) text(a remediation.Assignment, o incident.WorkOrdered) (subject, body string) {
	server, site, inc := a.Server, a.Site, a.Incident
	subject = line(fmt.Sprintf("Work order for %s, rack %s, %s (%s)", server.Name, or(server.Rack, "unknown"), or(site.Title, site.Name), inc.ID))
	if server.Name == "" { // it is about the whole site
		subject = line(fmt.Sprintf("Work order for site %s (%s)", or(site.Title, site.Name), inc.ID))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Work order %s, written %s\n", o.Order, stamp(a.Now))
	if o.Link != "" {
		fmt.Fprintf(&b, "\nYOUR PAGE (accept, checklist, photographs, access code)\n  %s%s\n", w.ExternalURL, o.Link)
	}
	section(&b, "WHERE", access(place(server, site), site, o.Link == ""))
	section(&b, "WHAT IS WRONG", wrong(inc))
	section(&b, "WHAT HAS BEEN TRIED FROM A DISTANCE", tried(inc))
	section(&b, "WHAT WE ASK", numbered(o.Checklist))
	section(&b, "WHAT NOT TO TOUCH", append(armed(a.Incident), []string{
		"No other server, cable, switch or power strip in this rack.",
		"No disk of this server: none is pulled, swapped or reseated without our word.",
		"If the serial number differs from the one above: stop, and call us.",
	}...))
	section(&b, "WHAT IT MAY COST", cost(o))
	section(&b, "TELL US", tellUs(a, o))
	return subject, b.String()
}

func cost(o incident.WorkOrdered) []string {
	switch {
	case o.Limit > 0:
		return []string{"Up to " + o.Money(max(o.Limit, o.Cost)) + ". Call us before it becomes more."}
	case o.Cost > 0:
		return []string{"About " + o.Money(o.Cost) + ". Call us before it becomes more."}
	}
	return []string{"As agreed in the contract. Call us before you do more than is asked."}
}

func tellUs(a remediation.Assignment, o incident.WorkOrdered) []string {
	how := "Answer this mail, or call the engineer who sent you, when you accept, when you stand at the rack, and when you are done."
	if o.Link != "" {
		how = "On your page: when you accept, when you stand at the rack, when your hands are in it and out of it, and when you are done."
	}
	lines := []string{how}
	if number := a.Site.RemoteHands.CallBack; number != "" {
		lines = append(lines, "Call us at "+number+".")
	}
	return append(lines, "Always name "+a.Incident.ID+".")
}

// armed warns of a machine that a restart would wipe.
func armed(inc *incident.Incident) []string {
	if inc.Armed == nil {
		return nil
	}
	return []string{"DO NOT RESTART THIS SERVER AND DO NOT PRESS ITS BUTTON before you have called us: " + inc.Armed.What() + ", and starting it could wipe its disks."}
}

func place(server inventory.Server, site inventory.Site) []string {
	lines := []string{"Site:    " + or(site.Title, site.Name)}
	for _, rack := range site.Racks {
		if rack.Name == server.Rack && rack.Room != "" {
			lines = append(lines, "Room:    "+rack.Room)
		}
	}
	if server.Name == "" {
		for _, rack := range site.Racks {
			lines = append(lines, strings.TrimSpace("Rack:    "+rack.Name+" "+rack.Room))
		}
		return lines
	}
	unit := "not known: go by the serial number"
	if server.Unit > 0 {
		unit = fmt.Sprint(server.Unit)
	}
	lines = append(lines, "Rack:    "+or(server.Rack, "not known"), "Unit:    "+unit,
		"Server:  "+or(server.Title, server.Name)+" ("+server.Name+")",
		"Serial:  "+or(server.Serial, "not known: call us first"))
	if server.Model != "" {
		lines = append(lines, "Model:   "+server.Model)
	}
	if server.AssetTag != "" {
		lines = append(lines, "Asset:   "+server.AssetTag)
	}
	return lines
}

// access adds what the site asks a caller for, and where the code of its door goes.
func access(lines []string, site inventory.Site, code bool) []string {
	hands := site.RemoteHands
	if hands.Reference != "" {
		lines = append(lines, "Access:  "+hands.Reference)
	}
	if code && !hands.AccessCode.IsZero() {
		lines = append(lines, "Code:    "+incident.AccessCodeMark)
	}
	return lines
}

// wrong says what is known of the trouble.
func wrong(inc *incident.Incident) []string {
	lines := []string{fmt.Sprintf("%s, priority %s, since %s.", sentence(inc.Title), inc.Priority, stamp(inc.StartedAt))}
	if inc.Verdict.Reason != "" {
		lines = append(lines, "Judged: "+sentence(inc.Verdict.Reason)+".")
	}
	for _, c := range inc.Diagnosis {
		lines = append(lines, fmt.Sprintf("%s: %s.", c.ID, sentence(c.Reason)))
	}
	return lines
}

// tried lists every remedy of the ladder that was begun, and the last command
// with its outcome.
func tried(inc *incident.Incident) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(inc.Steps)) {
		step := inc.Steps[name]
		text := fmt.Sprintf("%s, %d times", name, step.Attempts)
		switch {
		case step.Attempts == 0 && step.Reason == "":
			continue
		case step.Attempts == 0:
			text = name + ", not carried out"
		case step.Attempts == 1:
			text = name + ", once"
		}
		if step.Reason != "" {
			text += ": " + sentence(step.Reason)
		}
		lines = append(lines, text+".")
	}
	if a := inc.LastTried(); a != nil && a.Outcome != "" {
		lines = append(lines, fmt.Sprintf("Last: %s, at %s, outcome %s (%s).", a.What(), stamp(a.SettledAt), a.Outcome, sentence(a.Detail)))
	}
	if len(lines) == 0 {
		return []string{"Nothing."}
	}
	return lines
}

func asked(order string) []string {
	if steps, ok := tasks[order]; ok {
		return steps
	}
	return []string{sentence(order) + "."}
}

func numbered(steps []string) []string {
	out := make([]string, len(steps))
	for i, step := range steps {
		out[i] = fmt.Sprintf("%d. %s", i+1, step)
	}
	return out
}

func section(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n%s\n", title)
	for _, text := range lines {
		fmt.Fprintf(b, "  %s\n", oneLine.Replace(text))
	}
}

// oneLine leaves the columns of a text alone.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// line keeps text from other hands on one line: an alert must not be able to
// add a section, or a header to the mail.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }

func sentence(text string) string { return strings.TrimRight(line(text), ". ") }

func stamp(t time.Time) string { return t.UTC().Format(incident.Moment) }

func or(value, instead string) string {
	if value == "" {
		return instead
	}
	return value
}
