package lab

import (
	"fmt"
	"slices"
)

// plan is what stands in one datacenter.
type plan struct {
	sites   []sitePlan
	servers []serverPlan
}

// planOf is the pretend world with a number of racks more, for whoever needs
// many servers at once. Their names count up: more-001a and more-001b stand in
// rack more-001. The racks go to the sites in turn.
func planOf(racks int) plan {
	p := plan{slices.Clone(sitePlans), slices.Clone(serverPlans)}
	for n := range racks {
		site := &p.sites[n%len(p.sites)]
		rack := fmt.Sprintf("more-%03d", n+1)
		site.Racks = append(slices.Clip(site.Racks), rack)
		for unit, letter := range []string{"a", "b"} {
			name := rack + letter
			p.servers = append(p.servers, serverPlan{
				Name: name, Title: "Server " + name, Site: site.Name, Rack: rack, Unit: unit + 1,
				Maker: "Lantaarn", Model: "L1U-220", Serial: fmt.Sprintf("LTN55%05d", 2*n+unit),
				Service: "service-" + name, SystemdUnit: name + ".service",
				Customers: []string{customerPlans[n%len(customerPlans)].Name}, CabledInstead: "web-01",
			})
		}
	}
	return p
}
