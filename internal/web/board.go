package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
)

// How much the board shows. What is beyond is counted, never silent.
const (
	maxOpenShown   = 100
	maxClosedShown = 8
	maxTrouble     = 50 // targets that are not well
	maxWell        = 40 // targets that are
)

// boardView is what is open now and what waits for whom.
type boardView struct {
	Waiting []wait
	Open    []card
	Drills  []card // exercises that are under way
	More    int    // open, and not shown
	Closed  []card
	Targets targetsView
	Freeze  bool // whether to offer the big red button

	Vantages []vantageView
	Replicas []store.Replica // that share the work; nil where one has it alone
}

// card is one incident in a few words.
type card struct {
	ID, Title    string
	Priority     incident.Priority
	PriorityWord string
	Standing     standing
	Where        string
	Owner        string
	Started      time.Time
	Ended        time.Time
	Lasted       string
	Next         time.Time // when customers must hear again
}

// wait is one thing that waits for a person.
type wait struct {
	Icon, Tone string
	What       string
	Who        string
	ID, Title  string
	Priority   incident.Priority
	Panel      string // where on the incident's page it is answered
	Due        time.Time
	Late       bool
}

// rank puts what expires when nobody answers before everything else, then goes
// by priority.
func (w wait) rank() string {
	if w.Panel == "question" {
		return "0 " + string(w.Priority)
	}
	return "1 " + string(w.Priority)
}

// targetsView sums up what is probed.
type targetsView struct {
	Known       bool
	All, Up     int
	Trouble     []targetLine
	MoreTrouble int // and not shown
	Well        []targetLine
	MoreWell    int
}

// targetLine is one target in a list.
type targetLine struct {
	Name, Path    string // of its server's page, "" when it is not a server's
	State, Reason string
}

type boardPage struct {
	frame
	Board template.HTML
}

func (a *app) board(w http.ResponseWriter, r *http.Request) {
	me := personOf(r)
	b, err := a.loadBoard(r.Context(), a.setting(me))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	// The fragment comes out of our own template, which has escaped what others
	// wrote.
	a.render(w, http.StatusOK, "board.html", boardPage{a.frame(r, "Board", me), template.HTML(fragment("board", b))})
}

// loadBoard reads what the board shows, the most pressing first.
func (a *app) loadBoard(ctx context.Context, s setting) (boardView, error) {
	ongoing, err := a.Store.List(ctx, store.Filter{Ongoing: true})
	if err != nil {
		return boardView{}, err
	}
	slices.SortStableFunc(ongoing, func(x, y store.Summary) int {
		return cmp.Or(strings.Compare(string(x.Priority), string(y.Priority)), strings.Compare(string(x.Status), string(y.Status)))
	})
	open, err := a.histories(ctx, ongoing[:min(len(ongoing), maxOpenShown)])
	if err != nil {
		return boardView{}, err
	}
	latest, err := a.Store.List(ctx, store.Filter{Limit: maxOpenShown + len(ongoing)})
	if err != nil {
		return boardView{}, err
	}
	closed, err := a.histories(ctx, recentlyClosed(latest))
	if err != nil {
		return boardView{}, err
	}
	b := boardOf(open, closed, s)
	if err := a.addDrills(ctx, &b, s); err != nil {
		return boardView{}, err
	}
	b.More = len(ongoing) - len(open)
	if a.Probes != nil {
		b.Targets = targetsOf(a.Probes.Overview(maxTrouble, maxWell))
	}
	b.Replicas = a.replicas(ctx)
	if a.Vantages != nil {
		b.Vantages = vantagesOf(a.Vantages.Standings())
	}
	return b, nil
}

// addDrills adds the exercises that are under way, and what they wait for.
func (a *app) addDrills(ctx context.Context, b *boardView, s setting) error {
	list, err := a.drills(ctx, true)
	if err != nil {
		return err
	}
	drills, err := a.histories(ctx, list)
	for _, h := range drills {
		b.Drills = append(b.Drills, cardOf(h, s))
		b.Waiting = append(b.Waiting, waits(h, s)...)
	}
	return err
}

func recentlyClosed(list []store.Summary) []store.Summary {
	closed := slices.DeleteFunc(list, func(m store.Summary) bool { return m.Status != incident.Finished })
	slices.SortStableFunc(closed, func(x, y store.Summary) int { return y.Changed.Compare(x.Changed) })
	return closed[:min(len(closed), maxClosedShown)]
}

func (a *app) histories(ctx context.Context, list []store.Summary) ([]history, error) {
	var all []history
	for _, m := range list {
		h, err := a.history(ctx, m.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			all = append(all, h)
		}
	}
	return all, nil
}

// boardOf puts the board together.
func boardOf(open, closed []history, s setting) boardView {
	b := boardView{Freeze: warden.admits(s.me) && s.frozen == ""}
	for _, h := range open {
		b.Open = append(b.Open, cardOf(h, s))
		b.Waiting = append(b.Waiting, waits(h, s)...)
	}
	for _, h := range closed {
		b.Closed = append(b.Closed, cardOf(h, s))
	}
	slices.SortStableFunc(b.Waiting, func(x, y wait) int { return strings.Compare(x.rank(), y.rank()) })
	return b
}

