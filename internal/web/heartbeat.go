package web

import (
	"net/http"

	"github.com/spinware/piket/internal/inventory"
)

// heartbeat takes the call of a service that cannot be asked: a backup, a cron
// job. It shows the token that the inventory names for it, and its body is not
// read. 5xx says that the same call may succeed later; 4xx that it never will.
func (a *app) heartbeat(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		a.complain(w, r, complaint{http.StatusMethodNotAllowed, r.Method + " is not possible here", "send a heartbeat by POST"})
		return
	}
	token, sent := bearer(r)
	if !sent {
		a.refuseHeartbeat(w, r, "the caller is not known", "send the token of this heartbeat as: Authorization: Bearer …")
		return
	}
	server, service := r.PathValue("server"), r.PathValue("service")
	probe, ok := a.heartbeatOf(server, service)
	if !ok {
		a.complain(w, r, complaint{http.StatusNotFound, "there is no heartbeat at " + r.URL.Path,
			"write SERVER/SERVICE as the inventory does; the service's check must be heartbeat"})
		return
	}
	want, err := probe.Token.Read()
	if err != nil {
		// Who asks is not known yet, and is not told where our secrets lie.
		a.Log.Error("cannot read the token of a heartbeat", "server", server, "service", service, "err", err)
		a.complain(w, r, complaint{http.StatusServiceUnavailable, "the caller cannot be judged right now", "look at piket's log, and call again"})
		return
	}
	if !sameSecret(token, want.Reveal()) {
		a.refuseHeartbeat(w, r, "the token is not the one of this heartbeat", "compare the two token files")
		return
	}
	a.Beat(server, service)
	writeJSON(w, http.StatusOK, map[string]string{"heard": server + "/" + service})
}

func (a *app) refuseHeartbeat(w http.ResponseWriter, r *http.Request, what, hint string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="piket"`)
	a.complain(w, r, complaint{http.StatusUnauthorized, what, hint})
}

// heartbeatOf finds what calls by that name, if anything does.
func (a *app) heartbeatOf(server, service string) (inventory.Endpoint, bool) {
	s, ok := a.Inventory().Server(server)
	if !ok || a.Beat == nil {
		return inventory.Endpoint{}, false
	}
	for _, svc := range s.Services {
		if svc.Name == service && svc.Probe.Check == "heartbeat" {
			return svc.Probe, true
		}
	}
	return inventory.Endpoint{}, false
}
