package intake

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// about is what an alert is about, as the inventory knows it.
type about struct {
	subject   incident.Subject
	site      string
	rack      string // of a server
	feed      string // of a server that hangs on no other
	title     string
	customers []string
	drill     incident.Drill
	unknown   string // why the inventory does not know it, "" when it does

	silent []incident.Absorbed // the servers of a whole that are known to be part of its trouble
}

// subjects lists for what an incident may already be open, the widest first:
// when the whole site is in trouble, one of its servers is part of that.
func (a about) subjects() []incident.Subject {
	var list []incident.Subject
	switch a.subject.Kind {
	case "server":
		list = []incident.Subject{{Kind: "site", Name: a.site}, {Kind: "feed", Name: a.feed}, {Kind: "rack", Name: a.rack}, a.subject}
	case "rack", "feed":
		list = []incident.Subject{{Kind: "site", Name: a.site}, a.subject}
	default:
		list = []incident.Subject{a.subject}
	}
	return slices.DeleteFunc(list, func(s incident.Subject) bool { return s.Name == "" })
}

// about looks an alert up: by the labels that name a server; if it is one of
// those that are about a whole site or rack, by the label for that; and
// otherwise it is about itself.
func (d *Door) about(a alerts.Alert) about {
	if subject := recordSubject(a); subject.Kind != "" {
		return about{subject: subject, title: plain(a.Summary())}
	}
	inv := d.Inventory()
	if a.Source == alerts.Calendar && a.Name() == alerts.DrillDue {
		return drill(inv, a)
	}
	s, unknown := d.server(inv, a)
	if s.Name != "" {
		return about{
			subject: incident.Subject{Kind: "server", Name: s.Name}, site: s.Site, rack: s.Rack, feed: onlyFeed(s),
			title: title(a, s), customers: s.Customers,
		}
	}
	if whole, ok := wholeOf(a); ok {
		name := a.Labels[whole.kind]
		if site, ok := whole.site(inv, name); ok {
			found := about{subject: incident.Subject{Kind: whole.kind, Name: name}, site: site.Name, title: fmt.Sprintf(whole.title, name)}
			if whole.outage {
				found.customers, found.silent = behind(inv, found.subject, a)
			}
			return found
		}
		unknown = fmt.Sprintf("the inventory has no %s %q", whole.kind, plain(name))
	}
	if a.Name() == alerts.ObserverCutOff {
		return about{subject: incident.Subject{Kind: "observer", Name: "piket"}, title: "Piket itself cannot see"}
	}
	if a.Name() == alerts.VantageLost {
		return about{subject: incident.Subject{Kind: "alert", Name: a.Fingerprint}, title: "Vantage " + plain(a.Labels["vantage"]) + " does not report"}
	}
	if a.Name() == alerts.DutyCalendarTrouble && a.Source == "probe" {
		return about{subject: incident.Subject{Kind: "alert", Name: a.Fingerprint}, title: plain(a.Summary())}
	}
	site, _ := inv.Site(a.Labels["site"])
	return about{
		subject: incident.Subject{Kind: "alert", Name: a.Fingerprint}, site: site.Name,
		title: named(plain(a.Summary()), site.Name), unknown: unknown, customers: caller(inv, a),
	}
}

// caller is the customer whose trouble a person or a mail reports, as far as
// nothing but their word says so. No machine names one.
func caller(inv *inventory.Inventory, a alerts.Alert) []string {
	c, ok := inv.Customer(a.Annotations[alerts.CustomerOf])
	if a.Source != "person" && a.Source != alerts.Mail || !ok {
		return nil
	}
	return []string{c.Name}
}

// drill looks up what people practise on [5.1]. Its subject is one of its own: what
// is really wrong with the server opens an incident beside it.
func drill(inv *inventory.Inventory, a alerts.Alert) about {
	s, _ := inv.Server(a.Labels["server"])
	until, err := time.Parse(time.RFC3339, a.Annotations["until"])
	if err != nil {
		until = a.StartsAt.Add(incident.DrillLasts)
	}
	return about{
		subject: incident.Subject{Kind: incident.DrillKind, Name: a.Labels["server"]}, site: s.Site, customers: s.Customers, title: plain(a.Summary()),
		drill: incident.Drill{Story: a.Labels["story"], By: a.Annotations["by"], Customers: a.Annotations["customers"] == "yes", Until: until},
	}
}

// recordSubject returns the subject of a record that is about a date or a roster,
// the zero one for what is about trouble.
func recordSubject(a alerts.Alert) incident.Subject {
	if a.Source != alerts.Calendar {
		return incident.Subject{}
	}
	switch a.Name() {
	case alerts.ReportDue:
		return incident.Subject{Kind: "report", Name: a.Labels["period"]}
	case alerts.PolicyDue:
		return incident.Subject{Kind: "policy", Name: a.Labels["period"]}
	case alerts.DutyRoster:
		return incident.Subject{Kind: "roster", Name: a.Labels["team"]}
	case alerts.PushDevices:
		return incident.Subject{Kind: "push", Name: a.Labels["person"]}
	case alerts.ServerIdentity:
		return incident.Subject{Kind: "identity", Name: a.Labels["server"]}
	}
	return incident.Subject{}
}

