package web

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/photo"
	"github.com/spinware/piket/internal/vantage"
)

// who is a circle of people. Everybody who is signed in may read.
type who string

const (
	anyone   who = "anyone"            // no sign-in
	sender   who = "sender"            // Alertmanager, a heartbeat or a vantage, by its own token or certificate
	reader   who = "signed in"         // any person of the inventory
	reporter who = "with any role"     // may write something down
	engineer who = "engineer"          // may answer what is asked
	warden   who = "engineer, manager" // may freeze, thaw and reload, close, settle what customers report, and say who takes over a duty

	visitors who = "whoever has a link, with photographs" // no sign-in

	hands     who = "engineer, support, communications" // may report on calls
	judge     who = "engineer, manager, support"        // may classify, and say what becomes of work orders
	spokesman who = "communications, manager"           // may let updates go
)

// circles lists the roles that make a person part of each circle.
var circles = map[who][]inventory.Role{
	reporter:  inventory.Roles,
	engineer:  {inventory.Engineer},
	hands:     {inventory.Engineer, inventory.Support, inventory.Communications},
	judge:     {inventory.Engineer, inventory.Manager, inventory.Support},
	spokesman: {inventory.Communications, inventory.Manager},
	warden:    {inventory.Engineer, inventory.Manager},
}

// admits reports whether a signed-in person is part of the circle.
func (c who) admits(p inventory.Person) bool {
	if c == reader {
		return true
	}
	return p.Has(circles[c]...)
}

// route is one thing that can be asked, and by whom.
type route struct {
	pattern string // for http.ServeMux
	who     who
	serve   func(*app, http.ResponseWriter, *http.Request)
}

