// Package web is piket's page, its JSON API and the route by which
// Alertmanager reports. It reads timelines and appends to them; it decides
// nothing about machines. A GET never acts.
//
//	site := &web.Server{Store: s, Clock: clk, Log: log, Inventory: inv, …}
//	listener.Handler = site.Handler()
//
// Who may do what stands in one table, in routes.go.
package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/duty"
	"github.com/spinware/piket/internal/identity"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/probes"
)

// Server answers everything that comes over HTTP. Every field must be set,
// except those that say otherwise.
type Server struct {
	Store     *store.Store
	Clock     *clock.Clock
	Log       *slog.Logger
	Inventory func() *inventory.Inventory
	Receive   func(ctx context.Context, batch []alerts.Alert, cut uint64) error
	Freeze    Button
	Config    func() Config
	Metrics   http.Handler
	Reload    func() error // reads the configuration anew; the error is shown
	Ready     func() error // why requests cannot be served, nil when they can

	Duty *duty.Roster // who has the duty; Inventory is as it says

	// Push knows whose browsers hear of pages; without it none do.
	Push *push.Book

	// Beat notes a heartbeat of a service in the inventory; without it there are
	// none.
	Beat func(server, service string)

	// Idle says why no machine is touched whatever is decided; without it nobody
	// is told.
	Idle func() error

	// Telephone answers the provider of telephone calls, which signs its requests;
	// without it nobody is.
	Telephone http.Handler

	// Links reads the links of people without a sign-in; the zero Key reads none.
	Links signed.Key

	// Identity knows which machines were replaced, and Identify has a server's BMC say
	// which machine it belongs to; without them nobody can say that one was.
	Identity *identity.Book
	Identify func(ctx context.Context, server inventory.Server) (inventory.Machine, error)

	// Vantages takes the reports of those who look along from elsewhere; without
	// it nobody does.
	Vantages *vantage.Hub

	// For the demo; all may be left out.
	SignInAs string                  // everybody is this person, and may become another
	Extra    map[string]http.Handler // more pages, by the path below which they lie
	Notice   func() string           // one line that every page shows

	// Probes knows how everything is that is looked at; without it nobody is
	// told.
	Probes *probes.Scheduler

	mostBlocked int // incidents gone through for /blocked, maxBlocked when 0
}

// Button is the big red button; [freeze.Switch] is one, for one process.
type Button interface {
	Why() string // why nothing is touched, "" when it is not frozen
	Freeze(by, reason string) error
	Thaw(shown string) error // ends what was shown, and freeze.ErrOther when it is frozen for something else by now
}

// Config is what may change while piket runs. The zero Config lets no sender
// in.
type Config struct {
	ExternalURL string                              // where people reach the page; https makes cookies secure
	SessionTTL  time.Duration                       // how long a sign-in lasts, 12 hours when 0
	Token       secret.Ref                          // bearer token of Alertmanager
	ClientNames []string                            // names in verified client certificates that may report
	Updates     map[incident.Priority]time.Duration // how often customers hear, the policy's when nil
	Zone        *time.Location                      // of the times that customers read, and of the days of reports; nil means UTC
	Proxies     []netip.Prefix                      // whose word on where a request comes from is taken
	NIS2        bool                                // whether an incident may be marked as significant
}

// defaultSessionTTL is one shift with its handover.
const defaultSessionTTL = 12 * time.Hour

func (c Config) sessionTTL() time.Duration {
	if c.SessionTTL > 0 {
		return c.SessionTTL
	}
	return defaultSessionTTL
}

func (c Config) updates() map[incident.Priority]time.Duration {
	if c.Updates == nil {
		return desk.DefaultUpdates
	}
	return c.Updates
}

func (c Config) zone() *time.Location { return cmp.Or(c.Zone, time.UTC) }

// app is a Server at work: what it must remember between requests.
type app struct {
	*Server
	sessions *sessions
	attempts *attempts
	streams  chan struct{} // a place for each live connection
	senders  *admission    // of notifications
	reports  chan struct{} // a place for each report that is being added up
	books    *books
}

// Handler returns the whole site. Live pages hold their connection open until
// the request's context ends, so the listener must end that on shutdown.
func (s *Server) Handler() http.Handler {
	a := &app{
		Server: s, sessions: newSessions(), attempts: newAttempts(),
		streams: make(chan struct{}, maxStreams), senders: newAdmission(), reports: make(chan struct{}, maxReports), books: newBooks(),
	}
	mux := http.NewServeMux()
	for _, rt := range routes {
		mux.Handle(rt.pattern, a.guard(rt))
	}
	for path, h := range s.Extra {
		mux.Handle(path, a.guard(route{path, reader, func(_ *app, w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }}))
	}
	return secured(a.routed(mux))
}

// secured sets the headers that keep a browser from running or showing
// anything of somebody else's on a page that holds power buttons.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
