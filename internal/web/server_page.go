package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
)

// What the page of a server shows.
const (
	plotSpan         = 24 * time.Hour
	maxServerOngoing = 20
	maxServerPast    = 10
)

// serverView is the page of one server: what it is, how it fares now and how it
// fared, and what was the matter with it.
type serverView struct {
	frame
	Name    string
	About   []labelled
	Targets []targetNow
	First   *plotView // of the server itself; nil when nobody looks
	Plots   []plotView
	Open    []card
	Past    []card
	More    bool // incidents that are over, and not shown

	Identity *identityView
}

// labelled is a fact with its name.
type labelled struct{ Label, Value string }

// targetNow is how one target of a server fares.
type targetNow struct {
	What    string // "Reachable", "shop", "BMC"
	Kind    string
	State   probes.State
	Reason  string
	Latency string // "" when there was no answer
	Verdict string // whose trouble it is, "" when there is none
	Since   time.Time
	At      time.Time // zero before it was asked for the first time
	key     string
}

func serverPath(name string) string { return "/servers/" + url.PathEscape(name) }

func (a *app) serverPage(w http.ResponseWriter, r *http.Request) {
	me := personOf(r)
	s := a.setting(me)
	server, ok := s.inv.Server(r.PathValue("name"))
	if !ok {
		a.complain(w, r, complaint{http.StatusNotFound, fmt.Sprintf("there is no server %q in the inventory", r.PathValue("name")),
			"look at its name again; a page is for a server, not for an address"})
		return
	}
	v := serverView{frame: a.frame(r, server.Name, me), Name: server.Name, About: aboutServer(server, s.inv), Targets: a.targetsOf(server)}
	err := a.plots(r.Context(), &v)
	if err == nil {
		err = a.incidentsOf(r.Context(), server, s, &v)
	}
	if err == nil {
		v.Identity, err = a.identityOf(r.Context(), server.Name, me)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, http.StatusOK, "server.html", v)
}

// aboutServer lists what the inventory says of a server.
func aboutServer(server inventory.Server, inv *inventory.Inventory) []labelled {
	place := server.Rack
	if server.Unit > 0 {
		place = strings.TrimSpace(fmt.Sprintf("%s unit %d", place, server.Unit))
	}
	var customers []string
	for _, c := range inv.CustomersOf(server) {
		customers = append(customers, customerName(c))
	}
	var facts []labelled
	for _, fact := range []labelled{
		{"What it is", server.Title}, {"Site", siteName(server.Site, inv)}, {"Rack", place}, {"Power feeds", strings.Join(server.Feeds, ", ")},
		{"Address", server.Address}, {"Model", server.Model}, {"Serial number", server.Serial}, {"Asset tag", server.AssetTag},
		{"Customers", strings.Join(customers, ", ")},
	} {
		if fact.Value != "" {
			facts = append(facts, fact)
		}
	}
	return facts
}

// targetsOf lists how all that is looked at on a server fares, itself first.
func (a *app) targetsOf(server inventory.Server) []targetNow {
	if a.Probes == nil {
		return nil
	}
	asked := []labelled{{"Reachable", "server/" + server.Name}}
	for _, svc := range server.Services {
		asked = append(asked, labelled{svc.Name, "service/" + server.Name + "/" + svc.Name})
	}
	asked = append(asked, labelled{"BMC", "bmc/" + server.Name})
	var list []targetNow
	for _, ask := range asked {
		if sight, ok := a.Probes.Look(ask.Value); ok {
			list = append(list, targetNowOf(ask.Label, sight))
		}
	}
	return list
}

func targetNowOf(what string, sight probes.Sight) targetNow {
	t := targetNow{
		What: what, Kind: sight.Kind, State: sight.State, Reason: sight.Reason,
		Verdict: whoseTrouble(sight), Since: sight.Since, At: sight.At, key: sight.Key,
	}
	if sight.State == probes.Up {
		t.Latency = inMillis(sight.Latency)
	}
	return t
}

// whoseTrouble says in words whose a silence is.
func whoseTrouble(sight probes.Sight) string {
	switch {
	case sight.Doubtful:
		return "Missed; being asked again before anything is said"
	case sight.Verdict == "":
		return ""
	case strings.Contains(sight.Verdict, " "):
		return "Part of the trouble of " + sight.Verdict
	}
	return verdictWords(incident.Verdict(sight.Verdict))
}

// plots draws the history of every target; what nothing was ever measured of
// has no plot.
func (a *app) plots(ctx context.Context, v *serverView) error {
	to := a.Clock.Now().Truncate(store.HistoryStep)
	for n, target := range v.Targets {
		buckets, err := a.Store.History(ctx, target.key, to.Add(-plotSpan), to)
		if err != nil {
			return err
		}
		plot := plotOf(target.What, to.Add(-plotSpan), buckets)
		switch {
		case n == 0:
			v.First = &plot
		case plot.Known:
			v.Plots = append(v.Plots, plot)
		}
	}
	return nil
}

// incidentsOf lists the incidents about a server and about what it stands on.
func (a *app) incidentsOf(ctx context.Context, server inventory.Server, s setting, v *serverView) error {
	about := []incident.Subject{{Kind: "server", Name: server.Name}, {Kind: "rack", Name: server.Rack}, {Kind: "site", Name: server.Site}}
	for _, feed := range server.Feeds {
		about = append(about, incident.Subject{Kind: "feed", Name: feed})
	}
	list, err := a.Store.List(ctx, store.Filter{About: about, Limit: maxServerOngoing + maxServerPast + 1})
	if err != nil {
		return err
	}
	histories, err := a.histories(ctx, list)
	if err != nil {
		return err
	}
	for _, h := range histories {
		switch {
		case h.inc.Ongoing():
			v.Open = append(v.Open, cardOf(h, s))
		case len(v.Past) < maxServerPast:
			v.Past = append(v.Past, cardOf(h, s))
		default:
			v.More = true
		}
	}
	return nil
}
