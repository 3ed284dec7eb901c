//go:build battery || e2e

package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// memories is what the outside world remembers, whatever dies inside.
type memories struct {
	mu        sync.Mutex
	alerts    int
	accepted  map[string]string // "number status" of every alert that got its 2xx → whose
	attempted map[string]bool   // approvals to which a yes was sent
	granted   map[string]bool   // those of which the 2xx came back
	sick      map[string]string // server → the alert that began it
	everSick  map[string]bool   // servers that were ever broken
	frozen    [][2]time.Time    // from the 2xx of a freeze to the request that ended it
	thawed    int               // freezes of which piket knew nothing afterwards
}

// begin makes room for memories. What is remembered already stays.
func (l *memories) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accepted == nil {
		l.accepted, l.attempted, l.granted = map[string]string{}, map[string]bool{}, map[string]bool{}
		l.sick, l.everSick = map[string]string{}, map[string]bool{}
	}
}

// crowd lives as long as its context: it breaks servers, reports them, answers
// piket's questions and closes what is over.
func (w *ward) crowd(ctx context.Context, breakers bool) {
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 1))
	w.ledger.begin()
	for n := 0; ctx.Err() == nil; n++ {
		if breakers {
			w.breakSome(rng)
			w.report(rng)
		}
		if n%4 == 0 {
			w.attend(rng, breakers)
		}
		if breakers {
			w.arrange(n)
		}
		pause()
	}
}

// beds are the servers that may be broken: one of each rack, so that there is
// always a well one beside it.
func (w *ward) beds() []string {
	beds := []string{"web-01", "web-02", "db-02", "mail-01"}
	for n := range w.racks {
		beds = append(beds, fmt.Sprintf("more-%03da", n+1))
	}
	return beds
}

// sickAtOnce leaves most of each site well: a crowd that falls is not what this
// battery is about.
const sickAtOnce = 6

// illnesses are what befalls servers, as often as they stand here.
var illnesses = [][]lab.Fault{
	{lab.Hung}, {lab.Hung}, {lab.Hung}, {lab.Hung}, {lab.Hung}, {lab.Hung}, {lab.Off}, {lab.Off}, {lab.Crashed}, {lab.Crashed},
	{lab.Hung, lab.BMCSlowOff}, {lab.Hung, lab.BMCSlowOff}, {lab.Hung, lab.BMCDropsReply}, {lab.BMCLies}, {lab.Dead},
}

// likely is what makes a point likely to be reached soon.
var likely = map[failpoint.Point][]lab.Fault{
	failpoint.DutyPlanned: {lab.Hung, lab.BMCSlowOff}, failpoint.SSHBeforeSend: {lab.Crashed}, failpoint.SSHSent: {lab.Crashed},
	failpoint.OrderComposed: {lab.Dead}, failpoint.OrderWritten: {lab.Dead},
}

func (w *ward) breakSome(rng *rand.Rand) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	w.mu.Lock()
	favour := w.favour
	w.mu.Unlock()
	w.stage(favour)
	beds := slices.DeleteFunc(w.beds(), func(name string) bool { return slices.Contains(w.aside, name) })
	rng.Shuffle(len(beds), func(i, j int) { beds[i], beds[j] = beds[j], beds[i] })
	for _, name := range beds {
		if len(w.ledger.sick) >= sickAtOnce {
			return
		}
		if _, is := w.ledger.sick[name]; is {
			continue
		}
		illness := illnesses[rng.IntN(len(illnesses))]
		if len(favour) > 0 && rng.IntN(2) == 0 {
			if wanted := likely[favour[rng.IntN(len(favour))]]; wanted != nil {
				illness = wanted
			}
		}
		if w.once && w.ledger.everSick[name] {
			illness = []lab.Fault{lab.Crashed}
		}
		w.infect(name, illness)
	}
}

// infect breaks a server. The caller holds the ledger.
func (w *ward) infect(name string, illness []lab.Fault) {
	alert := "ServerUnreachable"
	for _, fault := range illness {
		if err := w.lab.Break(name, fault); err != nil {
			panic("battery: " + err.Error())
		}
		if fault == lab.Crashed {
			alert = "ServiceDown"
		}
	}
	w.ledger.sick[name], w.ledger.everSick[name] = alert, true
}

