package inventory

import (
	"maps"
	"slices"
	"strings"
)

// PageFormats are the formats of status pages that can be named. The probes
// have the same list, and a test there holds the two together.
var PageFormats = []string{
	"incidentio", "statuspage", "instatus", "statusio", "statuspal", "betterstack", "cachet", "cstate",
	"aws", "gcloud", "azure", "feed", "maintnote", "html",
}

func (c *checker) statusPage(p *StatusPage, on *Site) {
	c.url("url", &p.URL)
	c.word("format", &p.Format, PageFormats)
	c.line("component", &p.Component)
	for _, component := range slices.Sorted(maps.Keys(p.Components)) {
		c.pageComponent(p, component, on)
	}
}

// pageComponent checks that a component stands for racks of its own site: one
// elsewhere would be left alone for what is announced here.
func (c *checker) pageComponent(p *StatusPage, component string, on *Site) {
	racks := p.Components[component]
	if strings.TrimSpace(component) == "" {
		c.problems.AddHint(c.doc.Key(&p.Components, component), "write what the page calls it: Feed B: [r1, r2]", "components: a component has no name")
	}
	c.references("rack", racks, c.racks)
	for i := range racks {
		if site, ok := c.siteOfRack[racks[i]]; ok && site != on.Name {
			c.add(&racks[i], "rack %q is on site %q, not on %q", racks[i], site, on.Name)
		}
	}
}
