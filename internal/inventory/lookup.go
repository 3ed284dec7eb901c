package inventory

import (
	"iter"
	"net"
	"net/netip"
	"slices"
	"time"
)

// whole is something that takes its servers with it when it goes: a site, a
// rack, or a feed.
type whole struct{ kind, name string }

// lookup finds things by name. It is built once and never changed.
type lookup struct {
	sites      map[string]Site
	siteOfRack map[string]string
	siteOfFeed map[string]string
	servers    map[string]*Server
	customers  map[string]Customer
	people     map[string]Person
	teams      map[string]Team
	behind     map[whole][]*Server
	known      map[string]string // what an alert may call a server → its name, "" when two share it
}

func newLookup(inv *Inventory) lookup {
	l := lookup{
		sites:      byName(inv.Sites, func(s Site) string { return s.Name }),
		siteOfRack: siteOfRack(inv.Sites),
		siteOfFeed: siteOfFeed(inv.Sites),
		servers:    make(map[string]*Server, len(inv.Servers)),
		customers:  byName(inv.Customers, func(c Customer) string { return c.Name }),
		people:     byName(inv.People, func(p Person) string { return p.Name }),
		teams:      byName(inv.Teams, func(t Team) string { return t.Name }),
		behind:     map[whole][]*Server{},
		known:      map[string]string{},
	}
	for i := range inv.Servers {
		s := &inv.Servers[i]
		l.servers[s.Name] = s
		for _, w := range s.wholes() {
			l.behind[w] = append(l.behind[w], s)
		}
		for _, word := range append([]string{s.Name, s.Address}, s.Aliases...) {
			l.learn(canonical(word), s.Name)
		}
	}
	return l
}

// wholes are what the server goes with: of feeds, one that it hangs on alone.
func (s *Server) wholes() []whole {
	list := []whole{{"site", s.Site}}
	if s.Rack != "" {
		list = append(list, whole{"rack", s.Rack})
	}
	if len(s.Feeds) == 1 {
		list = append(list, whole{"feed", s.Feeds[0]})
	}
	return list
}

func byName[T any](list []T, name func(T) string) map[string]T {
	m := make(map[string]T, len(list))
	for _, thing := range list {
		m[name(thing)] = thing
	}
	return m
}

// siteOfRack says on which site each rack stands.
func siteOfRack(sites []Site) map[string]string {
	on := map[string]string{}
	for _, site := range sites {
		for _, rack := range site.Racks {
			on[rack.Name] = site.Name
		}
	}
	return on
}

func feedsOfRack(sites []Site) map[string][]string {
	of := map[string][]string{}
	for _, site := range sites {
		for _, rack := range site.Racks {
			of[rack.Name] = rack.Feeds
		}
	}
	return of
}

// siteOfFeed says on which site each feed is.
func siteOfFeed(sites []Site) map[string]string {
	on := map[string]string{}
	for _, site := range sites {
		for _, feed := range site.Feeds {
			on[feed.Name] = site.Name
		}
	}
	return on
}

// learn notes that word stands for a server; once two servers have claimed it,
// it stands for none.
func (l lookup) learn(word, server string) {
	if other, taken := l.known[word]; taken && other != server {
		server = ""
	}
	l.known[word] = server
}

// canonical writes an IP address in the one way that netip does.
func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String()
	}
	return host
}

// Site returns the site with that name.
func (inv *Inventory) Site(name string) (Site, bool) {
	s, ok := inv.lookup.sites[name]
	return s, ok
}

// SiteOfRack returns the site on which the rack with that name stands.
func (inv *Inventory) SiteOfRack(rack string) (Site, bool) {
	name, ok := inv.lookup.siteOfRack[rack]
	if !ok {
		return Site{}, false
	}
	return inv.Site(name)
}

// SiteOfFeed returns the site on which the feed with that name is.
func (inv *Inventory) SiteOfFeed(feed string) (Site, bool) {
	name, ok := inv.lookup.siteOfFeed[feed]
	if !ok {
		return Site{}, false
	}
	return inv.Site(name)
}

// Server returns the server with that name. It takes no other value: a command
// names its target exactly.
func (inv *Inventory) Server(name string) (Server, bool) {
	s, ok := inv.lookup.servers[name]
	if !ok {
		return Server{}, false
	}
	return *s, true
}

// SiteOfServer returns the name of the site on which the server with that name
// stands, "" when there is no such server.
func (inv *Inventory) SiteOfServer(name string) string {
	if s, ok := inv.lookup.servers[name]; ok {
		return s.Site
	}
	return ""
}

// Customer returns the customer with that name.
func (inv *Inventory) Customer(name string) (Customer, bool) {
	c, ok := inv.lookup.customers[name]
	return c, ok
}

