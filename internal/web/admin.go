package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/freeze"
)

// healthy says that the process answers, and nothing more: whoever restarts
// piket on this must not do so because a database is slow.
func (a *app) healthy(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "piket is healthy.")
}

func (a *app) ready(w http.ResponseWriter, _ *http.Request) {
	if err := a.Ready(); err != nil {
		http.Error(w, "piket is not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "piket is ready.")
}

func (a *app) metrics(w http.ResponseWriter, r *http.Request) { a.Metrics.ServeHTTP(w, r) }

func (a *app) reload(w http.ResponseWriter, r *http.Request) {
	if err := a.Reload(); err != nil {
		http.Error(w, "reload: "+err.Error(), http.StatusInternalServerError)
		return
	}
	a.Log.Info("configuration reloaded", "person", personOf(r).Name)
	fmt.Fprintln(w, "The configuration was read anew.")
}

// frozenState is the switch as the API shows it.
type frozenState struct {
	Frozen bool   `json:"frozen"`
	Why    string `json:"why,omitempty"`
}

func (a *app) apiFrozen(w http.ResponseWriter, _ *http.Request) {
	why := a.Freeze.Why()
	writeJSON(w, http.StatusOK, frozenState{why != "", why})
}

func (a *app) apiFreeze(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Reason string `json:"reason"`
	}
	err := readJSON(r, &body)
	if err == nil {
		err = a.setFrozen(r, body.Reason)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.apiFrozen(w, r)
}

func (a *app) apiThaw(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Reason string `json:"reason"` // as GET shows it (why)
	}
	err := readJSON(r, &body)
	if err == nil {
		err = a.setThawed(r, body.Reason)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.apiFrozen(w, r)
}

func (a *app) freeze(w http.ResponseWriter, r *http.Request) {
	if err := a.setFrozen(r, r.PostFormValue("reason")); err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) thaw(w http.ResponseWriter, r *http.Request) {
	if err := a.setThawed(r, r.PostFormValue("reason")); err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *app) setFrozen(r *http.Request, reason string) error {
	if reason == "" {
		return fmt.Errorf("freeze: %w: a reason, for whoever finds piket frozen", desk.ErrIncomplete)
	}
	err := a.Freeze.Freeze(personOf(r).Name, reason)
	if err != nil && !errors.Is(err, freeze.ErrReasonLost) { // that one holds, and the page shows it
		return err
	}
	a.Log.Warn("frozen", "person", personOf(r).Name)
	return nil
}

// setThawed ends the freeze for which the person was shown the reason: whoever
// thaws has read why.
func (a *app) setThawed(r *http.Request, shown string) error {
	if shown == "" && a.Freeze.Why() != "" {
		return fmt.Errorf("thaw: %w: the reason, as it is shown", desk.ErrIncomplete)
	}
	if err := a.Freeze.Thaw(shown); err != nil {
		return err
	}
	a.Log.Warn("thawed", "person", personOf(r).Name)
	return nil
}
