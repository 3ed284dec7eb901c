package web_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/web"
)

// beatToken is what the backup of the tests shows.
const beatToken = "beat-token-0123456789"

// withBackup gives web-07 a service that calls, and notes who is heard.
func withBackup(t *testing.T, heard *[]string) (change func(*web.Server), token string) {
	t.Helper()
	dir := t.TempDir()
	ref := secretFile(t, dir, "backup", beatToken)
	return func(server *web.Server) {
		before := server.Inventory()
		content := inventory.Inventory{
			Sites: before.Sites, Servers: slices.Clone(before.Servers), Customers: before.Customers, People: before.People, Teams: before.Teams,
		}
		content.Servers[0].Services = append(slices.Clone(content.Servers[0].Services), inventory.Service{
			Name: "backup", Probe: inventory.Endpoint{Check: "heartbeat", Every: time.Hour, Token: ref},
		})
		inv, err := inventory.New(content)
		if err != nil {
			t.Fatal(err)
		}
		server.Inventory = func() *inventory.Inventory { return inv }
		server.Beat = func(server, service string) { *heard = append(*heard, server+" "+service) }
	}, ref.File
}

func TestOnlyTheHeartbeatItselfIsHeard(t *testing.T) {
	const backup = "/api/v1/heartbeat/web-07/backup"
	good := "Bearer " + beatToken
	cases := []struct {
		name, method, path, auth string
		want                     int
	}{
		{"heard", "POST", backup, good, 200},
		{"the scheme's name is not case-sensitive", "POST", backup, "bearer " + beatToken, 200},
		{"no token", "POST", backup, "", 401},
		{"empty token", "POST", backup, "Bearer ", 401},
		{"wrong token", "POST", backup, "Bearer " + beatToken + "x", 401},
		{"other scheme", "POST", backup, "Basic " + beatToken, 401},
		{"Alertmanager's token is not the backup's", "POST", backup, "Bearer " + senderToken, 401},
		{"a person's token is not the backup's", "POST", backup, "Bearer " + tokenOf("noor"), 401},
		{"no such service", "POST", "/api/v1/heartbeat/web-07/backups", good, 404},
		{"a service that is asked", "POST", "/api/v1/heartbeat/web-07/shop", good, 404},
		{"no such server", "POST", "/api/v1/heartbeat/web-08/backup", good, 404},
		{"a name with a slash in it", "POST", "/api/v1/heartbeat/web-07%2Fbackup/x", good, 404},
		{"nothing below", "POST", "/api/v1/heartbeat/web-07", good, 404},
		{"unknown to who shows nothing", "POST", "/api/v1/heartbeat/web-08/backup", "", 401},
		{"GET", "GET", backup, good, 405},
		{"HEAD", "HEAD", backup, good, 405},
		{"PUT", "PUT", backup, good, 405},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var heard []string
			change, _ := withBackup(t, &heard)
			answer := newSite(t, change).ask(c.method, c.path, "ignored", "Authorization", c.auth)
			if answer.status != c.want {
				t.Fatalf("answered %d %s, want %d", answer.status, answer.body, c.want)
			}
			if wanted := c.want == http.StatusOK; wanted != slices.Equal(heard, []string{"web-07 backup"}) {
				t.Errorf("heard %q", heard)
			}
			if c.want >= 400 && c.method != "HEAD" && (!strings.Contains(answer.body, `"error"`) || !strings.Contains(answer.body, `"hint"`)) {
				t.Errorf("the answer does not say what and what to do: %s", answer.body)
			}
			if c.want == 401 && answer.header.Get("WWW-Authenticate") == "" || c.want == 405 && answer.header.Get("Allow") != "POST" {
				t.Errorf("the headers are %v", answer.header)
			}
		})
	}
}

func TestHeartbeatTokenThatCannotBeReadIsOurTroubleAndNotTheCallers(t *testing.T) {
	var heard []string
	change, token := withBackup(t, &heard)
	s := newSite(t, change)
	if err := os.Remove(token); err != nil {
		t.Fatal(err)
	}
	answer := s.ask("POST", "/api/v1/heartbeat/web-07/backup", "", "Authorization", "Bearer "+beatToken)
	if answer.status != http.StatusServiceUnavailable || len(heard) > 0 || strings.Contains(answer.body, token) {
		t.Fatalf("answered %d %s, heard %q", answer.status, answer.body, heard)
	}
}

func TestHeartbeatWithNobodyToHearItIsNotThere(t *testing.T) {
	change, _ := withBackup(t, new([]string))
	s := newSite(t, change, func(server *web.Server) { server.Beat = nil })
	answer := s.ask("POST", "/api/v1/heartbeat/web-07/backup", "", "Authorization", "Bearer "+beatToken)
	if answer.status != http.StatusNotFound {
		t.Fatalf("answered %d %s", answer.status, answer.body)
	}
}
