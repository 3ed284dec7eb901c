package simulate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// replica is one machine that runs piket. Its process may die and be started
// again; its clock is its own.
type replica struct {
	index int
	name  string
	alive bool
	life  int           // of the process: counts starts
	born  time.Duration // when the process started

	pausedUntil time.Duration
	cut         bool // off from the store
	uplink      span
	deaf        []time.Duration  // by machine: until when it alone does not hear it
	skew        atomic.Int64     // of its time of day against the true one
	lag         atomic.Int64     // what the looks since the last store call took
	asked       []atomic.Int64   // by machine: when this process last asked whether it answers
	journal     []journal.Record // the second ledger, on this machine's disk
	compared    int              // the last database that it was held against
	differs     int              // the one that did not fit it
	timeline    int              // the newest database that this process has seen
	turned      time.Duration    // when it saw that this was another one, 0 for never

	tasks   []*task
	visits  map[visitKey]bool // under way: false; changed meanwhile: true
	taking  bool              // an alert passes the door
	clock   *clock.Clock
	steady  *clock.Steady
	session *session
	engine  *remediation.Engine
	door    *intake.Door
	desk    *desk.Desk
}

func (w *world) addReplica() *replica {
	r := &replica{
		index: len(w.replicas), name: fmt.Sprintf("piket-%d", len(w.replicas)+1),
		deaf: make([]time.Duration, len(w.machines)+1), asked: make([]atomic.Int64, len(w.machines)+1),
		journal: []journal.Record{{Kind: journal.Began, At: w.wall()}}, differs: -1,
	}
	r.skew.Store(int64(w.between(-400*time.Millisecond, 400*time.Millisecond)))
	w.replicas = append(w.replicas, r)
	w.boots(r)
	return r
}

// boots starts the process, which remembers nothing.
func (w *world) boots(r *replica) {
	r.alive, r.born, r.pausedUntil = true, w.now, 0
	r.life++
	r.timeline, r.turned = w.epoch, 0
	r.visits, r.taking = map[visitKey]bool{}, false
	for n := range r.asked {
		r.asked[n].Store(-1)
	}
	r.clock = clock.Following(
		func() time.Time { return w.began.Add(w.now + time.Duration(r.skew.Load())) },
		func() time.Duration { return w.now + time.Hour })
	r.steady = r.clock.Steady()
	r.session = &session{w, r}
	frozen := func() string { return w.frozenWhy }
	books := func() *runbooks.Library { return w.library }
	inv := func() *inventory.Inventory { return w.inventory }
	r.door = &intake.Door{
		Store: r.session, Inventory: inv, Runbooks: books, Clock: r.clock,
		Labels: func() []string { return intake.DefaultLabels }, Count: func(alerts.Alert, string) {},
	}
	r.engine = &remediation.Engine{
		Store: r.session, Clock: r.clock, Log: slog.New(slog.DiscardHandler), Inventory: inv,
		Looker:  remediation.Looker{Probes: w.registry(r), Timeout: time.Hour, Clock: r.clock, Vantages: w.elsewhere},
		Actions: map[string]remediation.Action{"power": w.power(r), "ssh": w.shell(r), "boot": w.bootOrder(r)},
		Limits:  func() remediation.Limits { return w.limits }, Frozen: frozen, Untimely: func() string { return cmp.Or(r.steady.Why(), w.skewed(r)) }, Ahead: r.steady.Ahead,
		Mine:   func(ctx context.Context, id string) error { return r.session.mine(ctx, id) },
		About:  func(id string, i incident.Intended) error { return w.note(r, id, i) },
		Others: w.others, Report: func(ctx context.Context, batch []alerts.Alert) error { return w.receive(ctx, r, batch) },
		WorkOrder: workOrder, Owner: fmt.Sprintf("%s, life %d", r.name, r.life),
	}
	r.desk = &desk.Desk{
		Store: r.session, Clock: r.clock, Inventory: inv,
		Policy: func() desk.Policy { return desk.Policy{Updates: desk.DefaultUpdates} },
	}
	w.compareBooks(r, r.life)
}

// maxSkew is how far a clock may be off the store's before nothing is done by
// it.
const maxSkew = 2 * time.Second

// skewed compares a replica's clock with the store's, where that is another
// machine's.
func (w *world) skewed(r *replica) string {
	if skew := time.Duration(r.skew.Load()); w.shared && skew.Abs() > maxSkew {
		return "this machine's clock is off the store's"
	}
	return ""
}

// receive lets alerts through the door, one caller at a time: the door holds a
// lock while it waits for the store.
func (w *world) receive(ctx context.Context, r *replica, batch []alerts.Alert) error {
	for r.taking {
		w.sleep(20 * time.Millisecond)
	}
	life := r.life
	r.taking = true
	defer func() {
		if r.life == life {
			r.taking = false
		}
	}()
	return r.door.Receive(ctx, batch, 0)
}

// working reports whether the process can do its work right now.
func (r *replica) working(w *world) bool {
	return r.alive && w.now >= r.pausedUntil && !r.cut && !w.down
}

func (r *replica) forget(t *task) {
	if n := slices.Index(r.tasks, t); n >= 0 {
		r.tasks = slices.Delete(r.tasks, n, n+1)
	}
}

// crash ends the process with everything that it has under way, and plans its
// next start.
func (w *world) crash(r *replica) {
	if !r.alive {
		return
	}
	r.alive = false
	tasks := slices.Clone(r.tasks)
	r.tasks = nil
	for _, t := range tasks {
		t.kill()
	}
	w.say(r, "the process dies")
	w.after(term, func() { w.lapse(r) })
	w.after(w.between(2*time.Second, 90*time.Second), func() {
		w.boots(r)
		w.say(r, "the process starts")
		w.dueAll()
	})
}

// mayCrash ends the process here, now and then. It is called from a task of r.
func (w *world) mayCrash(r *replica, where string, chance float64) {
	if w.plan.has(crashes) && w.crashing > 0 && w.chance(chance) {
		w.crashing--
		w.happened(crashes)
		w.say(r, "crash "+where)
		panic(crashed{})
	}
}

// mayPause stops the whole process for a while, now and then, in the middle of
// what it does; others go on.
func (w *world) mayPause(r *replica, where string, chance float64) {
	if w.plan.has(pauses) && w.pausing > 0 && w.chance(chance) {
		w.pausing--
		d := w.between(5*time.Second, 3*time.Minute)
		if w.chance(0.2) {
			d = w.between(10*time.Minute, 2*time.Hour)
		}
		w.happened(pauses)
		w.say(r, fmt.Sprintf("paused %s for %v", where, d.Round(time.Second)))
		r.pausedUntil = w.now + d
		if d > term {
			w.after(term, func() { w.lapse(r) })
		}
		w.sleep(d)
	}
}