// server finds the server that an alert is about; when there is none, it says
// what the inventory lacks. An alert that names a site we know, and no server,
// lacks nothing.
func (d *Door) server(inv *inventory.Inventory, a alerts.Alert) (s inventory.Server, unknown string) {
	labels := d.Labels()
	var tried []string
	for _, label := range labels {
		value := a.Labels[label]
		if value == "" {
			continue
		}
		if s, ok := inv.Find(value); ok {
			return s, ""
		}
		tried = append(tried, fmt.Sprintf("%s=%q", label, plain(value)))
	}
	if len(tried) > 0 {
		return s, "the inventory has no server for " + strings.Join(tried, ", ") + "; add it, or an alias"
	}
	if _, ok := inv.Site(a.Labels["site"]); ok {
		return s, ""
	}
	return s, "the alert has none of the labels that name a server (" + strings.Join(labels, ", ") + ")"
}

// whole is something that is more than one server: the label that names it,
// where that is looked up, and what the incident is called.
type whole struct {
	kind  string
	site  func(*inventory.Inventory, string) (inventory.Site, bool)
	title string

	outage bool // its servers' customers are without service
}

// wholeOf finds what an alert is about that is about more than one server.
func wholeOf(a alerts.Alert) (whole, bool) {
	if w, ok := wholes[a.Name()]; ok {
		return w, true
	}
	if a.Name() != alerts.FellTogether {
		return whole{}, false
	}
	for _, w := range []whole{ // the narrowest circle that is named
		{"rack", (*inventory.Inventory).SiteOfRack, "Servers of rack %s fell together", true},
		{"feed", (*inventory.Inventory).SiteOfFeed, "Servers on power feed %s fell together", true},
		{"site", (*inventory.Inventory).Site, "Servers of site %s fell together", true},
	} {
		if a.Labels[w.kind] != "" {
			return w, true
		}
	}
	return whole{}, false
}

// wholes are the alerts about one kind of whole.
var wholes = map[string]whole{
	alerts.SiteUnreachable:  {"site", (*inventory.Inventory).Site, "Site %s does not answer", true},
	alerts.ProviderIncident: {"site", (*inventory.Inventory).Site, "The provider of site %s announces trouble", false},
	alerts.PathTrouble:      {"site", (*inventory.Inventory).Site, "Site %s does not answer from here", false},
	alerts.FeedUnreachable:  {"feed", (*inventory.Inventory).SiteOfFeed, "What hangs on power feed %s does not answer", true},
	alerts.RackUnreachable:  {"rack", (*inventory.Inventory).SiteOfRack, "Rack %s does not answer", true},
}

// behind lists whose service is gone with a whole site, rack or feed: the
// customers of the servers that the alert lists as silent, or of all when it
// lists none. Those that it lists are part of the incident: it is not over while
// one of them is silent.
func behind(inv *inventory.Inventory, whole incident.Subject, a alerts.Alert) (customers []string, silent []incident.Absorbed) {
	listed := strings.FieldsFunc(a.Annotations["servers"], func(r rune) bool { return r == ',' || r == ' ' })
	for _, s := range inv.Behind(whole.Kind, whole.Name) {
		if len(listed) > 0 && !slices.Contains(listed, s.Name) {
			continue
		}
		if len(listed) > 0 {
			silent = append(silent, incident.Absorbed{From: a.Name(), Subject: incident.Subject{Kind: "server", Name: s.Name}, Customers: s.Customers})
		}
		for _, c := range s.Customers {
			if !slices.Contains(customers, c) {
				customers = append(customers, c)
			}
		}
	}
	return customers, silent
}

// onlyFeed is the feed whose loss takes s, "" when it hangs on more than one.
func onlyFeed(s inventory.Server) string {
	if len(s.Feeds) != 1 {
		return ""
	}
	return s.Feeds[0]
}

// title says in a few words what an alert about a server means.
func title(a alerts.Alert, s inventory.Server) string {
	service := a.Labels["service"]
	known := slices.ContainsFunc(s.Services, func(v inventory.Service) bool { return v.Name == service })
	switch {
	case a.Name() == alerts.ServerUnreachable:
		return "Server " + s.Name + " does not answer"
	case a.Name() == alerts.ServerFlapping:
		return "Server " + s.Name + " goes and comes back"
	case a.Name() == alerts.PathTrouble:
		return "Server " + s.Name + " does not answer from here"
	case a.Name() == alerts.BMCUnreachable:
		return "BMC of server " + s.Name + " does not answer"
	case a.Name() == alerts.ServiceDown && known:
		return "Service " + service + " on " + s.Name + " does not answer"
	}
	return named(plain(a.Summary()), s.Name)
}

// named adds what an alert is about to words that do not say it.
func named(words, name string) string {
	if !strings.Contains(words, name) {
		words += " (" + name + ")"
	}
	return words
}

// maxTitleRunes bounds a title made of an alert's words.
const maxTitleRunes = 120

// plain keeps an alert's words to one short line of characters that can be
// seen: no line breaks in any script, no escape codes, none of the marks that
// turn the reading direction around.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > maxTitleRunes {
		s = string(runes[:maxTitleRunes]) + "…"
	}
	return s
}
