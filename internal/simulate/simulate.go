// Package simulate plays seeded worlds of virtual time around the real engine,
// the real door and the real desk: replicas that crash, pause and lose their
// store, machines and BMCs that fail and lie, people who answer late. After
// every step it checks what piket promises.
//
//	report, err := simulate.Run(ctx, simulate.Config{Seeds: 200, Hours: 24})
//
// The same seed always plays the same world, event for event.
package simulate

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spinware/piket/runbooks"
)

// Config says what to play.
type Config struct {
	Seeds int       // how many worlds
	First uint64    // the first seed; the others follow it
	Hours float64   // of each world
	Trace io.Writer // gets every line of every world when it is not nil; then one is played after the other
}

// Report is what all worlds added up to.
type Report struct {
	Seeds       int                 `json:"seeds"`
	Hours       float64             `json:"hours"`
	Violations  int                 `json:"violations"`
	Figures                         // of all worlds together
	FaultKinds  map[fault]int       `json:"fault_kinds"` // worlds in which each really happened
	FailingSeed *uint64             `json:"failing_seed"`
	Broken      map[string][]uint64 `json:"broken,omitempty"` // promise → seeds
	Violation   *Violation          `json:"violation,omitempty"`
	Last        []string            `json:"-"` // what led to it
	WallSeconds float64             `json:"wall_seconds"`
}

// Run plays the worlds on all processors, until ctx ends. The error is about the
// set-up, or says that ctx has ended; what breaks in a world is in the report.
func Run(ctx context.Context, c Config) (Report, error) {
	books, err := libraries()
	if err != nil {
		return Report{}, err
	}
	began := time.Now()
	worlds := make([]*world, c.Seeds)
	var next atomic.Int64
	var players sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	if c.Trace != nil {
		workers = 1
	}
	for range workers {
		players.Go(func() {
			for n := next.Add(1) - 1; n < int64(c.Seeds) && ctx.Err() == nil; n = next.Add(1) - 1 {
				worlds[n] = play(ctx, c, c.First+uint64(n), books)
			}
		})
	}
	players.Wait()
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("play worlds: %w", err)
	}
	report := sum(c, worlds)
	report.WallSeconds = time.Since(began).Seconds()
	return report, nil
}

// play plays one world and keeps of it only what is reported.
func play(ctx context.Context, c Config, seed uint64, books []*runbooks.Library) *world {
	w := newWorld(seed, time.Duration(c.Hours*float64(time.Hour)), books)
	w.trace = c.Trace
	w.run(ctx)
	done := &world{seed: seed, figures: w.figures, faults: w.faults, broken: w.broken}
	if w.broken != nil {
		done.last = w.last
	}
	return done
}

func sum(c Config, worlds []*world) Report {
	report := Report{Seeds: c.Seeds, Hours: c.Hours, FaultKinds: map[fault]int{}, Figures: Figures{BlockedBy: map[string]int{}}, Broken: map[string][]uint64{}}
	for _, r := range recipes {
		report.FaultKinds[r.kind] = 0
	}
	for _, f := range scattered {
		report.FaultKinds[f] = 0
	}
	for _, w := range worlds {
		report.Figures.add(w.figures)
		for f := range w.faults {
			report.FaultKinds[f]++
		}
		if w.broken == nil {
			continue
		}
		report.Violations++
		report.Broken[w.broken.Promise] = append(report.Broken[w.broken.Promise], w.seed)
		if report.FailingSeed == nil {
			report.FailingSeed, report.Violation = &w.seed, w.broken
			for _, e := range w.last[max(0, len(w.last)-maxLast):] {
				report.Last = append(report.Last, e.String())
			}
		}
	}
	return report
}

func (f *Figures) add(o Figures) {
	for _, pair := range [][2]*int{
		{&f.Sends, &o.Sends}, {&f.Doubles, &o.Doubles}, {&f.Duties, &o.Duties}, {&f.Incidents, &o.Incidents}, {&f.Restored, &o.Restored},
		{&f.Helped, &o.Helped}, {&f.Relapses, &o.Relapses}, {&f.Approvals, &o.Approvals}, {&f.Unknown, &o.Unknown}, {&f.Refused, &o.Refused},
		{&f.Merged, &o.Merged}, {&f.Alerts, &o.Alerts}, {&f.Told, &o.Told}, {&f.Forgotten, &o.Forgotten}, {&f.Noticed, &o.Noticed}, {&f.AlertsForgotten, &o.AlertsForgotten},
	} {
		*pair[0] += *pair[1]
	}
	for guard, n := range o.BlockedBy {
		f.BlockedBy[guard] += n
	}
}

// libraries are the shipped runbooks, the same with other texts, the same
// without the one for a server that does not answer, the same with one that
// reinstalls, and the same with trust that can be earned.
func libraries() ([]*runbooks.Library, error) {
	shipped, err := runbooks.Load()
	if err != nil {
		return nil, err
	}
	changed, fewer := &runbooks.Library{}, &runbooks.Library{}
	for _, book := range shipped.Books {
		other, err := runbooks.Parse(book.Name+".yml", []byte("# Another version.\n"+strings.ReplaceAll(book.Source, "for: 2m", "for: 3m")))
		if err != nil {
			return nil, fmt.Errorf("change runbook %s: %w", book.Name, err)
		}
		changed.Books = append(changed.Books, other)
		if book.Name != "server-unreachable" {
			fewer.Books = append(fewer.Books, book)
		}
	}
	wiping, err := reinstalling(shipped)
	if err != nil {
		return nil, err
	}
	earning, err := trusting(shipped)
	return []*runbooks.Library{shipped, changed, fewer, wiping, earning}, err
}