// holdsAny reports whether one of the points begins so.
func holdsAny(points []failpoint.Point, prefix string) bool {
	return slices.ContainsFunc(points, func(p failpoint.Point) bool { return strings.HasPrefix(string(p), prefix) })
}

// stage brings about what a point needs that comes of no illness in passing.
// The caller holds the ledger.
func (w *ward) stage(favour []failpoint.Point) {
	if !holdsAny(favour, "ipmi-") {
		return
	}
	for _, name := range w.aside {
		if _, is := w.ledger.sick[name]; !is {
			w.infect(name, []lab.Fault{lab.Hung})
		}
	}
}

// report posts what Alertmanager would: about the sick, about the well, about
// the unknown, and that something is over.
func (w *ward) report(rng *rand.Rand) {
	w.ledger.mu.Lock()
	sick := slices.Sorted(maps.Keys(w.ledger.sick))
	server, name := "app-01", "ServerUnreachable" // a false alarm
	switch n := rng.IntN(10); {
	case n < 7 && len(sick) > 0:
		server = sick[rng.IntN(len(sick))]
		name = w.ledger.sick[server]
	case n < 8:
		server, name = fmt.Sprintf("stranger-%d", rng.IntN(3)), "DiskFull"
	}
	w.ledger.alerts++
	number, status := fmt.Sprint(w.ledger.alerts), "firing"
	if old := slices.Sorted(maps.Keys(w.ledger.accepted)); len(old) > 0 && rng.IntN(10) == 0 {
		if key := old[rng.IntN(len(old))]; strings.HasSuffix(key, " firing") {
			number, status = strings.TrimSuffix(key, " firing"), "resolved"
			server, name, _ = strings.Cut(w.ledger.accepted[key], " ")
		}
	}
	w.ledger.mu.Unlock()
	began := w.anchor.UTC().Truncate(time.Second).Format(time.RFC3339Nano)
	alert := map[string]any{"status": status, "startsAt": began, "labels": map[string]string{"alertname": name, "server": server, "number": number}}
	if status == "resolved" {
		alert["endsAt"] = w.clk.Now().Format(time.RFC3339Nano)
	}
	answered, _ := w.ask(http.MethodPost, "/api/alertmanager", "alertmanager", map[string]any{"version": "4", "status": status, "alerts": []any{alert}}, nil)
	if answered == http.StatusOK {
		w.ledger.mu.Lock()
		w.ledger.accepted[number+" "+status] = server + " " + name
		w.ledger.mu.Unlock()
	}
}

// chart is what people read of one incident.
type chart struct {
	Incident struct {
		ID       string             `json:"id"`
		Status   incident.Status    `json:"status"`
		Subject  incident.Subject   `json:"subject"`
		Approval *incident.Approval `json:"approval"`
		Order    *struct {
			Order string `json:"order"`
			State string `json:"state"`
		} `json:"order"`
		Attentions []incident.Attention     `json:"attentions"`
		Closure    *incident.ClosureChecked `json:"closure"`
	} `json:"incident"`
}

// attend lets people do one thing on each incident that is open.
func (w *ward) attend(rng *rand.Rand, mayDeny bool) {
	var list struct{ Incidents []store.Summary }
	if status, _ := w.ask(http.MethodGet, "/api/incidents?ongoing=true", "noor", nil, &list); status != http.StatusOK {
		return
	}
	for _, m := range list.Incidents {
		if unmatched(m.Subject) {
			continue
		}
		var s chart
		if status, _ := w.ask(http.MethodGet, "/api/incidents/"+m.ID, "noor", nil, &s); status == http.StatusOK {
			w.help(rng, mayDeny, s)
		}
	}
}

// unmatched reports whether an incident is about a server that no inventory
// knows: nobody knows what to do about it either, and it stays open.
func unmatched(subject string) bool { return strings.HasPrefix(subject, "alert:") }

// handsNeeded are the topics on which piket calls for people when it can do no
// more itself.
var handsNeeded = []string{"ladder-used-up", "left-off", "parts-still-down"}