// routes lists everything that can be asked. A pattern that begins with GET
// never acts.
var routes = []route{
	{"GET /static/{file}", anyone, (*app).static},
	{"GET /-/healthy", anyone, (*app).healthy},
	{"GET /-/ready", anyone, (*app).ready},
	{"GET /metrics", anyone, (*app).metrics},
	{"GET /metrics/probes", anyone, (*app).probesMetrics},
	{"GET /probe", anyone, (*app).probeMetrics},
	{"POST /-/reload", warden, (*app).reload},
	{"PUT /-/reload", warden, (*app).reload},

	// Without a method, so that nothing but the handler itself answers: a
	// redirect would turn Alertmanager's POST into a GET, and the alert is lost.
	{"/api/alertmanager", sender, (*app).webhook},
	{"/api/alertmanager/{$}", sender, (*app).webhook},
	{"/api/v1/heartbeat/{server}/{service}", sender, (*app).heartbeat},
	{vantage.TargetsPath, sender, (*app).vantageTargets},
	{vantage.ReportPath, sender, (*app).vantageReport},

	{"GET /api/incidents", reader, (*app).apiList},
	{"POST /api/incidents", reporter, (*app).apiReport},
	{"GET /api/incidents/{id}", reader, (*app).apiShow},
	{"POST /api/incidents/{id}/approve", engineer, apiDeed("approve")},
	{"POST /api/incidents/{id}/deny", engineer, apiDeed("deny")},
	{"POST /api/incidents/{id}/acknowledge", engineer, apiDeed("acknowledge")},
	{"POST /api/incidents/{id}/note", reporter, apiDeed("note")},
	{"POST /api/incidents/{id}/close", warden, apiDeed("close")},
	{"POST /api/incidents/{id}/order", judge, apiDeed("order")},
	{"POST /api/incidents/{id}/vendor", warden, apiDeed("vendor")},
	{"POST /api/incidents/{id}/call", hands, apiDeed("call")},
	{"POST /api/incidents/{id}/over", hands, apiDeed("over")},
	{"POST /api/incidents/{id}/take", hands, apiDeed("take")},
	{"POST /api/incidents/{id}/classify", judge, apiDeed("classify")},
	{"POST /api/incidents/{id}/confirm", reporter, apiDeed("confirm")},
	{"POST /api/incidents/{id}/settle", warden, apiDeed("settle")},
	{"POST /api/incidents/{id}/nod", spokesman, apiDeed("nod")},
	{"POST /api/incidents/{id}/assign", reporter, apiDeed("assign")},
	{"POST /api/incidents/{id}/release", warden, apiDeed("release")},
	{"GET /api/incidents/{id}/review", reader, (*app).reviewPage},
	{"POST /api/incidents/{id}/review", warden, apiDeed("review")},
	{"POST /api/incidents/{id}/share", warden, apiDeed("share")},
	{"POST /api/incidents/{id}/done", reporter, apiDeed("done")},
	{"POST /api/incidents/{id}/significant", warden, apiDeed("significant")},
	{"POST /api/incidents/{id}/duty", warden, apiDeed("duty")},
	{"POST /api/incidents/{id}/evaluate", warden, apiDeed("evaluate")},
	{"GET /api/v1/reports/{kind}/{of}", reader, (*app).reportOf},
	{"GET /api/v1/drills", reader, (*app).apiDrills},
	{"POST /api/v1/drills", warden, (*app).apiStartDrill},
	{"POST /api/incidents/{id}/stop", warden, apiDeed("stop")},
	{"GET /api/v1/blocked", reader, (*app).apiBlocked},
	{"GET /api/v1/duty", reader, (*app).apiDuty},
	{"GET /api/v1/duty/calendar", reader, (*app).apiCalendar},
	{"POST /api/v1/duty/{team}/cover", warden, dutyAPI((*app).cover)},
	{"POST /api/v1/duty/{team}/uncover", warden, dutyAPI((*app).uncover)},
	{"POST /api/v1/me/devices", reporter, (*app).subscribe},
	{"GET /api/servers/{name}/identity", reader, (*app).apiIdentity},
	{"POST /api/servers/{name}/identity/propose", engineer, identityAPI("propose")},
	{"POST /api/servers/{name}/identity/confirm", engineer, identityAPI("confirm")},
	{"POST /api/servers/{name}/identity/drop", warden, identityAPI("drop")},
	{"GET /api/freeze", reader, (*app).apiFrozen},
	{"POST /api/freeze", warden, (*app).apiFreeze},
	{"DELETE /api/freeze", warden, (*app).apiThaw},

	{"GET /sign-in", anyone, (*app).signInPage},
	{"POST /sign-in", anyone, (*app).signIn},
	{"POST /sign-out", anyone, (*app).signOut},
	{"POST /become", reader, (*app).become},

	{"GET /{$}", reader, (*app).board},
	{"GET /blocked", reader, (*app).blockedPage},
	{"GET /duty", reader, (*app).dutyPage},
	{"POST /duty/{team}/cover", warden, dutyForm((*app).cover)},
	{"POST /duty/{team}/uncover", warden, dutyForm((*app).uncover)},
	{"GET /me", reader, (*app).mePage},
	{"POST /me/devices/remove", reporter, (*app).unsubscribe},
	{"GET /stream", reader, (*app).boardStream},
	{"GET /report", reporter, (*app).reportPage},
	{"GET /report/{id}", reporter, (*app).reportedPage},
	{"GET /api/customers", reporter, (*app).apiCustomers},
	{"POST /report", reporter, (*app).report},
	{"POST /freeze", warden, (*app).freeze},
	{"POST /thaw", warden, (*app).thaw},
	{"GET /servers/{name}", reader, (*app).serverPage},
	{"POST /servers/{name}/identity/propose", engineer, identityForm("propose")},
	{"POST /servers/{name}/identity/confirm", engineer, identityForm("confirm")},
	{"POST /servers/{name}/identity/drop", warden, identityForm("drop")},
	{"GET /incidents/{id}", reader, (*app).incidentPage},
	{"GET /incidents/{id}/stream", reader, (*app).incidentStream},
	{"POST /incidents/{id}/approve", engineer, pageDeed("approve")},
	{"POST /incidents/{id}/deny", engineer, pageDeed("deny")},
	{"POST /incidents/{id}/acknowledge", engineer, pageDeed("acknowledge")},
	{"POST /incidents/{id}/note", reporter, pageDeed("note")},
	{"POST /incidents/{id}/close", warden, pageDeed("close")},
	{"POST /incidents/{id}/order", judge, pageDeed("order")},
	{"POST /incidents/{id}/vendor", warden, pageDeed("vendor")},
	{"POST /incidents/{id}/call", hands, pageDeed("call")},
	{"POST /incidents/{id}/over", hands, pageDeed("over")},
	{"POST /incidents/{id}/take", hands, pageDeed("take")},
	{"POST /incidents/{id}/classify", judge, pageDeed("classify")},
	{"POST /incidents/{id}/confirm", reporter, pageDeed("confirm")},
	{"POST /incidents/{id}/settle", warden, pageDeed("settle")},
	{"POST /incidents/{id}/stop", warden, pageDeed("stop")},
	{"POST /incidents/{id}/nod", spokesman, pageDeed("nod")},
	{"POST /incidents/{id}/assign", reporter, pageDeed("assign")},
	{"POST /incidents/{id}/release", warden, pageDeed("release")},

	// For who has a link and no sign-in.
	{"GET /confirm/{incident}/{party}/{expires}/{token}", anyone, (*app).confirmPage},
	{"POST /confirm/{incident}/{party}/{expires}/{token}", anyone, (*app).confirm},
	{"GET /feedback/{incident}/{party}/{expires}/{token}", anyone, (*app).feedbackPage},
	{"POST /feedback/{incident}/{party}/{expires}/{token}", anyone, (*app).feedback},

	{"GET /calendar/{incident}/{party}/{expires}/{token}/{kind}/{file}", anyone, (*app).calendarFeed},
	{"GET /technician/{incident}/{party}/{expires}/{token}", anyone, (*app).technicianPage},
	{"POST /technician/{incident}/{party}/{expires}/{token}", visitors, (*app).technicianSays},
	{"GET /technician/{incident}/{party}/{expires}/{token}/photos/{hash}", anyone, (*app).technicianPhoto},
	{"GET /incidents/{id}/photos/{hash}", reader, (*app).incidentPhoto},
	{"POST /telephone/{purpose}/{incident}/{party}/{expires}/{token}", anyone, (*app).telephone},

	{"GET /reports", reader, (*app).reportsPage},
	{"GET /reports/{kind}/{of}", reader, (*app).reportOf},
	{"POST /incidents/{id}/evaluate", warden, pageDeed("evaluate")},
	{"GET /incidents/{id}/review", reader, (*app).reviewPage},
	{"POST /incidents/{id}/review", warden, deedOn("/review", "review")},
	{"POST /incidents/{id}/share", warden, deedOn("/review", "share")},
	{"POST /incidents/{id}/done", reporter, deedOn("/review", "done")},
	{"POST /incidents/{id}/significant", warden, deedOn("/review", "significant")},
	{"POST /incidents/{id}/duty", warden, deedOn("/review", "duty")},
}

