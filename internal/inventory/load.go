package inventory

import (
	"slices"
	"strings"

	"github.com/spinware/piket/internal/yamlpos"
)

// Load reads an inventory that may be spread over several files: what they
// list is added up, and names may refer across files. The error is of type
// yamlpos.Problems and holds every mistake of every file.
func Load(paths ...string) (*Inventory, error) {
	var doc yamlpos.Document
	var problems yamlpos.Problems
	parts := make([]*Inventory, len(paths))
	for i, path := range paths {
		parts[i] = new(Inventory)
		problems.Join(doc.DecodeFile(path, parts[i]))
	}
	c := newChecker(parts, &doc)
	c.problems = problems
	c.check()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return index(parts), nil
}

// New makes an inventory of what content lists, checked as [Load] checks a
// file; the mistakes have no positions. It does not change content.
func New(content Inventory) (*Inventory, error) {
	parts := []*Inventory{&content}
	c := newChecker(parts, new(yamlpos.Document))
	c.check()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return index(parts), nil
}

// index adds the parts up, fills in what an empty field means, and builds the
// lookups. The parts are without mistakes.
func index(parts []*Inventory) *Inventory {
	inv := &Inventory{}
	for _, part := range parts {
		inv.Sites = append(inv.Sites, part.Sites...)
		inv.Servers = append(inv.Servers, part.Servers...)
		inv.Customers = append(inv.Customers, part.Customers...)
		inv.People = append(inv.People, part.People...)
		inv.Teams = append(inv.Teams, part.Teams...)
		inv.References = append(inv.References, part.References...)
		inv.Vendors = append(inv.Vendors, part.Vendors...)
		inv.Windows = append(inv.Windows, part.Windows...)
	}
	racks, feeds := siteOfRack(inv.Sites), feedsOfRack(inv.Sites)
	for i, s := range inv.Servers {
		if s.Site == "" {
			s.Site = racks[s.Rack]
		}
		if len(s.Feeds) == 0 {
			s.Feeds = feeds[s.Rack]
		}
		inv.Servers[i] = s.withDefaults()
	}
	for i := range inv.Customers {
		if inv.Customers[i].Language == "" {
			inv.Customers[i].Language = DefaultLanguage
		}
	}
	inv.lookup = newLookup(inv)
	return inv
}

// withDefaults returns s with every empty field that means something filled
// in. What s points to stays as it is.
func (s Server) withDefaults() Server {
	s.UUID = strings.ToLower(s.UUID)
	s.Services = slices.Clone(s.Services)
	if s.BMC != nil {
		bmc := *s.BMC
		bmc.Port = bmc.port()
		if bmc.Protocol == IPMI && bmc.CipherSuite == 0 {
			bmc.CipherSuite = DefaultCipherSuite
		}
		s.BMC = &bmc
	}
	if s.SSH != nil {
		ssh := *s.SSH
		if ssh.Address == "" {
			ssh.Address = s.Address
		}
		if ssh.Port == 0 {
			ssh.Port = DefaultSSHPort
		}
		s.SSH = &ssh
	}
	return s
}

func (b *BMC) port() int {
	switch {
	case b.Port != 0:
		return b.Port
	case b.Protocol == IPMI:
		return DefaultIPMIPort
	}
	return DefaultRedfishPort
}
