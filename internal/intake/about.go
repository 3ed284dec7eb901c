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
	title     string
	customers []string
	unknown   string // why the inventory does not know it, "" when it does
}

// subjects lists for what an incident may already be open, the widest first:
// when the whole site is in trouble, one of its servers is part of that.
func (a about) subjects() []incident.Subject {
	if a.subject.Kind == "server" && a.site != "" {
		return []incident.Subject{{Kind: "site", Name: a.site}, a.subject}
	}
	return []incident.Subject{a.subject}
}

// about looks an alert up: by the labels that name a server, then by the label
// site.
func (d *Door) about(a alerts.Alert) about {
	inv := d.Inventory()
	var tried []string
	for _, label := range d.Labels {
		value := a.Labels[label]
		if value == "" {
			continue
		}
		if s, ok := inv.Find(value); ok {
			return about{
				subject: incident.Subject{Kind: "server", Name: s.Name}, site: s.Site,
				title: title(a, s), customers: s.Customers,
			}
		}
		tried = append(tried, fmt.Sprintf("%s=%q", label, plain(value)))
	}
	if site, ok := inv.Site(a.Labels["site"]); ok {
		return about{
			subject: incident.Subject{Kind: "site", Name: site.Name}, site: site.Name,
			title: "Site " + site.Name + " does not answer",
		}
	}
	unknown := "the alert has none of the labels that name a server (" + strings.Join(d.Labels, ", ") + ")"
	if len(tried) > 0 {
		unknown = "the inventory has no server for " + strings.Join(tried, ", ") + "; add it, or an alias"
	}
	return about{
		subject: incident.Subject{Kind: "alert", Name: a.Fingerprint},
		title:   plain(a.Summary()), unknown: unknown,
	}
}

// title says in a few words what an alert about a server means.
func title(a alerts.Alert, s inventory.Server) string {
	service := a.Labels["service"]
	known := slices.ContainsFunc(s.Services, func(v inventory.Service) bool { return v.Name == service })
	switch {
	case a.Name() == alerts.ServerUnreachable:
		return "Server " + s.Name + " does not answer"
	case a.Name() == alerts.ServiceDown && known:
		return "Service " + service + " on " + s.Name + " does not answer"
	}
	words := plain(a.Summary())
	if !strings.Contains(words, s.Name) {
		words += " (" + s.Name + ")"
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
