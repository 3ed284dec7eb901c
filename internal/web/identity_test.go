package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/identity"
	"github.com/spinware/piket/internal/inventory"
)

var (
	oldMachine = inventory.Machine{Serial: "CZ29340X7K", UUID: "11111111-2222-4333-8444-555555555501"}
	newMachine = inventory.Machine{Serial: "CZ29340X99", UUID: "11111111-2222-4333-8444-555555555599"}
	neighbour  = inventory.Machine{Serial: "CZ29340X02", UUID: "11111111-2222-4333-8444-555555555502"}
)

// replaced is a site on which somebody says that web-07 is another machine.
type replaced struct {
	*dispatched
	book  *identity.Book
	files *inventory.Inventory
	seen  inventory.Machine // what the BMC of web-07 says
	deaf  error             // why it says nothing
}

func newReplaced(t *testing.T) *replaced {
	t.Helper()
	r := &replaced{dispatched: newDispatched(t, "en"), seen: newMachine}
	r.say(oldMachine)
	r.book = &identity.Book{Store: r.store, Clock: r.clock, Log: r.server.Log, Source: func() *inventory.Inventory { return r.files }}
	r.server.Identity, r.server.Inventory = r.book, r.book.Inventory
	r.server.Identify = func(context.Context, inventory.Server) (inventory.Machine, error) { return r.seen, r.deaf }
	return r
}

// say edits the file: web-07 is m.
func (r *replaced) say(m inventory.Machine) {
	r.t.Helper()
	content := *r.server.Inventory()
	if r.book != nil {
		content = *r.files
	}
	content.Servers = slices.Clone(content.Servers)
	password := secretFile(r.t, r.t.TempDir(), "bmc", "x")
	content.Servers[0].Serial, content.Servers[0].UUID = m.Serial, m.UUID
	content.Servers[0].BMC = &inventory.BMC{Protocol: "redfish", Address: "192.0.2.117", Username: "piket", Password: password}
	if len(content.Servers) == 1 {
		content.Servers = append(content.Servers, inventory.Server{Name: "web-08", Rack: "a12", Address: "192.0.2.18", Serial: neighbour.Serial, UUID: neighbour.UUID})
	}
	files, err := inventory.New(content)
	if err != nil {
		r.t.Fatal(err)
	}
	r.files = files
}

func (r *replaced) by(who, verb string, body map[string]string) reply {
	r.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.as(who, "POST", "/api/servers/web-07/identity/"+verb, string(data))
}

func (r *replaced) shown() (v struct {
	Hash     string
	Refused  bool `json:"power_refused"`
	Proposal struct{ Proposal string }
}) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.as("guest", "GET", "/api/servers/web-07/identity", "").body), &v); err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *replaced) confirm(who string) reply {
	v := r.shown()
	return r.by(who, "confirm", map[string]string{"proposal": v.Proposal.Proposal, "hash": v.Hash})
}

// believed is which machine the guard would accept.
func (r *replaced) believed() inventory.Machine {
	s, _ := r.server.Inventory().Server("web-07")
	return s.Machine()
}

func TestTwoEngineersAndTheBMCMakeAServerAnotherMachine(t *testing.T) { // P4, [6.4]
	r := newReplaced(t)
	if answer := r.press("act=identity&new=" + newMachine.Serial); answer.status != http.StatusSeeOther || !r.shown().Refused || r.believed() != oldMachine {
		t.Fatalf("claimed: %d, power refused %v, it is %v", answer.status, r.shown().Refused, r.believed())
	}
	r.press("act=identity&new=" + newMachine.Serial) // pressed twice
	if answer := r.by("noor", "propose", map[string]string{"serial": strings.ToLower(newMachine.Serial)}); answer.status != 200 || r.believed() != oldMachine {
		t.Fatalf("proposed: %d %s, it is %v", answer.status, answer.body, r.believed())
	}
	if answer := r.confirm("noor"); answer.status != http.StatusForbidden || r.believed() != oldMachine || !r.shown().Refused {
		t.Fatalf("one engineer alone: %d, it is %v", answer.status, r.believed())
	}
	if page := r.ask("GET", "/servers/web-07", "", "Cookie", r.signIn("omar")).body; !strings.Contains(page, "I say so, too") || !strings.Contains(page, newMachine.Serial) {
		t.Error("the page does not ask the other engineer")
	}
	if answer := r.confirm("omar"); answer.status != 200 || r.believed() != newMachine || r.shown().Refused {
		t.Fatalf("confirmed: %d %s, it is %v", answer.status, answer.body, r.believed())
	}
	if page := r.ask("GET", "/servers/web-07", "", "Cookie", r.signIn("omar")).body; !strings.Contains(page, "Change serial and uuid in the inventory") {
		t.Error("the page does not say that the file must be changed")
	}
	r.say(newMachine)
	if err := r.book.Refresh(t.Context()); err != nil || r.shown().Proposal.Proposal != "" || r.believed() != newMachine {
		t.Errorf("the file says the same, and the record goes on: %v, %v", err, r.shown())
	}
	r.say(oldMachine) // somebody puts the file back: nobody's word counts any more
	if err := r.book.Refresh(t.Context()); err != nil || r.believed() != oldMachine {
		t.Errorf("it is %v, %v", r.believed(), err)
	}
}

