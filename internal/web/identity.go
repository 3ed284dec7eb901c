package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/identity"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// identityWords is what a person says of which machine a server is.
type identityWords struct {
	Serial   string `json:"serial"` // as it was read off the machine
	UUID     string `json:"uuid"`   // may be left out
	Proposal string `json:"proposal"`
	Hash     string `json:"hash"`
	Why      string `json:"why"`
}

// identityView is what was said of which machine a server is.
type identityView struct {
	Server    string                     `json:"server"`
	Files     incident.Machine           `json:"files"` // what they say
	Claims    []incident.IdentityClaimed `json:"claims,omitempty"`
	Proposal  *incident.IdentityProposed `json:"proposal,omitempty"`
	Hash      string                     `json:"hash,omitempty"` // of the proposal
	Confirmed string                     `json:"confirmed_by,omitempty"`
	Refused   bool                       `json:"power_refused"` // until this is settled

	Stale      bool `json:"files_moved_on"` // what was confirmed is not of what the files say now, and counts for nothing
	MayPropose bool `json:"-"`
	MayConfirm bool `json:"-"`
	MayDrop    bool `json:"-"`
}

// identityOf reads it off the record, nil when nothing stands there.
func (a *app) identityOf(ctx context.Context, server string, me inventory.Person) (*identityView, error) {
	record, err := a.Store.LoadFor(ctx, identity.Record(server))
	if err != nil {
		return nil, err
	}
	filed, _ := a.files().Server(server)
	v := &identityView{Server: server, Files: incident.Machine(filed.Machine()), MayPropose: engineer.admits(me), MayDrop: warden.admits(me)}
	if record == nil || record.Identity == nil {
		return v, nil
	}
	d := record.Identity
	v.Claims, v.Proposal, v.Confirmed, v.Refused = d.Claims, d.Proposal, d.By, d.Open()
	if d.Proposal != nil {
		v.Hash = d.Proposal.Hash()
		v.Stale = d.Confirmed && d.Proposal.Was != v.Files
		v.MayConfirm = engineer.admits(me) && !d.Confirmed && !d.Involved(me.Name)
		v.MayPropose = v.MayPropose && d.Confirmed
	}
	v.MayDrop = v.MayDrop && (d.Open() || d.Confirmed)
	return v, nil
}

// identityDeeds lists what people can say of it.
var identityDeeds = map[string]func(*app, context.Context, inventory.Server, inventory.Person, identityWords) error{
	"propose": (*app).proposeIdentity,
	"confirm": (*app).confirmIdentity,
	"drop":    (*app).dropIdentity,
}

// proposeIdentity asks the BMC first: a proposal that it does not bear out is none.
func (a *app) proposeIdentity(ctx context.Context, filed inventory.Server, by inventory.Person, s identityWords) error {
	seen, err := a.askMachine(ctx, filed)
	if err != nil {
		return err
	}
	return a.onIdentity(ctx, filed.Name, incident.Person(by.Name), func(m moment) ([]incident.Payload, error) {
		return desk.ProposeIdentity(m.incident, m.inventory, filed, by, inventory.Machine{Serial: s.Serial, UUID: s.UUID}, seen)
	})
}

// confirmIdentity asks the BMC again: minutes may have passed, and somebody may have
// moved a cable.
func (a *app) confirmIdentity(ctx context.Context, filed inventory.Server, by inventory.Person, s identityWords) error {
	seen, err := a.askMachine(ctx, filed)
	if err != nil {
		return err
	}
	err = a.onIdentity(ctx, filed.Name, incident.Person(by.Name), func(m moment) ([]incident.Payload, error) {
		return desk.ConfirmIdentity(m.incident, m.inventory, filed, by, s.Proposal, s.Hash, seen)
	})
	return a.settled(ctx, err)
}

func (a *app) dropIdentity(ctx context.Context, filed inventory.Server, by inventory.Person, s identityWords) error {
	err := a.onIdentity(ctx, filed.Name, incident.Person(by.Name), func(m moment) ([]incident.Payload, error) {
		return desk.DropIdentity(m.incident, by, s.Why)
	})
	return a.settled(ctx, err)
}

// settled takes over what was just said; what cannot be read now is read in seconds.
func (a *app) settled(ctx context.Context, err error) error {
	if err == nil && a.Identity != nil {
		if err := a.Identity.Refresh(ctx); err != nil {
			a.Log.Warn("which machines were replaced could not be read; what is known holds", "err", err)
		}
	}
	return err
}

// askMachine has the BMC say which machine it belongs to. Without its word nothing
// is proposed and nothing confirmed.
func (a *app) askMachine(ctx context.Context, server inventory.Server) (inventory.Machine, error) {
	if server.BMC == nil || a.Identify == nil {
		return inventory.Machine{}, fmt.Errorf("identity: %w: it has no BMC that could say which machine it is", desk.ErrIncomplete)
	}
	seen, err := a.Identify(ctx, server)
	if err != nil {
		return inventory.Machine{}, complaint{http.StatusBadGateway, "its BMC does not say which machine it is: " + err.Error(), "nothing was written down; see to the BMC and try again"}
	}
	return seen, nil
}

// files is the inventory as its files alone say it.
func (a *app) files() *inventory.Inventory {
	if a.Identity == nil {
		return a.Inventory()
	}
	return a.Identity.Source()
}

func (a *app) sayIdentity(r *http.Request, verb string, s identityWords) error {
	filed, ok := a.files().Server(r.PathValue("name"))
	if !ok {
		return complaint{http.StatusNotFound, "there is no such server in the inventory", "look at its name again"}
	}
	return identityDeeds[verb](a, r.Context(), filed, personOf(r), s)
}

// identityForm serves what comes from a server's page.
func identityForm(verb string) func(*app, http.ResponseWriter, *http.Request) {
	return func(a *app, w http.ResponseWriter, r *http.Request) {
		f := r.PostFormValue
		s := identityWords{Serial: f("serial"), UUID: f("uuid"), Proposal: f("proposal"), Hash: f("hash"), Why: f("why")}
		if err := a.sayIdentity(r, verb, s); err != nil {
			a.fail(w, r, err)
			return
		}
		http.Redirect(w, r, serverPath(r.PathValue("name")), http.StatusSeeOther)
	}
}

// identityAPI serves what comes as JSON.
func identityAPI(verb string) func(*app, http.ResponseWriter, *http.Request) {
	return func(a *app, w http.ResponseWriter, r *http.Request) {
		var s identityWords
		err := readJSON(r, &s)
		if err == nil {
			err = a.sayIdentity(r, verb, s)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.apiIdentity(w, r)
	}
}

func (a *app) apiIdentity(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.files().Server(r.PathValue("name")); !ok {
		a.fail(w, r, complaint{http.StatusNotFound, "there is no such server in the inventory", "look at its name again"})
		return
	}
	v, err := a.identityOf(r.Context(), r.PathValue("name"), personOf(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}