// maxFormBytes bounds what a person or their program may send in one request.
const maxFormBytes = 64 << 10

// maxBytes bounds what one request of a circle may bring.
func (c who) maxBytes() int64 {
	if c == visitors {
		return photo.MaxUpload + maxFormBytes
	}
	return maxFormBytes
}

// guard lets through whom the route is for.
func (a *app) guard(rt route) http.Handler {
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { rt.serve(a, w, r) })
	if rt.who == sender {
		return serve // it knows senders itself, and bounds their bodies
	}
	// Cookies travel by themselves; a page of somebody else must not be able to
	// press the buttons of ours.
	ownPages := http.NewCrossOriginProtection()
	ownPages.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.complain(w, r, complaint{http.StatusForbidden, "this came from a page of another site", "open piket itself and do it there"})
	}))
	return ownPages.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, rt.who.maxBytes())
		if rt.who == anyone || rt.who == visitors {
			serve(w, r)
			return
		}
		person, ok := a.whoAsks(r)
		switch {
		case !ok:
			a.turnAway(w, r)
		case !rt.who.admits(person):
			a.complain(w, r, complaint{http.StatusForbidden,
				fmt.Sprintf("this is for the roles %s", rt.who),
				"ask somebody with that role, or have it given to you in the inventory"})
		default:
			serve(w, r.WithContext(withPerson(r.Context(), person)))
		}
	}))
}

// turnAway answers who is not signed in: a page leads to the sign-in, anything
// else is told so.
func (a *app) turnAway(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && !forProgram(r) {
		http.Redirect(w, r, "/sign-in?next="+r.URL.EscapedPath(), http.StatusSeeOther)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="piket"`)
	a.complain(w, r, complaint{http.StatusUnauthorized, "you are not signed in",
		"sign in on the page, or send your token as: Authorization: Bearer …"})
}

// forProgram reports whether a program reads the answer, not a person.
func forProgram(r *http.Request) bool {
	asked := path.Clean(r.URL.Path)
	return strings.HasPrefix(asked, "/api/") || strings.HasPrefix(asked, "/-/") || strings.HasSuffix(asked, "/stream")
}

// routed answers what no route is for in our own words, and never mends a path
// by a redirect unless the request is one that a redirect does not change.
func (a *app) routed(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		clean := path.Clean(r.URL.Path)
		tidy := r.URL.Path == clean || r.URL.Path == clean+"/"
		if pattern != "" && (tidy || r.Method == http.MethodGet) {
			mux.ServeHTTP(w, r)
			return
		}
		if allowed := methodsFor(mux, r); tidy && len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			a.complain(w, r, complaint{http.StatusMethodNotAllowed, r.Method + " is not possible here", "use " + strings.Join(allowed, " or ")})
			return
		}
		a.complain(w, r, complaint{http.StatusNotFound, "there is nothing at " + r.URL.Path, "begin at the board, or look at the path again"})
	})
}

// methodsFor lists the methods that the path of r knows.
func methodsFor(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