func TestWhatOnePersonOrNoBMCSaysIsNotBelieved(t *testing.T) { // P4
	propose := func(r *replaced, who, serial string) int {
		return r.by(who, "propose", map[string]string{"serial": serial}).status
	}
	for name, c := range map[string]struct {
		do   func(r *replaced) int
		want int
	}{
		"support proposes":       {func(r *replaced) int { return propose(r, "sam", newMachine.Serial) }, 403},
		"a manager proposes":     {func(r *replaced) int { return propose(r, "mila", newMachine.Serial) }, 403},
		"the BMC says otherwise": {func(r *replaced) int { return propose(r, "noor", "CZ29340X55") }, 409},
		"nothing was read":       {func(r *replaced) int { return propose(r, "noor", " ") }, 422},
		"another serial was read on site": {func(r *replaced) int {
			r.press("act=identity&new=OTHER1")
			return propose(r, "noor", newMachine.Serial)
		}, 409},
		"the BMC says nothing":          {func(r *replaced) int { r.deaf = errors.New("no answer"); return propose(r, "noor", newMachine.Serial) }, 502},
		"it is the neighbour":           {func(r *replaced) int { r.seen = neighbour; return propose(r, "noor", neighbour.Serial) }, 409},
		"it has the neighbour's serial": {func(r *replaced) int { r.seen.Serial = neighbour.Serial; return propose(r, "noor", neighbour.Serial) }, 409},
		"a vendor's placeholder": {func(r *replaced) int {
			r.seen.Serial = "To be filled by O.E.M."
			return propose(r, "noor", r.seen.Serial)
		}, 409},
		"it is what the files say":   {func(r *replaced) int { r.seen = oldMachine; return propose(r, "noor", oldMachine.Serial) }, 409},
		"support confirms":           {func(r *replaced) int { propose(r, "noor", newMachine.Serial); return r.confirm("sam").status }, 403},
		"a manager confirms":         {func(r *replaced) int { propose(r, "noor", newMachine.Serial); return r.confirm("mila").status }, 403},
		"the same engineer confirms": {func(r *replaced) int { propose(r, "noor", newMachine.Serial); return r.confirm("noor").status }, 403},
		"nothing is proposed":        {func(r *replaced) int { return r.confirm("omar").status }, 409},
		"the BMC says otherwise meanwhile": {func(r *replaced) int {
			propose(r, "noor", newMachine.Serial)
			r.seen = oldMachine
			return r.confirm("omar").status
		}, 409},
		"the files changed meanwhile": {func(r *replaced) int {
			propose(r, "noor", newMachine.Serial)
			r.say(inventory.Machine{Serial: "CZ29340X55", UUID: "11111111-2222-4333-8444-555555555555"})
			return r.confirm("omar").status
		}, 409},
		"another text": {func(r *replaced) int {
			propose(r, "noor", newMachine.Serial)
			return r.by("omar", "confirm", map[string]string{"proposal": r.shown().Proposal.Proposal, "hash": "00"}).status
		}, 409},
		"two proposals": {func(r *replaced) int {
			propose(r, "noor", newMachine.Serial)
			return propose(r, "omar", newMachine.Serial)
		}, 409},
		"dropped by support": {func(r *replaced) int {
			propose(r, "noor", newMachine.Serial)
			return r.by("sam", "drop", map[string]string{"why": "x"}).status
		}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplaced(t)
			if got := c.do(r); got != c.want {
				t.Errorf("answered %d, want %d", got, c.want)
			}
			if got := r.believed(); got == newMachine || got == neighbour {
				t.Errorf("it is believed to be %v", got)
			}
		})
	}
}

func TestWhatWasConfirmedCanBeTakenBackByOne(t *testing.T) {
	r := newReplaced(t)
	r.by("noor", "propose", map[string]string{"serial": newMachine.Serial})
	r.confirm("omar")
	if answer := r.by("mila", "drop", map[string]string{"why": "a mistake"}); answer.status != 200 || r.believed() != oldMachine {
		t.Errorf("%d %s, it is %v", answer.status, answer.body, r.believed())
	}
}

// The link to an order is no way to a server's identity but a claim.
func TestATechnicianCanClaimAndNoMore(t *testing.T) {
	r := newReplaced(t)
	for _, fields := range []string{"act=identity", "act=propose&new=X", "act=confirm&proposal=P&hash=h"} {
		if answer := r.press(fields); answer.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", fields, answer.status)
		}
	}
	for n := range 12 { // a link is not a way to fill a record
		r.press("act=identity&new=X" + strings.Repeat("1", n))
	}
	if v := r.shown(); !v.Refused || v.Proposal.Proposal != "" {
		t.Errorf("%+v", v)
	}
}
