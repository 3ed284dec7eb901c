package web

import (
	"strings"
	"testing"

	"github.com/spinware/piket/internal/inventory"
)

// TestEveryRouteIsListedForWhomItShouldBe holds the table itself: a route that
// is added must be added here, by somebody who has thought of who may.
func TestEveryRouteIsListedForWhomItShouldBe(t *testing.T) {
	open := map[string]bool{
		"GET /static/{file}": true, "GET /-/healthy": true, "GET /-/ready": true, "GET /metrics": true,
		"GET /metrics/probes": true, "GET /probe": true,
		"GET /sign-in": true, "POST /sign-in": true, "POST /sign-out": true,

		// These know who comes by the link itself.
		"POST /telephone/{purpose}/{incident}/{party}/{expires}/{token}": true,
		"GET /confirm/{incident}/{party}/{expires}/{token}":              true, "POST /confirm/{incident}/{party}/{expires}/{token}": true,
		"GET /feedback/{incident}/{party}/{expires}/{token}": true, "POST /feedback/{incident}/{party}/{expires}/{token}": true,
		"GET /calendar/{incident}/{party}/{expires}/{token}/{kind}/{file}": true,
		"GET /technician/{incident}/{party}/{expires}/{token}":             true, "POST /technician/{incident}/{party}/{expires}/{token}": true,
		"GET /technician/{incident}/{party}/{expires}/{token}/photos/{hash}": true,
	}
	for _, rt := range routes {
		machine := strings.HasPrefix(rt.pattern, "/api/alertmanager") || strings.HasPrefix(rt.pattern, "/api/v1/")
		if (rt.who == sender) != machine {
			t.Errorf("%s is for %s", rt.pattern, rt.who)
		}
		if (rt.who == anyone || rt.who == visitors) != open[rt.pattern] {
			t.Errorf("%s is for %s", rt.pattern, rt.who)
		}
		acts := strings.HasPrefix(rt.pattern, "POST") || strings.HasPrefix(rt.pattern, "PUT") || strings.HasPrefix(rt.pattern, "DELETE")
		if acts && rt.who == reader && rt.pattern != "POST /become" {
			t.Errorf("%s acts, and who may only read is let in", rt.pattern)
		}
	}
}

func TestEveryDeedHasARouteForPagesAndForPrograms(t *testing.T) {
	listed := map[string]bool{}
	for _, rt := range routes {
		listed[rt.pattern] = true
	}
	for name := range deeds {
		for _, prefix := range []string{"POST /incidents/{id}/", "POST /api/incidents/{id}/"} {
			if !listed[prefix+name] {
				t.Errorf("no route %s%s", prefix, name)
			}
		}
	}
}

func TestCirclesAdmitTheRolesThatTheyName(t *testing.T) {
	cases := []struct {
		who  who
		role inventory.Role
		want bool
	}{
		{reader, "", true}, {reader, inventory.Manager, true},
		{reporter, "", false}, {reporter, inventory.Support, true},
		{engineer, inventory.Engineer, true}, {engineer, inventory.Manager, false}, {engineer, inventory.Support, false}, {engineer, "", false},
		{hands, inventory.Engineer, true}, {hands, inventory.Support, true}, {hands, inventory.Manager, false},
		{warden, inventory.Engineer, true}, {warden, inventory.Manager, true}, {warden, inventory.Support, false}, {warden, "", false},
	}
	for _, c := range cases {
		p := inventory.Person{Name: "p"}
		if c.role != "" {
			p.Roles = []inventory.Role{c.role}
		}
		if got := c.who.admits(p); got != c.want {
			t.Errorf("%q admits %q: %v", c.who, c.role, got)
		}
	}
}
