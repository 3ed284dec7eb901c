//go:build battery

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spinware/piket/internal/failpoint"
)

// theatre is a world of its own in which the program is killed, with the
// points at which it has to be.
type theatre struct {
	name   string
	speed  float64
	points []failpoint.Point
}

// onTheWire are the points of a send and of what precedes it. A plan holds for
// 30 s: where time runs fast a busy machine does not come so far, above all with
// IPMI, whose tool is a process for every command.
var onTheWire = []failpoint.Point{
	failpoint.SendPlanned, failpoint.DutyPlanned, failpoint.SendClaimed, failpoint.SendJournaled, failpoint.SendSessionOpen,
	failpoint.SendIdentified, failpoint.RedfishBeforeSend, failpoint.RedfishSent, failpoint.IPMIBeforeSend, failpoint.IPMISent,
	failpoint.SSHBeforeSend, failpoint.SSHSent, failpoint.SendAnswered, failpoint.SendRecorded,
	failpoint.ApprovalJudged, failpoint.MergeReported, failpoint.MergeAbsorbed,
}

// theatres run beside each other: most of a life is waiting.
func theatres() []theatre {
	others := slices.DeleteFunc(slices.Clone(failpoint.Points), func(p failpoint.Point) bool { return slices.Contains(onTheWire, p) })
	return []theatre{{"on the wire", wardSpeed / 2, onTheWire}, {"elsewhere", wardSpeed, others}}
}

// hunt kills the program in one theatre.
type hunt struct {
	*ward
	theatre
	kills
	vain   map[failpoint.Point]int // lives that were to end at a point and did not reach it
	staged int                     // racks that were lost for a point
}

// perKill bounds a hunt by the number of its kills.
const perKill = 6 * time.Second

// run kills the program often enough and at each of the theatre's points, then
// lets it recover and judges.
func (h *hunt) run(want int) {
	h.aside = []string{"db-02", "mail-01"} // which speak IPMI
	h.ledger.begin()
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.crowd(ctx, true) }()
	for limit := time.Now().Add(time.Duration(want) * perKill); h.Kills < want || h.unkilled() != ""; {
		if time.Now().After(limit) {
			h.t.Errorf("in %v there were %d of %d kills, and none at %s", time.Duration(want)*perKill, h.Kills, want, h.unkilled())
			break
		}
		h.live()
	}
	cancel()
	<-ended
	h.recover(h.t)
	h.findings = h.judge()
	for _, fault := range h.Faults {
		h.t.Error(fault)
	}
}

// unkilled names a point at which the program was never killed, "" when there
// is none.
func (h *hunt) unkilled() failpoint.Point {
	for _, p := range h.theatre.points {
		if h.At[string(p)] == 0 {
			return p
		}
	}
	return ""
}

// How long a life lasts: most are short; some last long enough for what a
// restart has to wait for (an intent of a life before runs out its time).
const (
	shortLife = time.Second
	fairLife  = 2500 * time.Millisecond // for a point to be reached
	mostLife  = 12 * time.Second        // for one that was not reached again and again
	sceneLife = 25 * time.Second        // for one for which the world is arranged
	waitedOut = 80 * time.Second        // in the world: longer than an intent of a life before
)

// onceALife are the points that a life passes once.
var onceALife = []failpoint.Point{failpoint.StoreOpened, failpoint.Serving, failpoint.ShutdownBegun, failpoint.ShutdownDrained}

// live starts the program and sees to it that it is killed.
func (h *hunt) live() {
	h.Restarts++
	point, visit := failpoint.Point(""), 1
	if h.rng.IntN(3) > 0 {
		point, visit = h.choose(), 1+h.rng.IntN(3)
	}
	if h.At[string(point)] == 0 || slices.Contains(onceALife, point) || staged(point) {
		visit = 1
	}
	h.prefer(point)
	defer h.scene(point)()
	v := h.start(strings.TrimSuffix(fmt.Sprintf("%s:%d", point, visit), ":1"))
	if !v.dies(h.span(v, point)) {
		v.kill()
		h.vain[point]++
		point = ""
	}
	switch {
	case !v.killed():
		h.t.Errorf("piket ended by itself: %v\n%s", v.cmd.ProcessState, h.logTail())
		return
	case point == "":
		h.Random++
	default:
		h.At[string(point)]++
		h.Named++
	}
	h.Kills++
}

// span is how long a life may last, and tells it to stop when it is to die of
// that.
func (h *hunt) span(v *victim, point failpoint.Point) time.Duration {
	long := time.Duration(float64(waitedOut) / h.theatre.speed)
	short := time.Duration(h.rng.Int64N(int64(shortLife)))
	switch {
	case strings.HasPrefix(string(point), "shutdown-"):
		h.ready(long)
		v.dies(short)
		_ = v.cmd.Process.Signal(syscall.SIGTERM)
		return long
	case staged(point):
		return sceneLife
	case h.Restarts%12 == 0:
		return long
	case point != "":
		return min(fairLife*time.Duration(1+h.vain[point]), mostLife)
	}
	return short
}

// prefer tells the people what is to be likely.
func (w *ward) prefer(point failpoint.Point) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.favour = point
}

// staged reports whether a point needs more than an illness in passing.
func staged(point failpoint.Point) bool {
	return strings.HasPrefix(string(point), "ipmi-") || strings.HasPrefix(string(point), "merge-")
}

// spareRacks are lost for the points of a merge, each in its turn, so that
// whoever stands in one was well before. Nothing of them is ever ill: power that
// is touched there belongs to nobody's illness.
const spareRacks = 8

// scene arranges the world for a point, and returns what undoes it.
func (h *hunt) scene(point failpoint.Point) (undo func()) {
	if !strings.HasPrefix(string(point), "merge-") {
		return func() {}
	}
	rack := fmt.Sprintf("more-%03d", bedsRacks+1+h.staged%spareRacks)
	h.staged++
	if err := h.lab.BreakRack(rack); err != nil {
		h.t.Fatal(err)
	}
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	h.ledger.sick[rack+"a"] = "ServerUnreachable"
	return func() {
		_ = h.lab.HealRack(rack) // it was there before
		h.ledger.mu.Lock()
		defer h.ledger.mu.Unlock()
		delete(h.ledger.sick, rack+"a")
	}
}

// choose takes one of the points at which the program was killed least, or, as
// those are hard to come by, any.
func (h *hunt) choose() failpoint.Point {
	points := h.theatre.points
	if h.rng.IntN(2) == 0 {
		return points[h.rng.IntN(len(points))]
	}
	least := slices.MinFunc(points, func(p, q failpoint.Point) int { return h.At[string(p)] - h.At[string(q)] })
	var rare []failpoint.Point
	for _, p := range points {
		if h.At[string(p)] == h.At[string(least)] {
			rare = append(rare, p)
		}
	}
	return rare[h.rng.IntN(len(rare))]
}
