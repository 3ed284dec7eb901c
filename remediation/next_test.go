package remediation_test

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

var three = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// world is an inventory with one site, three servers and one engineer on duty.
func world(t testing.TB) *inventory.Inventory {
	t.Helper()
	nowhere := secret.Ref{File: os.DevNull}
	var servers []inventory.Server
	for n, name := range []string{"web-01", "web-02", "web-03"} {
		digit := string(rune('1' + n))
		servers = append(servers, inventory.Server{
			Name: name, Site: "ams1", Address: "192.0.2.1" + digit,
			Serial: "SN000" + digit, UUID: "6f1c1c6e-2f0a-4c55-9d3c-5a1f0d3b7e1" + digit,
			BMC:      &inventory.BMC{Protocol: inventory.Redfish, Address: "192.0.2.11" + digit, Username: "piket", Password: nowhere},
			SSH:      &inventory.SSH{User: "piket", Key: nowhere, HostKeys: []string{hostKey(t, byte(n))}},
			Services: []inventory.Service{{Name: "shop", Unit: "shop.service", Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.11:80"}}},
		})
	}
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{{
			Name: "ams1", Gateway: &inventory.Endpoint{Check: "icmp", Address: "192.0.2.1"},
			StatusPage:  &inventory.StatusPage{URL: "https://status.example.net"},
			RemoteHands: &inventory.RemoteHands{Name: "hands", Email: []string{"hands@example.net"}},
		}},
		Servers: servers,
		People: []inventory.Person{
			{Name: "noor", Email: "noor@example.net", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "ravi", Email: "ravi@example.net", Roles: []inventory.Role{inventory.Engineer}},
			{Name: "sem", Email: "sem@example.net", Roles: []inventory.Role{inventory.Support}},
		},
		Teams: []inventory.Team{{Name: "network-and-server", Members: []string{"noor", "ravi"}, OnDuty: []string{"noor"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// hostKey returns the n-th of some host keys that are all different.
func hostKey(t testing.TB, n byte) string {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(public))
}

func shipped(t testing.TB, name string) *runbooks.Runbook {
	t.Helper()
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	book, ok := library.Book(name)
	if !ok {
		t.Fatalf("no shipped runbook %s", name)
	}
	return book
}

func simulate(t *testing.T, book string, script remediation.Script) remediation.Simulated {
	t.Helper()
	result, err := remediation.Simulate(shipped(t, book), world(t), "web-01", script, three)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// verbs lists what was sent, as "power cycle" or "ssh systemctl restart …".
func verbs(sends []incident.Intended) []string {
	var list []string
	for _, s := range sends {
		list = append(list, strings.TrimSpace(s.Action+" "+s.Verb+strings.Join(s.Command, " ")))
	}
	return list
}

func found(t *testing.T, book string, facts ...string) map[string]incident.Check {
	t.Helper()
	f, err := remediation.ParseFound(shipped(t, book), facts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The shipped runbooks, each in every world that matters: what is sent, and
// how it ends.
func TestShippedRunbooksDoWhatTheyShould(t *testing.T) {
	const unreachable, down = "server-unreachable", "service-down"
	tests := map[string]struct {
		book   string
		facts  []string
		answer string
		cures  string
		sends  []string
		ended  incident.Status
	}{
		"hung, agreed":                          {unreachable, nil, "yes", "power-cycle", []string{"power cycle"}, incident.BackInService},
		"hung, denied":                          {unreachable, nil, "no", "technician", nil, incident.BackInService},
		"hung, nobody answers":                  {unreachable, nil, "none", "technician", nil, incident.BackInService},
		"off, agreed":                           {unreachable, []string{"power.state=off"}, "yes", "power-on", []string{"power on"}, incident.BackInService},
		"off, nobody answers":                   {unreachable, []string{"power.state=off"}, "none", "technician", nil, incident.BackInService},
		"off, seen from two places":             {unreachable, []string{"power.state=off", "elsewhere.voters=2", "elsewhere.down=2"}, "none", "power-on", []string{"power on"}, incident.BackInService},
		"hung, piket cannot see":                {unreachable, []string{"observer.ok=false"}, "yes", "", nil, incident.Open},
		"hung, most others hear it":             {unreachable, []string{"elsewhere.voters=3", "elsewhere.down=1", "elsewhere.up=2"}, "yes", "", nil, incident.Open},
		"a service, and others hear the server": {unreachable, []string{"shell.ok=true", "reachable.ok=true", "elsewhere.voters=2", "elsewhere.down=1", "elsewhere.up=1"}, "yes", "restart-service", []string{"ssh systemctl restart shop.service"}, incident.BackInService},
		"hung, one of three hears it":           {unreachable, []string{"elsewhere.voters=3", "elsewhere.down=2", "elsewhere.up=1"}, "yes", "technician", nil, incident.BackInService},
		"nothing on its feed answers":           {unreachable, []string{"neighbours.feed_asked=4", "neighbours.feed_up=0"}, "yes", "", nil, incident.Joined},
		"hung, nothing helps":                   {unreachable, nil, "yes", "", []string{"power cycle"}, incident.Open},
		"only the service is gone":              {unreachable, []string{"shell.ok=true", "reachable.ok=true"}, "yes", "restart-service", []string{"ssh systemctl restart shop.service"}, incident.BackInService},
		"the path is cut":                       {unreachable, []string{"path.ok=false"}, "yes", "", nil, incident.Joined},
		"the provider announces it":             {unreachable, []string{"status.incident=true"}, "yes", "", nil, incident.Joined},
		"no neighbour answers":                  {unreachable, []string{"neighbours.up=0"}, "yes", "", nil, incident.Joined},
		"the path cannot be asked":              {unreachable, []string{"path.ok=unknown"}, "yes", "", nil, incident.Open},
		"the BMC does not know":                 {unreachable, []string{"power.ok=unknown", "power.state="}, "yes", "technician", nil, incident.BackInService},
		"it answers on the network":             {unreachable, []string{"reachable.ok=true"}, "yes", "technician", nil, incident.BackInService},
		"service down, restart helps":           {down, []string{"shell.ok=true", "reachable.ok=true", "answers.ok=true"}, "yes", "restart-service", []string{"ssh systemctl restart shop.service"}, incident.BackInService},
		"service down, reboot helps":            {down, []string{"shell.ok=true", "reachable.ok=true", "answers.ok=true"}, "yes", "reboot", []string{"ssh systemctl restart shop.service", "ssh systemctl restart shop.service", "ssh systemctl reboot"}, incident.BackInService},
		"service down, reboot not agreed":       {down, []string{"shell.ok=true", "reachable.ok=true", "answers.ok=true"}, "none", "", []string{"ssh systemctl restart shop.service", "ssh systemctl restart shop.service"}, incident.Open},
		"service down, no shell to use":         {down, nil, "yes", "", nil, incident.Open},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result := simulate(t, test.book, remediation.Script{Found: found(t, test.book, test.facts...), Answer: test.answer, Cures: test.cures})
			if got := verbs(result.Sends); !slices.Equal(got, test.sends) || result.Ended != test.ended {
				t.Errorf("sent %q and ended %s, want %q and %s", got, result.Ended, test.sends, test.ended)
				for _, e := range result.Events {
					t.Logf("%8s %s", e.At.Sub(three).Round(time.Second), e.Payload.Text())
				}
			}
		})
	}
}

func TestPowerIsNotTouchedBeforeTheHoldDown(t *testing.T) {
	result := simulate(t, "server-unreachable", remediation.Script{Answer: "yes", Cures: "power-cycle"})
	for _, e := range result.Events {
		if _, ok := e.Payload.(incident.ApprovalRequested); ok && e.At.Sub(three) < remediation.DefaultLimits.HoldDown {
			t.Errorf("asked after %v", e.At.Sub(three))
		}
		if p, ok := e.Payload.(incident.Blocked); ok && p.Guard == "hold-down" {
			return
		}
	}
	t.Error("the hold-down is not on the timeline")
}

// Without a second identifier the machine could be another: power is refused,
// with the guard's name, and a technician goes.
func TestPowerIsRefusedWithoutAnIdentity(t *testing.T) {
	inv := world(t)
	servers := slices.Clone(inv.Servers)
	servers[0].Serial = ""
	inv, err := inventory.New(inventory.Inventory{Sites: inv.Sites, Servers: servers, People: inv.People, Teams: inv.Teams})
	if err != nil {
		t.Fatal(err)
	}
	result, err := remediation.Simulate(shipped(t, "server-unreachable"), inv, "web-01", remediation.Script{Answer: "yes", Cures: "technician"}, three)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Sends) != 0 {
		t.Fatalf("sent %v", result.Sends)
	}
	if !slices.ContainsFunc(result.Events, func(e incident.Event) bool {
		s, ok := e.Payload.(incident.Skipped)
		return ok && strings.Contains(s.Reason, "guard identity")
	}) {
		t.Error("the timeline does not name the guard identity")
	}
}

var anyPlan = regexp.MustCompile(`\(plan [0-9a-f]{12}\)`)

// Golden timelines of the shipped runbooks: what a manager reads. Run with
// UPDATE=1 to write them anew, and read the difference.
func TestTimelinesReadAsTheyShould(t *testing.T) {
	for name, script := range map[string]remediation.Script{
		"hung-agreed":   {Answer: "yes", Cures: "power-cycle"},
		"hung-denied":   {Answer: "no", Cures: "technician"},
		"nothing-helps": {Answer: "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			for _, e := range simulate(t, "server-unreachable", script).Events {
				text.WriteString(e.At.Sub(three).Round(time.Second).String() + "  " + e.Payload.Text() + "\n")
			}
			read := anyPlan.ReplaceAllString(text.String(), "(plan HASH)") // it changes with every limit
			file := filepath.Join("testdata", name+".timeline")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(read), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if read != string(want) {
				t.Errorf("the timeline of %s reads\n%s", name, read)
			}
		})
	}
}
