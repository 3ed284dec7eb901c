package vantage

import (
	"fmt"
	"slices"

	"github.com/spinware/piket/internal/inventory"
)

// Targets is what the hub lets a vantage know of its inventory: where what
// answers to what. There is no field for a secret, a command, a file, a BMC, a
// person or a customer, so that none can slip in.
type Targets struct {
	Sites   []Site   `json:"sites"`
	Servers []Server `json:"servers"`
}

// Site is one datacenter as a vantage knows it.
type Site struct {
	Name    string   `json:"name"`
	Feeds   []string `json:"feeds,omitempty"`
	Racks   []Rack   `json:"racks,omitempty"`
	Gateway *Check   `json:"gateway,omitempty"`
}

// Rack is one rack as a vantage knows it.
type Rack struct {
	Name  string   `json:"name"`
	Feeds []string `json:"feeds,omitempty"`
}

// Server is one machine as a vantage knows it.
type Server struct {
	Name      string    `json:"name"`
	Site      string    `json:"site"`
	Rack      string    `json:"rack,omitempty"`
	Feeds     []string  `json:"feeds,omitempty"`
	Address   string    `json:"address"`
	Reachable *Check    `json:"reachable,omitempty"` // a ping to the address when nil
	Services  []Service `json:"services,omitempty"`
}

// Service is one service of a server.
type Service struct {
	Name  string `json:"name"`
	Probe Check  `json:"probe"`
}

// Check is how something is asked. Its fields are those of inventory.Endpoint
// that make sense elsewhere.
type Check struct {
	Check       string `json:"check"`
	Address     string `json:"address,omitempty"`
	URL         string `json:"url,omitempty"`
	Status      []int  `json:"status,omitempty"`
	Expect      string `json:"expect,omitempty"`
	ExpectRegex string `json:"expect_regex,omitempty"`
	Redirects   bool   `json:"redirects,omitempty"`
	ServerName  string `json:"server_name,omitempty"`
	CertWarn    int    `json:"cert_warn,omitempty"`
	Query       string `json:"query,omitempty"`
	Type        string `json:"type,omitempty"`
}

// elsewhere lists the checks that mean the same wherever they are asked. A
// plug-in runs here and a heartbeat calls here.
var elsewhere = []string{"icmp", "tcp", "http", "tls", "dns", "ssh"}

// askable reports whether a vantage can ask e just as piket does. One with a
// ca_file it cannot: the file lies here. It is left out and not asked in a
// lesser way, by a bare connection: that would be heard where the page fails,
// and outvote the one who looked properly.
func askable(e inventory.Endpoint) bool {
	return slices.Contains(elsewhere, e.Check) && e.CAFile == ""
}

// Prune makes the list for the vantages. A server whose own check cannot be
// asked elsewhere is left out with its services: what its silence means for
// them could not be told.
func Prune(inv *inventory.Inventory) Targets {
	t := Targets{Sites: []Site{}, Servers: []Server{}}
	for _, s := range inv.Sites {
		t.Sites = append(t.Sites, pruneSite(s))
	}
	for _, s := range inv.Servers {
		if s.Reachable == nil || askable(*s.Reachable) {
			t.Servers = append(t.Servers, pruneServer(s))
		}
	}
	return t
}

func pruneSite(s inventory.Site) Site {
	site := Site{Name: s.Name}
	for _, feed := range s.Feeds {
		site.Feeds = append(site.Feeds, feed.Name)
	}
	for _, rack := range s.Racks {
		site.Racks = append(site.Racks, Rack{rack.Name, rack.Feeds})
	}
	if s.Gateway != nil && askable(*s.Gateway) {
		site.Gateway = checkOf(*s.Gateway)
	}
	return site
}

func pruneServer(s inventory.Server) Server {
	server := Server{Name: s.Name, Site: s.Site, Rack: s.Rack, Feeds: s.Feeds, Address: s.Address}
	if s.Reachable != nil {
		server.Reachable = checkOf(*s.Reachable)
	}
	for _, svc := range s.Services {
		if askable(svc.Probe) {
			server.Services = append(server.Services, Service{svc.Name, *checkOf(svc.Probe)})
		}
	}
	return server
}

func checkOf(e inventory.Endpoint) *Check {
	return &Check{
		Check: e.Check, Address: e.Address, URL: e.URL, Status: e.Status, Expect: e.Expect, ExpectRegex: e.ExpectRegex,
		Redirects: e.Redirects, ServerName: e.ServerName, CertWarn: e.CertWarn, Query: e.Query, Type: e.Type,
	}
}

func (c Check) endpoint() inventory.Endpoint {
	return inventory.Endpoint{
		Check: c.Check, Address: c.Address, URL: c.URL, Status: c.Status, Expect: c.Expect, ExpectRegex: c.ExpectRegex,
		Redirects: c.Redirects, ServerName: c.ServerName, CertWarn: c.CertWarn, Query: c.Query, Type: c.Type,
	}
}

// Keys lists what the scheduler of a vantage calls that which is on the list,
// as [probes.Scheduler.Snapshot] does.
func (t Targets) Keys() []string {
	var keys []string
	for _, s := range t.Sites {
		if s.Gateway != nil {
			keys = append(keys, "site/"+s.Name)
		}
	}
	for _, s := range t.Servers {
		keys = append(keys, "server/"+s.Name)
		for _, svc := range s.Services {
			keys = append(keys, "service/"+s.Name+"/"+svc.Name)
		}
	}
	return keys
}

// Inventory makes of the list what a scheduler can work with, judged by a
// vantage's own references. It is checked as a file is, so that nothing that a
// file may not say can come over the wire.
func (t Targets) Inventory(references []inventory.Reference) (*inventory.Inventory, error) {
	content := inventory.Inventory{References: references}
	for _, s := range t.Sites {
		content.Sites = append(content.Sites, s.inventory())
	}
	for _, s := range t.Servers {
		content.Servers = append(content.Servers, s.inventory())
	}
	inv, err := inventory.New(content)
	if err != nil {
		return nil, fmt.Errorf("understand the list of targets: %w", err)
	}
	return inv, nil
}

func (s Site) inventory() inventory.Site {
	site := inventory.Site{Name: s.Name}
	for _, feed := range s.Feeds {
		site.Feeds = append(site.Feeds, inventory.Feed{Name: feed})
	}
	for _, rack := range s.Racks {
		site.Racks = append(site.Racks, inventory.Rack{Name: rack.Name, Feeds: rack.Feeds})
	}
	if s.Gateway != nil {
		gateway := s.Gateway.endpoint()
		site.Gateway = &gateway
	}
	return site
}

func (s Server) inventory() inventory.Server {
	server := inventory.Server{Name: s.Name, Site: s.Site, Rack: s.Rack, Feeds: s.Feeds, Address: s.Address}
	if s.Reachable != nil {
		reachable := s.Reachable.endpoint()
		server.Reachable = &reachable
	}
	for _, svc := range s.Services {
		server.Services = append(server.Services, inventory.Service{Name: svc.Name, Probe: svc.Probe.endpoint()})
	}
	return server
}
