package lab

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

//go:embed lab.css lab.js
var assets embed.FS

// maxAPIBytes bounds what a change may say.
const maxAPIBytes = 4 << 10

// changes lists what can be done to a server or a site, by the words of the
// address.
var changes = map[string]map[string]func(d *Datacenter, name, fault string) error{
	"servers": {
		"fault":  func(d *Datacenter, name, fault string) error { return d.Break(name, Fault(fault)) },
		"heal":   func(d *Datacenter, name, _ string) error { return d.Heal(name) },
		"repair": func(d *Datacenter, name, _ string) error { return d.Repair(name) },
	},
	"racks": {
		"fault": func(d *Datacenter, name, fault string) error {
			return only(fault, SwitchGone, func() error { return d.BreakRack(name) })
		},
		"heal": func(d *Datacenter, name, _ string) error { return d.HealRack(name) },
	},
	"piket": {
		"fault": func(d *Datacenter, _, fault string) error {
			return only(fault, UplinkCut, func() error { d.BreakUplink(); return nil })
		},
		"heal": func(d *Datacenter, _, _ string) error { d.HealUplink(); return nil },
	},
	"sites": {
		"fault": func(d *Datacenter, name, fault string) error { return d.BreakSite(name, SiteFault(fault)) },
		"heal":  func(d *Datacenter, name, _ string) error { return d.HealSite(name) },
	},
}

// errNoSuchChange is the answer to an address that is not in changes.
var errNoSuchChange = errors.New("there is no such change (servers: fault, heal, repair; sites, racks, piket: fault, heal)")

// only carries out a change for the one fault that a kind of thing has.
func only(fault, known string, change func() error) error {
	if fault != known {
		return unknown("fault", fault, []string{known})
	}
	return change()
}

func (d *Datacenter) apply(kind, name, do, fault string) error {
	change := changes[kind][do]
	if change == nil {
		return fmt.Errorf("%s/%s/%s: %w", kind, name, do, errNoSuchChange)
	}
	return change(d, name, fault)
}

// state is the answer of /lab/api/state.
type state struct {
	Now        time.Time    `json:"now"`
	PowerSends int          `json:"power_sends"`
	Sites      []SiteStatus `json:"sites"`
	Servers    []Status     `json:"servers"`
	Wire       []WireEntry  `json:"wire"`
	Mails      int          `json:"mails"`
}

func (d *Datacenter) sendState(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, state{
		Now: d.clock.Now(), PowerSends: d.PowerSends(), Sites: d.Sites(), Servers: d.Servers(),
		Wire: d.WireLog(), Mails: len(d.Mails()),
	})
}

// change carries out one POST of the API: {"fault": "hung"} where a fault is
// asked for, and no body elsewhere.
func (d *Datacenter) change(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Fault string `json:"fault"`
	}
	if r.PathValue("do") == "fault" {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAPIBytes)).Decode(&body); err != nil {
			sendError(w, http.StatusBadRequest, fmt.Errorf(`read the body, which should look like {"fault": "hung"}: %w`, err))
			return
		}
	}
	if err := d.apply(r.PathValue("kind"), r.PathValue("name"), r.PathValue("do"), body.Fault); err != nil {
		sendError(w, statusOf(err), err)
		return
	}
	sendJSON(w, http.StatusOK, map[string]string{"status": "done"})
}

func statusOf(err error) int {
	if errors.Is(err, errNoSuchChange) {
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}

func sendError(w http.ResponseWriter, code int, err error) {
	sendJSON(w, code, map[string]string{"error": err.Error()})
}

func sendJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody to tell
}
