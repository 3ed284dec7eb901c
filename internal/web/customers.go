package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
)

// known is what piket knows of a caller: the customers that fit what was typed
// until now.
type known struct {
	Query     string          `json:"query"`
	Customers []knownCustomer `json:"customers"`
	More      int             `json:"more,omitempty"` // that fit as well
}

// knownCustomer is a customer with what support needs while they are on the
// line.
type knownCustomer struct {
	Name      string          `json:"name"`
	Title     string          `json:"title,omitempty"`
	Telephone string          `json:"telephone,omitempty"`
	Email     []string        `json:"email,omitempty"`
	Servers   []knownServer   `json:"servers"`
	Incidents []knownIncident `json:"incidents"` // that concern them and are not over
}

type knownServer struct {
	Name     string   `json:"name"`
	Title    string   `json:"title,omitempty"`
	Services []string `json:"services,omitempty"`
}

type knownIncident struct {
	ID       string            `json:"incident"`
	Title    string            `json:"title"`
	Priority incident.Priority `json:"priority"`
	Status   incident.Status   `json:"status"`
	Since    time.Time         `json:"known_since"`
	Next     time.Time         `json:"next_word,omitzero"`
}

// Bounds of a look-up: what support can read while somebody waits, and what may
// be gone through for each letter that is typed.
const (
	maxKnown         = 5
	maxKnownServers  = 30
	maxKnownOngoing  = 500
	minQueryRunes    = 2
	maxCustomerRunes = 200
)

// lookUp finds the customers that fit a query and what concerns them now.
func (a *app) lookUp(ctx context.Context, query string) (known, error) {
	k := known{Query: clip(query, maxCustomerRunes), Customers: []knownCustomer{}}
	inv := a.Inventory()
	fits := customersLike(inv, k.Query)
	k.More = max(0, len(fits)-maxKnown)
	if fits = fits[:min(len(fits), maxKnown)]; len(fits) == 0 {
		return k, nil
	}
	ongoing, err := a.ongoing(ctx)
	if err != nil {
		return k, err
	}
	for _, c := range fits {
		k.Customers = append(k.Customers, a.knownCustomer(inv, c, ongoing))
	}
	return k, nil
}

// ongoing loads the incidents that are not over, newest first.
func (a *app) ongoing(ctx context.Context) ([]*incident.Incident, error) {
	list, err := a.Store.List(ctx, store.Filter{Ongoing: true, Limit: maxKnownOngoing})
	if err != nil {
		return nil, err
	}
	var all []*incident.Incident
	for _, m := range list {
		inc, err := a.Store.Load(ctx, m.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, inc)
	}
	return all, nil
}

func (a *app) knownCustomer(inv *inventory.Inventory, c inventory.Customer, ongoing []*incident.Incident) knownCustomer {
	k := knownCustomer{Name: c.Name, Title: c.Title, Telephone: c.Telephone, Email: c.Email, Servers: []knownServer{}, Incidents: []knownIncident{}}
	for _, s := range inv.Servers {
		if !slices.Contains(s.Customers, c.Name) || len(k.Servers) == maxKnownServers {
			continue
		}
		server := knownServer{Name: s.Name, Title: s.Title}
		for _, service := range s.Services {
			server.Services = append(server.Services, service.Name)
		}
		k.Servers = append(k.Servers, server)
	}
	for _, inc := range ongoing {
		if !slices.Contains(inc.Customers, c.Name) {
			continue
		}
		told := desk.ToCaller(a.facts(inc), c)
		k.Incidents = append(k.Incidents, knownIncident{inc.ID, inc.Title, inc.Priority, inc.Status, told.Since, told.Next})
	}
	return k
}

// facts are what the desk judges an incident on, for what is shown of it.
func (a *app) facts(inc *incident.Incident) desk.Facts {
	config := a.Config()
	return desk.Facts{
		Incident: inc, Inventory: a.Inventory(), Now: a.Clock.Now(),
		Policy: desk.Policy{Updates: config.updates(), ExternalURL: config.ExternalURL, Zone: config.Zone},
	}
}

// customersLike finds customers by a part of what they may call themselves: their
// name, their mail address, their telephone number, one of their servers. Who is
// called exactly so comes first.
func customersLike(inv *inventory.Inventory, query string) []inventory.Customer {
	q := strings.ToLower(strings.TrimSpace(query))
	if len([]rune(q)) < minQueryRunes {
		return nil
	}
	var fits []inventory.Customer
	for _, c := range inv.Customers {
		if likeCustomer(c, q) || slices.ContainsFunc(inv.Servers, func(s inventory.Server) bool {
			return slices.Contains(s.Customers, c.Name) && strings.Contains(strings.ToLower(s.Name+"\n"+s.Title), q)
		}) {
			fits = append(fits, c)
		}
	}
	exact := func(c inventory.Customer) int {
		if strings.EqualFold(c.Name, q) || strings.EqualFold(c.Title, q) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(fits, func(c, d inventory.Customer) int { return cmp.Compare(exact(c), exact(d)) })
	return fits
}

// leastDigits is how much of a telephone number must be typed before it is
// searched for.
const leastDigits = 4

func likeCustomer(c inventory.Customer, q string) bool {
	if strings.Contains(strings.ToLower(strings.Join(append([]string{c.Name, c.Title}, c.Email...), "\n")), q) {
		return true
	}
	wanted := digits(q)
	return len(wanted) >= leastDigits && len(wanted) >= len(q)/2 && strings.Contains(digits(c.Telephone), wanted)
}

// digits keeps the digits of a telephone number: everybody writes them in other
// groups.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// callerOf returns the customer that was meant by what was typed: the one that is
// called so, or the only one that fits.
func callerOf(inv *inventory.Inventory, typed string) (inventory.Customer, bool) {
	fits := customersLike(inv, typed)
	if len(fits) == 0 {
		return inventory.Customer{}, false
	}
	c := fits[0]
	return c, len(fits) == 1 || strings.EqualFold(c.Name, strings.TrimSpace(typed)) || strings.EqualFold(c.Title, strings.TrimSpace(typed))
}

func (a *app) apiCustomers(w http.ResponseWriter, r *http.Request) {
	k, err := a.lookUp(r.Context(), r.FormValue("q"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, k)
}