// Person returns the person with that name.
func (inv *Inventory) Person(name string) (Person, bool) {
	p, ok := inv.lookup.people[name]
	return p, ok
}

// Team returns the team with that name.
func (inv *Inventory) Team(name string) (Team, bool) {
	t, ok := inv.lookup.teams[name]
	return t, ok
}

// SiteOf returns the site on which a server of this inventory stands.
func (inv *Inventory) SiteOf(s Server) Site { return inv.lookup.sites[s.Site] }

// ServersOn goes through the servers on a site, in the order of the files.
func (inv *Inventory) ServersOn(site string) iter.Seq[Server] {
	return values(inv.lookup.behind[whole{"site", site}])
}

func values(list []*Server) iter.Seq[Server] {
	return func(yield func(Server) bool) {
		for _, s := range list {
			if !yield(*s) {
				return
			}
		}
	}
}

// Behind returns the servers that go when a whole site, rack or feed goes: of a
// feed, those that hang on no other. It returns none for any other kind.
func (inv *Inventory) Behind(kind, name string) []Server {
	return slices.Collect(values(inv.lookup.behind[whole{kind, name}]))
}

// CountBehind returns how many servers [Inventory.Behind] returns.
func (inv *Inventory) CountBehind(kind, name string) int {
	return len(inv.lookup.behind[whole{kind, name}])
}

// CustomersOf returns the customers of a server, in the order it lists them.
func (inv *Inventory) CustomersOf(s Server) []Customer {
	customers := make([]Customer, 0, len(s.Customers))
	for _, name := range s.Customers {
		if c, ok := inv.Customer(name); ok {
			customers = append(customers, c)
		}
	}
	return customers
}

// OnDuty returns the people of a team who are asked first, in the order of the
// file. It is empty when nobody is on duty or there is no such team.
func (inv *Inventory) OnDuty(team string) []Person {
	names := inv.lookup.teams[team].OnDuty
	people := make([]Person, 0, len(names))
	for _, name := range names {
		if p, ok := inv.Person(name); ok {
			people = append(people, p)
		}
	}
	return people
}

// Asked returns the engineers who may answer what asks "on-duty", a team or a
// person by name: first those who are asked one after the other, in that order,
// then those who are asked when none of them answers. team is that of the
// incident.
func (inv *Inventory) Asked(by, team string) (first, rest []Person) {
	if by == OnDutyPeople {
		by = team
	} else if p, ok := inv.Person(by); ok {
		return engineers([]Person{p}), nil
	}
	t := inv.lookup.teams[by]
	first = engineers(inv.OnDuty(by))
	for _, name := range t.Members {
		if p, ok := inv.Person(name); ok && !slices.Contains(t.OnDuty, name) {
			rest = append(rest, p)
		}
	}
	return first, engineers(rest)
}

func engineers(people []Person) []Person {
	return slices.DeleteFunc(people, func(p Person) bool { return !p.Has(Engineer) })
}

// WithRole returns the people who have a role, in the order of the files.
func (inv *Inventory) WithRole(role Role) []Person {
	return slices.DeleteFunc(slices.Clone(inv.People), func(p Person) bool { return !p.Has(role) })
}

// Wait returns how long one person of a team is left to answer before the next
// is asked.
func (inv *Inventory) Wait(team string) time.Duration {
	if after := inv.lookup.teams[team].EscalateAfter; after > 0 {
		return after
	}
	return DefaultEscalateAfter
}

// Find returns the server that the value of an alert's label stands for: by
// exactly its name, its address or one of its aliases, with or without a port
// behind it. When two servers share what was given, it finds neither: a guess
// could restart the wrong machine.
func (inv *Inventory) Find(value string) (Server, bool) {
	name, ok := inv.lookup.known[canonical(value)]
	if !ok {
		host, _, err := net.SplitHostPort(value)
		if err != nil {
			return Server{}, false
		}
		name = inv.lookup.known[canonical(host)]
	}
	return inv.Server(name)
}

// ReachableEndpoint returns what to ask to learn whether the server answers:
// what the inventory says, or else a ping to its address. Its address is
// filled in.
func (s Server) ReachableEndpoint() Endpoint {
	if s.Reachable == nil {
		return Endpoint{Check: "icmp", Address: s.Address}
	}
	return s.endpoint(*s.Reachable)
}

// ServiceEndpoint returns what to ask to learn whether a service of the server
// answers, with its address filled in.
func (s Server) ServiceEndpoint(service Service) Endpoint {
	return s.endpoint(service.Probe)
}

func (s Server) endpoint(e Endpoint) Endpoint {
	if e.Address == "" && e.Check != "http" {
		e.Address = s.Address
	}
	return e
}

// HostPort returns where the BMC listens.
func (b BMC) HostPort() string { return hostPort(b.Address, b.port()) }
