package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/yamlpos"
)

// check reads the configuration at path with everything that it names, and
// writes to out what it found. The error holds every mistake.
func check(path string, out io.Writer) error {
	fmt.Fprintf(out, "Checking %s\n", path)
	if config, inv, err := LoadConfig(path); err == nil {
		fmt.Fprint(out, config.Summary(inv))
	}
	if _, err := loadSettings(path); err != nil { // exactly what serve and a reload go by
		fmt.Fprintf(out, "  FAILED: %s\n", mistakes(err))
		return err
	}
	_, err := io.WriteString(out, "  SUCCESS\n")
	return err
}

func mistakes(err error) string {
	var problems yamlpos.Problems
	if errors.As(err, &problems) {
		return count(len(problems), "mistake", "mistakes")
	}
	return err.Error()
}

// Summary says what the configuration amounts to, and warns of what is
// allowed and likely not meant. Each line is indented by two.
func (c *Config) Summary(inv *inventory.Inventory) string {
	lines := []string{contents(inv)}
	for _, warning := range slices.Concat(c.warnings(), inventoryWarnings(inv), c.receiverWarnings(inv)) {
		lines = append(lines, "WARNING: "+warning)
	}
	return "  " + strings.Join(lines, "\n  ") + "\n"
}

func contents(inv *inventory.Inventory) string {
	racks, services := 0, 0
	for _, site := range inv.Sites {
		racks += len(site.Racks)
	}
	for _, server := range inv.Servers {
		services += len(server.Services)
	}
	return strings.Join([]string{
		count(len(inv.Sites), "site", "sites"),
		count(racks, "rack", "racks"),
		count(len(inv.Servers), "server", "servers"),
		count(services, "service", "services"),
		count(len(inv.Customers), "customer", "customers"),
		count(len(inv.People), "person", "people"),
		count(len(inv.Teams), "team", "teams"),
	}, ", ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (c *Config) warnings() []string {
	var found []string
	if !c.Intake.Alertmanager.Open() {
		found = append(found, "intake.alertmanager has neither token_file nor client_names: the webhook is closed")
	}
	if !c.Mail.Enabled() {
		found = append(found, "there is no mail: nobody hears anything, and no technician can be sent")
	}
	if c.Storage.URL != "" && c.Web.LinksKey.IsZero() {
		found = append(found, "storage.url is given and web.links_key is not: whoever reads the database can make links in customers' names")
	}
	if c.Web.ExternalURL == "" {
		found = append(found, "web.external_url is not given: messages carry no link")
	}
	return append(found, c.telephoneWarnings()...)
}

// inventoryWarnings lists what piket could not do for the lack of something,
// one line for each kind.
func inventoryWarnings(inv *inventory.Inventory) []string {
	var found []string
	for _, w := range []struct {
		names  []string
		one    string
		many   string
		result string
	}{
		{namesOf(inv.Servers, lacksBMC), "server has no BMC", "servers have no BMC", "power cannot be switched"},
		{namesOf(inv.Servers, lacksIdentity), "server has a BMC and not both serial and uuid", "servers have a BMC and not both serial and uuid", "power is refused"},
		{namesOf(inv.Servers, lacksServices), "server has no services", "servers have no services", "only whether they answer is watched"},
		{namesOf(inv.Servers, lacksCustomers), "server has no customers", "servers have no customers", "nobody is told when they fail"},
		{namesOf(inv.Sites, lacksHands), "site has no remote hands", "sites have no remote hands", "no technician can be sent there"},
		{namesOf(inv.Sites, lacksGateway), "site has no gateway", "sites have no gateway", "an outage of the whole site looks like one of each server"},
		{namesOf(inv.Customers, lacksContact), "customer has neither email nor telephone", "customers have neither email nor telephone", "nobody can tell them"},
		{namesOf(inv.Teams, lacksDuty), "team has nobody on duty", "teams have nobody on duty", "nobody is asked"},
	} {
		if len(w.names) > 0 {
			found = append(found, fmt.Sprintf("%s: %s: %s", count(len(w.names), w.one, w.many), some(w.names), w.result))
		}
	}
	if len(inv.Teams) == 0 {
		found = append(found, "there are no teams: nobody is on duty and nobody can approve")
	}
	return found
}

// maxNamed bounds the names in one warning.
const maxNamed = 8

func some(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// namesOf lists what lacks something: lacks returns the name and whether.
func namesOf[T any](list []T, lacks func(T) (string, bool)) []string {
	var names []string
	for _, thing := range list {
		if name, yes := lacks(thing); yes {
			names = append(names, name)
		}
	}
	return names
}

func lacksBMC(s inventory.Server) (string, bool) { return s.Name, s.BMC == nil }

func lacksIdentity(s inventory.Server) (string, bool) {
	return s.Name, s.BMC != nil && (s.Serial == "" || s.UUID == "")
}

func lacksServices(s inventory.Server) (string, bool)  { return s.Name, len(s.Services) == 0 }
func lacksCustomers(s inventory.Server) (string, bool) { return s.Name, len(s.Customers) == 0 }
func lacksHands(s inventory.Site) (string, bool)       { return s.Name, s.RemoteHands == nil }
func lacksGateway(s inventory.Site) (string, bool)     { return s.Name, s.Gateway == nil }
func lacksDuty(t inventory.Team) (string, bool) {
	return t.Name, len(t.OnDuty) == 0 && t.Rotation == nil
}

func lacksContact(c inventory.Customer) (string, bool) {
	return c.Name, len(c.Email) == 0 && c.Telephone == ""
}