func (w *ward) help(rng *rand.Rand, mayDeny bool, s chart) {
	inc := s.Incident
	deed := func(who, verb string, body map[string]string) bool {
		status, _ := w.ask(http.MethodPost, "/api/incidents/"+inc.ID+"/"+verb, who, body, nil)
		return status == http.StatusOK
	}
	if a := inc.Approval; a != nil && a.GrantedBy == "" {
		verb := "approve"
		if mayDeny && rng.IntN(12) == 0 {
			verb = "deny"
		} else {
			w.ledger.note(w.ledger.attempted, a.Approval)
		}
		if deed("noor", verb, map[string]string{"approval": a.Approval, "plan_hash": a.PlanHash}) && verb == "approve" {
			w.ledger.note(w.ledger.granted, a.Approval)
		}
	}
	if o := inc.Order; o != nil {
		next := map[string]string{"sent": "acknowledged", "acknowledged": "on_site", "on_site": "done"}[o.State]
		if next == "done" {
			w.repair(inc.Subject)
		}
		if next != "" {
			deed("sem", "order", map[string]string{"order": o.Order, "state": next})
		}
	}
	if slices.ContainsFunc(inc.Attentions, func(a incident.Attention) bool { return slices.Contains(handsNeeded, a.Topic) }) {
		w.repair(inc.Subject)
	}
	if inc.Closure != nil && inc.Closure.Passed && deed("noor", "close", map[string]string{"cause": "c", "solution": "s", "prevention": "p", "unconfirmed": "nobody asked them"}) {
		w.discharge(inc.Subject.Name)
	}
}

func (l *memories) note(in map[string]bool, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in[what] = true
}

// repair is what hands on site do to a machine that is not well, or to all that
// stand in a rack.
func (w *ward) repair(subject incident.Subject) {
	for _, s := range w.lab.Servers() {
		named := s.Name == subject.Name || subject.Kind == "rack" && s.Rack == subject.Name
		if named && s.Condition != lab.IsRunning && s.Condition != lab.IsBooting {
			if err := w.lab.Repair(s.Name); err != nil {
				panic("battery: " + err.Error())
			}
		}
	}
}

// discharge lets a server that runs again fall ill once more. One that does not
// run stays as it is, for the oracle to find.
func (w *ward) discharge(name string) {
	for _, s := range w.lab.Servers() {
		if s.Name == name && s.Condition == lab.IsRunning {
			if err := w.lab.Heal(name); err != nil { // of what is wrong with its controller
				panic("battery: " + err.Error())
			}
			w.ledger.mu.Lock()
			delete(w.ledger.sick, name)
			w.ledger.mu.Unlock()
		}
	}
}

// arrange brings about now and then what no server's trouble does: a freeze,
// and a rack that goes as a whole.
func (w *ward) arrange(n int) {
	w.mu.Lock()
	favour := w.favour
	w.mu.Unlock()
	freezing := holdsAny(favour, "freeze-")
	switch {
	case freezing && n%10 == 0, n%300 == 150:
		w.freeze()
	case freezing && n%10 == 5, n%300 == 200:
		w.thaw()
	case n%900 == 400:
		_ = w.lab.BreakRack(w.gone) // it is in the plan
	case n%300 == 290:
		_ = w.lab.HealRack(w.gone)
	}
}

func (w *ward) freeze() {
	status, _ := w.ask(http.MethodPost, "/api/freeze", "noor", map[string]string{"reason": "battery"}, nil)
	if status != http.StatusOK {
		return
	}
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	if k := len(w.ledger.frozen); k == 0 || !w.ledger.frozen[k-1][1].IsZero() {
		w.ledger.frozen = append(w.ledger.frozen, [2]time.Time{w.clk.Now(), {}})
	}
}

func (w *ward) thaw() {
	var now struct {
		Frozen bool
		Why    string
	}
	status, _ := w.ask(http.MethodGet, "/api/freeze", "noor", nil, &now)
	w.ledger.mu.Lock()
	if k := len(w.ledger.frozen); k > 0 && w.ledger.frozen[k-1][1].IsZero() {
		if status == http.StatusOK && !now.Frozen {
			w.ledger.thawed++
		}
		w.ledger.frozen[k-1][1] = w.clk.Now()
	}
	w.ledger.mu.Unlock()
	w.ask(http.MethodDelete, "/api/freeze", "noor", map[string]string{"reason": now.Why}, nil)
}
