package simulate

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// world is one company for some hours, made from one seed.
type world struct {
	loop
	*terrain
	seed   uint64
	rng    *rand.Rand
	began  time.Time
	length time.Duration

	inventory *inventory.Inventory
	library   *runbooks.Library
	libraries []*runbooks.Library
	limits    remediation.Limits
	vantages  int
	shared    bool // the store is another machine's
	crude     bool // the monitor reports every server of a rack, too

	replicas []*replica
	db       *model
	down     bool // the database
	epoch    int  // counts databases
	noticed  int  // the last epoch in which somebody noticed that the database had forgotten
	leases   map[string]*leasing
	seen     map[view]*watched

	plan              plan
	faults            map[fault]int
	failing           bool // the database, at the next commit
	crashing, pausing int  // how many more there may be
	frozenWhy         string
	frozenAt          time.Duration
	thawedAt          time.Duration
	lastPlan          string // hash of another request

	watch   promises
	figures Figures
	broken  *Violation

	trace io.Writer // every line, when somebody wants them
	last  []entry   // the latest, for a failure
}

// Figures count what happened, in one world or in all.
type Figures struct {
	Sends           int            `json:"sends"`
	Doubles         int            `json:"double_sends"`
	Duties          int            `json:"duties"`
	Incidents       int            `json:"incidents"`
	Restored        int            `json:"restored"`
	Helped          int            `json:"helped"`
	Relapses        int            `json:"relapses"`
	Approvals       int            `json:"approvals"`
	Unknown         int            `json:"unknown_outcomes"`
	Refused         int            `json:"refused_sends"`
	Merged          int            `json:"merged"`
	Alerts          int            `json:"alerts_accepted"`
	Told            int            `json:"customers_told"`
	Forgotten       int            `json:"failovers_that_forgot"`
	Noticed         int            `json:"forgetting_noticed"`
	AlertsForgotten int            `json:"alerts_forgotten"`
	BlockedBy       map[string]int `json:"blocked_by"`
}

// start is when every world begins, by its own time.
var start = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

func newWorld(seed uint64, length time.Duration, books []*runbooks.Library) *world {
	w := &world{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 0x70696b6574)), began: start, length: length,
		libraries: books, library: books[0], db: newModel(), leases: map[string]*leasing{}, seen: map[view]*watched{},
		faults: map[fault]int{}, watch: newPromises(), figures: Figures{BlockedBy: map[string]int{}},
	}
	w.terrain = newTerrain(w)
	w.change(func(servers []inventory.Server) []inventory.Server { return servers })
	w.limits = remediation.DefaultLimits
	w.limits.FleetPercent = []int{1, 5, 12}[w.rng.IntN(3)] // one percent of so few is one
	w.limits.Reinstalls = 1 + w.rng.IntN(4)
	w.vantages, w.crude = w.rng.IntN(4), w.chance(0.5)
	replicas := 1 + w.rng.IntN(3)
	w.shared = replicas > 1 || w.chance(0.3)
	w.draw()
	for range replicas {
		w.addReplica()
	}
	return w
}

// run plays the world to its end, or to the first promise that breaks.
func (w *world) run(ctx context.Context) {
	w.after(monitorEvery, w.monitor)
	w.after(time.Minute, w.sweep)
	for w.broken == nil && ctx.Err() == nil && w.next(w.length) {
	}
	if ctx.Err() == nil {
		w.checkEnd()
	}
	for _, r := range w.replicas {
		for _, t := range slices.Clone(r.tasks) {
			t.kill()
		}
	}
	for _, h := range w.idle {
		h.stop()
	}
}

// wall is the true time of day.
func (w *world) wall() time.Time { return w.began.Add(w.now) }

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a duration; all are equally likely.
func (w *world) between(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(w.rng.Int64N(int64(to-from)))
}

// entry is one line of the trace; it is put into words only when somebody reads
// it.
type entry struct {
	at    time.Duration
	who   string
	event *incident.Event
	text  string
}

func (e entry) String() string {
	text := e.text
	if e.event != nil {
		text = fmt.Sprintf("%s #%d %s: %s", e.event.Incident, e.event.Seq, e.event.Payload.Kind(), e.event.Payload.Text())
	}
	return fmt.Sprintf("%12.3fs  %-8s %s", e.at.Seconds(), e.who, text)
}

// maxLast is how many lines a failure shows.
const maxLast = 60

func (w *world) log(e entry) {
	if w.trace != nil {
		fmt.Fprintln(w.trace, e)
	}
	if len(w.last) >= 2*maxLast {
		w.last = append(w.last[:0], w.last[maxLast:]...)
	}
	w.last = append(w.last, e)
}

func (w *world) say(r *replica, text string) {
	who := "world"
	if r != nil {
		who = r.name
	}
	w.log(entry{at: w.now, who: who, text: text})
}

// accepted notes an alert that somebody was told is safe.
func (w *world) accepted(a alerts.Alert) {
	w.figures.Alerts++
	w.watch.accepted[a.Episode()] = max(w.watch.accepted[a.Episode()], w.rank(a))
}
