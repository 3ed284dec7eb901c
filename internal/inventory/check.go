package inventory

import (
	"maps"
	"slices"

	"github.com/spinware/piket/internal/yamlpos"
)

// checker finds what the shape of the files alone does not show. It reports
// everything it finds and stops at nothing. Things are held by pointer, since
// that is how their positions are known.
type checker struct {
	doc      *yamlpos.Document
	problems yamlpos.Problems
	parts    []*Inventory

	sites, racks, feeds, servers, customers, people, teams map[string]*string // name → where it was given first
	marks, vendors                                         map[string]*string // the references, likewise
	windows                                                map[string]*string // the maintenances
	siteOfRack, siteOfFeed                                 map[string]string
	serials, uuids, bmcs, aliases, hostKeys                map[string]*string
	sorted                                                 map[string][]string // what → the names of that kind
}

func newChecker(parts []*Inventory, doc *yamlpos.Document) *checker {
	c := &checker{doc: doc, parts: parts, siteOfRack: map[string]string{}, siteOfFeed: map[string]string{}, sorted: map[string][]string{}}
	for _, m := range []*map[string]*string{
		&c.sites, &c.racks, &c.feeds, &c.marks, &c.vendors, &c.windows, &c.servers, &c.customers, &c.people, &c.teams,
		&c.serials, &c.uuids, &c.bmcs, &c.aliases, &c.hostKeys,
	} {
		*m = map[string]*string{}
	}
	return c
}

// check collects all names first, so that references may point forwards.
func (c *checker) check() {
	for _, part := range c.parts {
		c.names(part)
	}
	for _, part := range c.parts {
		c.part(part)
	}
}

func (c *checker) names(part *Inventory) {
	for i := range part.Sites {
		site := &part.Sites[i]
		c.name("site", &site.Name, c.sites)
		for j := range site.Racks {
			c.name("rack", &site.Racks[j].Name, c.racks)
			c.siteOfRack[site.Racks[j].Name] = site.Name
		}
		for j := range site.Feeds {
			c.name("feed", &site.Feeds[j].Name, c.feeds)
			c.siteOfFeed[site.Feeds[j].Name] = site.Name
		}
	}
	for i := range part.Servers {
		c.name("server", &part.Servers[i].Name, c.servers)
	}
	for i := range part.Customers {
		c.name("customer", &part.Customers[i].Name, c.customers)
	}
	for i := range part.People {
		c.name("person", &part.People[i].Name, c.people)
	}
	for i := range part.Teams {
		c.name("team", &part.Teams[i].Name, c.teams)
	}
	for i := range part.References {
		c.name("reference", &part.References[i].Name, c.marks)
	}
	for i := range part.Vendors {
		c.name("vendor", &part.Vendors[i].Name, c.vendors)
	}
	for i := range part.Windows {
		c.name("maintenance", &part.Windows[i].Name, c.windows)
	}
}

func (c *checker) part(part *Inventory) {
	for i := range part.Sites {
		c.site(&part.Sites[i])
	}
	for i := range part.Servers {
		c.server(&part.Servers[i])
	}
	for i := range part.Customers {
		c.customer(&part.Customers[i])
	}
	for i := range part.People {
		c.person(&part.People[i])
	}
	for i := range part.Teams {
		c.team(&part.Teams[i])
	}
	for i := range part.References {
		c.mark(&part.References[i])
	}
	for i := range part.Vendors {
		c.vendor(&part.Vendors[i])
	}
	for i := range part.Windows {
		c.maintenance(&part.Windows[i])
	}
}

// add notes a mistake in a field, which is given by pointer.
func (c *checker) add(field any, format string, args ...any) {
	c.problems.Add(c.doc.At(field), format, args...)
}

func (c *checker) hint(field any, hint, format string, args ...any) {
	c.problems.AddHint(c.doc.At(field), hint, format, args...)
}

// given tells a zero that the file says from one that it does not mention.
func (c *checker) given(field any, zero bool) bool { return !zero || c.doc.Given(field) }

// name checks how a thing is called and that no other is called the same. A
// missing name is reported by then.
func (c *checker) name(what string, name *string, seen map[string]*string) {
	if *name == "" {
		return
	}
	c.nameForm(what, name)
	c.once(what, *name, name, seen)
}

func (c *checker) once(what, key string, field *string, seen map[string]*string) {
	if first := c.first(key, field, seen); first != nil {
		c.add(field, "%s %q is given twice%s", what, *field, c.firstAt(first))
	}
}

// first notes where key was given, and returns where that had been done before,
// nil when nowhere.
func (c *checker) first(key string, field *string, seen map[string]*string) *string {
	if first, twice := seen[key]; twice {
		return first
	}
	seen[key] = field
	return nil
}

func (c *checker) firstAt(first *string) string {
	if pos := c.doc.At(first); pos.Line > 0 {
		return ", first at " + pos.String()
	}
	return ""
}

// reference checks that a field names something that exists. An empty field
// refers to nothing.
func (c *checker) reference(what string, field *string, known map[string]*string) {
	if _, ok := known[*field]; ok || *field == "" {
		return
	}
	if c.sorted[what] == nil {
		c.sorted[what] = slices.Sorted(maps.Keys(known))
	}
	c.problems.AddUnknown(c.doc.At(field), what, *field, c.sorted[what])
}

// references checks a list of names, of which each may stand there once.
func (c *checker) references(what string, list []string, known map[string]*string) {
	for i := range list {
		c.reference(what, &list[i], known)
		if slices.Contains(list[:i], list[i]) && list[i] != "" {
			c.add(&list[i], "%s %q stands in this list twice", what, list[i])
		}
	}
}

// word checks that a field is one of a few words.
func (c *checker) word(what string, field *string, valid []string) {
	if *field != "" && !slices.Contains(valid, *field) {
		c.problems.AddUnknown(c.doc.At(field), what, *field, valid)
	}
}
