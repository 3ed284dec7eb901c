package intake

import (
	"fmt"
	"slices"
	"strings"
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
	title     string
	customers []string
	unknown   string // why the inventory does not know it, "" when it does
}

// subjects lists for what an incident may already be open, the widest first:
// when the whole site is in trouble, one of its servers is part of that.
func (a about) subjects() []incident.Subject {
	var list []incident.Subject
	switch a.subject.Kind {
	case "server":
		list = []incident.Subject{{Kind: "site", Name: a.site}, {Kind: "rack", Name: a.rack}, a.subject}
	case "rack":
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
	inv := d.Inventory()
	s, unknown := d.server(inv, a)
	if s.Name != "" {
		return about{
			subject: incident.Subject{Kind: "server", Name: s.Name}, site: s.Site, rack: s.Rack,
			title: title(a, s), customers: s.Customers,
		}
	}
	switch a.Name() {
	case alerts.SiteUnreachable, alerts.ProviderIncident:
		site, ok := inv.Site(a.Labels["site"])
		if ok {
			return about{subject: incident.Subject{Kind: "site", Name: site.Name}, site: site.Name, title: siteTitle(a, site)}
		}
		unknown = fmt.Sprintf("the inventory has no site %q", plain(a.Labels["site"]))
	case alerts.RackUnreachable:
		rack := a.Labels["rack"]
		site, ok := inv.SiteOfRack(rack)
		if ok {
			return about{subject: incident.Subject{Kind: "rack", Name: rack}, site: site.Name, title: "Rack " + rack + " does not answer"}
		}
		unknown = fmt.Sprintf("the inventory has no rack %q", plain(rack))
	}
	site, _ := inv.Site(a.Labels["site"])
	return about{
		subject: incident.Subject{Kind: "alert", Name: a.Fingerprint}, site: site.Name,
		title: named(plain(a.Summary()), site.Name), unknown: unknown,
	}
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

// siteTitle says in a few words what an alert about a site means.
func siteTitle(a alerts.Alert, site inventory.Site) string {
	if a.Name() == alerts.ProviderIncident {
		return "The provider of site " + site.Name + " announces trouble"
	}
	return "Site " + site.Name + " does not answer"
}

// title says in a few words what an alert about a server means.
func title(a alerts.Alert, s inventory.Server) string {
	service := a.Labels["service"]
	known := slices.ContainsFunc(s.Services, func(v inventory.Service) bool { return v.Name == service })
	switch {
	case a.Name() == alerts.ServerUnreachable:
		return "Server " + s.Name + " does not answer"
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
