package simulate

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/intake"
	"github.com/spinware/piket/internal/inventory"
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
	deaf        []time.Duration    // by machine: until when it alone does not hear it
	skew        atomic.Int64       // of its time of day against the true one
	lag         atomic.Int64       // what the looks since the last store call took
	asked       []atomic.Int64     // by machine: when this process last asked whether it answers
	journal     map[string]receipt // incident → what the store has last acknowledged of it to this machine
	epoch       int                // of the store, as last compared with the journal

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
		deaf: make([]time.Duration, len(w.machines)+1), asked: make([]atomic.Int64, len(w.machines)+1), journal: map[string]receipt{},
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
	r.visits, r.taking = map[visitKey]bool{}, false
	for n := range r.asked {
		r.asked[n].Store(-1)
	}
	r.clock = clock.Following(
		func() time.Time { return w.began.Add(w.now + time.Duration(r.skew.Load())) },
		func() time.Duration { return w.now + time.Hour })
	r.steady = r.clock.Steady()
	r.session = &session{w, r}
	r.epoch = -1 // it compares before it does anything
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
		Actions: map[string]remediation.Action{"power": w.power(r), "ssh": w.shell(r)},
		Limits:  func() remediation.Limits { return w.limits }, Frozen: frozen, Untimely: r.steady.Why,
		Others: w.others, Report: func(ctx context.Context, batch []alerts.Alert) error { return w.receive(ctx, r, batch) },
		WorkOrder: workOrder, Owner: fmt.Sprintf("%s, life %d", r.name, r.life),
	}
	r.desk = &desk.Desk{
		Store: r.session, Clock: r.clock, Inventory: inv,
		Policy: func() desk.Policy { return desk.Policy{Updates: desk.DefaultUpdates} },
	}
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
		if !t.ended {
			t.ended = true
			t.stop()
		}
	}
	w.say(r, "the process dies")
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
		w.sleep(d)
	}
}

// compare stands for the second ledger: before a process uses a store that may
// be another one than before, it looks whether that remembers what it was told.
// If it does not, everything is frozen.
func (w *world) compare(r *replica) error {
	if r.epoch == w.epoch {
		return nil
	}
	r.epoch = w.epoch
	for _, id := range sortedKeys(r.journal) {
		if !w.db.remembers(id, r.journal[id]) {
			w.noticed = w.epoch
			w.freeze("the database has forgotten what is in the journal: " + id)
			w.after(w.between(10*time.Minute, 40*time.Minute), w.thaw)
			clear(r.journal) // a person has compared the two
			return nil
		}
	}
	return nil
}
