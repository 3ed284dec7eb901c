package simulate

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
)

// site, rack and feed are what servers share, and fail with.
type (
	site struct {
		name      string
		state     span // the way to it
		announced time.Duration
	}
	rack struct {
		name  string
		site  *site
		feeds []*feed
		state span // its switch
	}
	feed struct {
		name  string
		state span
	}
)

// span says since when something is well, or is not.
type span struct {
	down  bool
	since time.Duration
	aside bool // the way to the BMCs is another one, and is there
}

func (s *span) set(down bool, now time.Duration) {
	if s.down != down {
		s.down, s.since = down, now
	}
}

// terrain is everything that stands somewhere, in an order that never changes.
type terrain struct {
	sites    []*site
	racks    []*rack
	feeds    []*feed
	machines []*machine
	byName   map[string]*machine
	byRoute  map[string]*machine // where a BMC's address leads, which may not be where it should
	byHost   map[string]*machine // address, with or without a port
	gateways map[string]*site
	pages    map[string]*site
	content  inventory.Inventory

	customers map[int]string // by machine
}

const (
	nearReference = "2001:db8:ff::1"
	farReference  = "2001:db8:fe::1"
	team          = "network-and-server"
)

// engineers may answer, and onDuty of them are asked; the others may not.
var (
	engineers = []string{"noor", "ravi", "mila"}
	outsider  = "sem"
)

// newTerrain lays out two or three sites with racks, feeds and servers.
func newTerrain(w *world) *terrain {
	t := &terrain{
		byName: map[string]*machine{}, byRoute: map[string]*machine{}, byHost: map[string]*machine{},
		gateways: map[string]*site{}, pages: map[string]*site{}, customers: map[int]string{},
	}
	for n := range 2 + w.rng.IntN(2) {
		t.site(w, fmt.Sprintf("site-%d", n+1), n+1)
	}
	for n := range 6 {
		name := fmt.Sprintf("customer-%d", n+1)
		t.content.Customers = append(t.content.Customers, inventory.Customer{Name: name, Email: []string{name + "@example.net"}})
	}
	for _, name := range engineers {
		t.content.People = append(t.content.People, inventory.Person{Name: name, Email: name + "@example.net", Roles: []inventory.Role{inventory.Engineer}})
	}
	t.content.People = append(t.content.People, inventory.Person{Name: outsider, Email: outsider + "@example.net", Roles: []inventory.Role{inventory.Support}})
	t.content.Teams = []inventory.Team{{Name: team, Members: engineers, OnDuty: engineers[:2]}}
	t.content.References = []inventory.Reference{
		{Name: "near", Side: inventory.Near, Probe: inventory.Endpoint{Check: "icmp", Address: nearReference}},
		{Name: "far", Side: inventory.Far, Probe: inventory.Endpoint{Check: "icmp", Address: farReference}},
	}
	return t
}

func (t *terrain) site(w *world, name string, number int) {
	s := &site{name: name}
	t.sites = append(t.sites, s)
	gateway := fmt.Sprintf("2001:db8:%d::ffff", number)
	page := "https://status." + name + ".example.net"
	t.gateways[gateway], t.pages[page] = s, s
	entry := inventory.Site{
		Name: name, Gateway: &inventory.Endpoint{Check: "icmp", Address: gateway},
		StatusPage:  &inventory.StatusPage{URL: page},
		RemoteHands: &inventory.RemoteHands{Name: "hands of " + name, Email: []string{"hands@example.net"}},
	}
	var feeds []*feed
	for n := range 2 {
		f := &feed{name: fmt.Sprintf("%s-feed-%d", name, n+1)}
		feeds = append(feeds, f)
		entry.Feeds = append(entry.Feeds, inventory.Feed{Name: f.name})
	}
	t.feeds = append(t.feeds, feeds...)
	for n := range 3 {
		r := &rack{name: fmt.Sprintf("%s-rack-%d", name, n+1), site: s, feeds: feeds[:1]}
		if n == 2 {
			r.feeds = feeds // on both: the loss of one does not take it
		}
		t.racks = append(t.racks, r)
		feedNames := make([]string, len(r.feeds))
		for k, f := range r.feeds {
			feedNames[k] = f.name
		}
		entry.Racks = append(entry.Racks, inventory.Rack{Name: r.name, Feeds: feedNames})
		for k := range 4 + w.rng.IntN(4) {
			t.server(w, r, number, n, k)
		}
	}
	t.content.Sites = append(t.content.Sites, entry)
}

func (t *terrain) server(w *world, r *rack, site, rackNumber, k int) {
	number := len(t.machines) + 1
	m := &machine{
		number: number, name: fmt.Sprintf("server-%02d", number), rack: r, on: true,
		serial: fmt.Sprintf("SIM%07d", number), uuid: fmt.Sprintf("6f1c1c6e-2f0a-4c55-9d3c-5a1f0d3b%04x", number),
		address: fmt.Sprintf("2001:db8:%d:%d::%d", site, rackNumber+1, k+1), bmcAddress: fmt.Sprintf("2001:db8:%d:%d::b:%d", site, rackNumber+1, k+1),
	}
	data := ""
	if m.data = number%3 == 0; !m.data {
		data = inventory.DataNone
	}
	t.machines = append(t.machines, m)
	t.byName[m.name], t.byRoute[m.bmcAddress] = m, m
	t.byHost[m.address], t.byHost["["+m.address+"]:22"], t.byHost["["+m.address+"]:80"] = m, m, m
	t.customers[number] = fmt.Sprintf("customer-%d", 1+w.rng.IntN(6))
	t.content.Servers = append(t.content.Servers, inventory.Server{
		Name: m.name, Rack: r.name, Address: m.address, Serial: m.serial, UUID: m.uuid, Model: fmt.Sprintf("model-%d", number%3),
		BMC:       &inventory.BMC{Protocol: inventory.Redfish, Address: m.bmcAddress, Username: "piket", Password: secret.Ref{Env: "PIKET_SIMULATION"}},
		SSH:       &inventory.SSH{User: "piket", Key: secret.Ref{Env: "PIKET_SIMULATION"}, HostKeys: []string{hostKey(number)}},
		Services:  []inventory.Service{{Name: "service", Unit: "service.service", Probe: inventory.Endpoint{Check: "tcp", Address: "[" + m.address + "]:80"}}},
		Customers: []string{t.customers[number]}, Protected: number%17 == 0, Data: data,
	})
}

// hostKey is a public key in the form of known_hosts; nobody has the other half.
func hostKey(number int) string {
	blob := append([]byte{0, 0, 0, 11}, "ssh-ed25519"...)
	blob = append(blob, 0, 0, 0, 32)
	blob = append(blob, bytes.Repeat([]byte{byte(number)}, 32)...)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob)
}

// change replaces the inventory by one in which edit has changed the servers.
func (w *world) change(edit func(servers []inventory.Server) []inventory.Server) {
	content := w.content
	content.Servers = edit(slices.Clone(content.Servers))
	inv, err := inventory.New(content)
	if err != nil {
		panic("simulate: an inventory of this package is not sound: " + err.Error())
	}
	w.content, w.inventory = content, inv
}
