package vantage

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// AgentParts is what an Agent works with.
type AgentParts struct {
	Clock   *clock.Clock
	Kinds   probes.Registry // how to ask; nothing else is asked, whatever the daemon says
	Sweep   probes.Sweep    // nil: echoes are sent one target at a time
	Metrics *probes.Metrics // nil: nothing is measured
	Log     *slog.Logger
	Count   func(result string) // told of each report: "taken" or "failed"
}

// Agent looks from where it runs and reports to a daemon. Make one with
// [NewAgent].
type Agent struct {
	parts      AgentParts
	wire       *wire
	references []inventory.Reference
	run        string
	number     int
	scheduler  *probes.Scheduler
	held       atomic.Pointer[held]
	reached    atomic.Bool
}

// held is the list that the agent has, as an inventory with its own references.
type held struct {
	inventory *inventory.Inventory
	version   string // "" before the first list
}

// NewAgent returns an agent for cfg. It reads the ca_file, and nothing else
// until it runs.
func NewAgent(cfg Config, parts AgentParts) (*Agent, error) {
	wire, err := newWire(cfg)
	if err != nil {
		return nil, err
	}
	alone, err := inventory.New(inventory.Inventory{References: cfg.References})
	if err != nil {
		return nil, fmt.Errorf("references: %w", err)
	}
	a := &Agent{parts: parts, wire: wire, references: cfg.References, run: rand.Text()}
	a.held.Store(&held{inventory: alone})
	a.scheduler = probes.NewScheduler(probes.Config{}, probes.Parts{
		Clock: parts.Clock, Kinds: parts.Kinds, Sweep: parts.Sweep, Metrics: parts.Metrics, Log: parts.Log,
		Inventory: func() *inventory.Inventory { return a.held.Load().inventory },
		// What the scheduler concludes by itself is the daemon's to conclude.
		Report: func(context.Context, []alerts.Alert) error { return nil },
	})
	return a, nil
}

// Targets returns how many targets the agent looks at, its references not among
// them.
func (a *Agent) Targets() int {
	inv := a.held.Load().inventory
	return len(Prune(inv).Keys())
}

// Reached reports whether the daemon took the last report.
func (a *Agent) Reached() bool { return a.reached.Load() }

// maxPause bounds how long the agent waits after reports that failed: a daemon
// that comes back must not decide alone for long.
const maxPause = 4 * Interval

// Run looks and reports until ctx ends. Call it from a goroutine of the clock.
// No trouble ends it: a daemon that cannot be reached is tried again, ever less
// often, and what was seen meanwhile is not made up for.
func (a *Agent) Run(ctx context.Context) {
	looking := a.parts.Clock.Go(func() { a.scheduler.Run(ctx) })
	pause := Interval
	for ctx.Err() == nil {
		err := a.turn(ctx)
		if pause = min(2*pause, maxPause); err == nil {
			pause = Interval
		}
		if ctx.Err() == nil {
			a.note(err)
		}
		a.parts.Clock.Wait(ctx, a.parts.Clock.Now().Add(pause), nil)
	}
	<-looking
}

// note counts a report, and says in the log when the daemon was lost or found.
func (a *Agent) note(err error) {
	result := "taken"
	if err != nil {
		result = "failed"
	}
	a.parts.Count(result)
	switch was := a.reached.Swap(err == nil); {
	case err == nil && !was:
		a.parts.Log.Info("reports to the daemon", "main", a.wire.base, "targets", a.Targets())
	case err != nil && (was || a.number == 1):
		a.parts.Log.Warn("cannot report; tried again", "main", a.wire.base, "err", err)
	}
}

// turn reports once, has looked at what the daemon asks for, and fetches the
// list when it has changed.
func (a *Agent) turn(ctx context.Context) error {
	answer, err := a.wire.report(ctx, a.look())
	if err != nil {
		return err
	}
	a.scheduler.LookAt(answer.LookAt)
	if known := a.held.Load().version; answer.List != known {
		return a.fetch(ctx, known)
	}
	return nil
}

// fetch takes over the list of targets, whole and only if it is good.
func (a *Agent) fetch(ctx context.Context, known string) error {
	targets, version, err := a.wire.targets(ctx, known)
	if err != nil || version == known {
		return err
	}
	inv, err := targets.Inventory(a.references)
	if err != nil {
		return err
	}
	a.held.Store(&held{inv, version})
	a.scheduler.LookAt(nil) // so that the scheduler takes it up now
	return nil
}

// look makes a report of what the scheduler knows.
func (a *Agent) look() Report {
	at := a.parts.Clock.Now()
	sights, of := a.scheduler.Unwell()
	a.number++
	r := Report{Run: a.run, Number: a.number, At: at, Sighted: a.sighted(at), Unwell: []Entry{}}
	if list := a.held.Load(); list.inventory == of {
		r.List = list.version // otherwise the scheduler has not taken it up yet
	}
	for _, key := range slices.Sorted(maps.Keys(sights)) {
		if strings.HasPrefix(key, "reference/") {
			continue
		}
		if r.Cut = len(r.Unwell) == MaxEntries; r.Cut {
			break
		}
		r.Unwell = append(r.Unwell, entryOf(key, sights[key], at))
	}
	r.Age = max(0, a.parts.Clock.Now().Sub(at))
	return r
}

// stale is how old an answer may be that still says something.
const stale = 2 * probes.DefaultInterval

func entryOf(key string, sight probes.Sight, now time.Time) Entry {
	e := Entry{
		Key: key, State: sight.State, Misses: sight.Misses, Alarm: sight.Verdict != "", Since: sight.Since, Reason: sight.Reason,
	}
	if now.Sub(sight.At) > stale {
		e.State = probes.Unknown
	}
	return e
}

// sighted is the last moment of which the references show that this place could
// see: on each side that there is, somebody answered a question asked then. It
// is zero while a side as a whole does not answer, or may not.
func (a *Agent) sighted(now time.Time) (sighted time.Time) {
	for _, side := range []string{inventory.Near, inventory.Far} {
		last, exists := a.heardOn(side, now)
		switch {
		case exists && last.IsZero():
			return time.Time{}
		case exists && (sighted.IsZero() || last.Before(sighted)):
			sighted = last
		}
	}
	return sighted
}

// heardOn is when somebody on a side was last asked who answers; zero when
// nobody there does. It says whether there is anybody to ask.
func (a *Agent) heardOn(side string, now time.Time) (last time.Time, exists bool) {
	for _, ref := range a.references {
		if ref.Side != side {
			continue
		}
		exists = true
		sight, _ := a.scheduler.Look("reference/" + ref.Name)
		if sight.State == probes.Up && sight.Misses == 0 && now.Sub(sight.At) <= stale && sight.At.After(last) {
			last = sight.At
		}
	}
	return last, exists
}