func cardOf(h history, s setting) card {
	inc := h.inc
	c := card{
		ID: inc.ID, Title: inc.Title, Priority: inc.Priority, PriorityWord: inc.Priority.Word(), Standing: standingOf(h),
		Where: siteName(inc.Site, s.inv), Owner: personName(inc.Owner, s.inv),
		Started: inc.StartedAt, Ended: inc.ClosedAt, Next: nextUpdate(inc, s.updates),
	}
	if !c.Ended.IsZero() {
		c.Lasted = inWords(c.Ended.Sub(c.Started))
	}
	return c
}

// waits lists what an incident waits for, the most pressing first.
func waits(h history, s setting) []wait {
	inc := h.inc
	var list []wait
	add := func(w wait) {
		w.ID, w.Title, w.Priority = inc.ID, inc.Title, inc.Priority
		w.Late = !w.Due.IsZero() && s.now.After(w.Due)
		list = append(list, w)
	}
	if a := inc.Approval; inc.Asking() {
		what := "A yes or no: "
		if a.Needed() > 1 {
			what = fmt.Sprintf("A yes or no (%d of %d have agreed): ", len(a.Yes), a.Needed())
		}
		add(wait{Icon: "ask", Tone: toneAsk, What: what + a.Action, Who: whoAnswers(inc, s.inv), Panel: "question", Due: a.Expires})
	}
	for _, o := range inc.WorkOrders() {
		if w, waits := waitsForOrder(o); waits && (inc.Status == incident.Open || o.InRack()) {
			add(w)
		}
	}
	if names, due := toCall(inc, s.inv); len(names) > 0 {
		add(wait{Icon: "phone", Tone: toneAsk, What: "To telephone " + strings.Join(names, " and "), Who: "support", Panel: "calls", Due: due})
	}
	for _, p := range h.attentions() {
		if inc.Status == incident.Open && inc.Attentions[p.Topic].After(inc.AcknowledgedAt) {
			add(wait{Icon: "bell", Tone: toneBad, What: sentenceCase(p.Why), Who: responsible(inc, s.inv), Panel: "attentions"})
		}
	}
	if inc.Status == incident.BackInService && inc.Closure != nil && inc.Closure.Passed {
		add(wait{Icon: "flag", Tone: toneGood, What: "To be closed, with cause and solution", Who: responsible(inc, s.inv), Panel: "close"})
	}
	return list
}

// toCall names the customers who must be telephoned, and since when.
func toCall(inc *incident.Incident, inv *inventory.Inventory) (names []string, due time.Time) {
	for _, c := range inc.CallTasks {
		if c.Outcome != "" {
			continue
		}
		if name := customerTitle(c.Customer, inv); !slices.Contains(names, name) {
			names = append(names, name)
		}
		if due.IsZero() || c.Due.Before(due) {
			due = c.Due
		}
	}
	return names, due
}

func customerTitle(name string, inv *inventory.Inventory) string {
	if c, ok := inv.Customer(name); ok {
		return customerName(c)
	}
	return name
}

// responsible names who an incident waits for: its owner, or whoever is on
// duty, or its team.
func responsible(inc *incident.Incident, inv *inventory.Inventory) string {
	if inc.Owner != "" {
		return personName(inc.Owner, inv)
	}
	var names []string
	for _, p := range inv.OnDuty(inc.Team) {
		names = append(names, nameOf(p))
	}
	if len(names) > 0 {
		return strings.Join(names, " or ")
	}
	if inc.Team != "" {
		return teamName(inc.Team, inv)
	}
	return "anybody on duty"
}

func sentenceCase(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

func targetsOf(o probes.Overview) targetsView {
	v := targetsView{Known: o.All > 0, All: o.All, Up: o.Up, Trouble: targetLines(o.Trouble), Well: targetLines(o.Well)}
	v.MoreTrouble = max(0, o.All-o.Up-len(v.Trouble))
	v.MoreWell = max(0, o.Up-len(v.Well))
	return v
}

func targetLines(sights []probes.Sight) []targetLine {
	lines := make([]targetLine, len(sights))
	for i, sight := range sights {
		lines[i] = targetLine{Name: sight.Name, State: string(sight.State), Reason: sight.Reason}
		if sight.Server != "" {
			lines[i].Path = serverPath(sight.Server)
		}
	}
	return lines
}

// replicas are those that share the work, as far as the store can say.
func (a *app) replicas(ctx context.Context) []store.Replica {
	if !a.Store.Shared() {
		return nil
	}
	work, err := a.Store.Work(ctx)
	if err != nil {
		a.Log.Warn("cannot say which replicas there are", "err", err)
	}
	return work.Replicas
}

// waitsForOrder is who must do what about a work order now.
func waitsForOrder(o *incident.Order) (w wait, waits bool) {
	w = wait{Icon: "wrench", Tone: toneAct, Who: o.To, Panel: "order"}
	switch {
	case !o.HandsIn.IsZero():
		w.What = "To say that the hands are out of the rack"
	case o.State == incident.OrderDraft:
		w.What, w.Who, w.Tone = "A manager's yes or no to "+o.Money(o.Cost)+" for "+o.To, "incident manager", toneAsk
	case o.Unknown():
		w.What, w.Who, w.Tone = "Whether the work order reached "+o.To, "engineer or support", toneAsk
	case o.State == incident.OrderApproved, o.State == incident.OrderSent, o.State == incident.OrderUnanswered:
		w.What, w.Due = "To acknowledge the work order", o.AcknowledgeBy
	case o.State == incident.OrderAcknowledged:
		w.What, w.Due = "To arrive on site", o.ArriveBy
	default:
		return w, false
	}
	return w, true
}
