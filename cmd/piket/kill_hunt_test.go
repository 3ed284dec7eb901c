//go:build battery

package main

import (
	"context"
	"fmt"
	"os"
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
	share  int // percent of the kills
	points []failpoint.Point
}

// onTheWire are the points of a send and of what precedes it, overIPMI those of
// the one driver that starts a process for every command. A plan holds for 30 s:
// where time runs fast a busy machine does not come so far.
var onTheWire = []failpoint.Point{
	failpoint.SendPlanned, failpoint.DutyPlanned, failpoint.SendClaimed, failpoint.SendJournaled, failpoint.SendSessionOpen,
	failpoint.SendIdentified, failpoint.RedfishBeforeSend, failpoint.RedfishSent,
	failpoint.SSHBeforeSend, failpoint.SSHSent, failpoint.SendAnswered, failpoint.SendRecorded,
	failpoint.ApprovalJudged, failpoint.MergeReported, failpoint.MergeAbsorbed,
}

var overIPMI = []failpoint.Point{failpoint.IPMIBeforeSend, failpoint.IPMISent}

// theatres run beside each other: most of a life is waiting.
func theatres() []theatre {
	special := slices.Concat(onTheWire, overIPMI)
	others := slices.DeleteFunc(slices.Clone(failpoint.Points), func(p failpoint.Point) bool { return slices.Contains(special, p) })
	return []theatre{
		{"over IPMI", wardSpeed / 5, 5, overIPMI},
		{"on the wire", wardSpeed / 2, 35, onTheWire},
		{"elsewhere", wardSpeed, 60, others},
	}
}

// hunt kills the program in one theatre.
type hunt struct {
	*ward
	theatre
	kills
	vain  int // lives in a row that were to end at a point and reached none
	racks int // that were lost for a point
}

// A hunt is bounded by the number of its kills, with room for the points that are
// hard to reach.
const (
	perKill  = 4 * time.Second
	hardOnes = 4 * time.Minute
)

// run kills the program often enough and at each of the theatre's points, then
// lets it recover and judges.
func (h *hunt) run(want int) {
	h.aside = []string{"db-02", "mail-01"} // which speak IPMI
	h.ledger.begin()
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.crowd(ctx, true) }()
	for limit := time.Now().Add(hardOnes + time.Duration(want)*perKill); h.Kills < want || h.unkilled() != ""; {
		if time.Now().After(limit) {
			say := h.t.Errorf
			if h.Kills >= want && os.Getenv("BATTERY") != "long" {
				say = h.t.Logf // a busy machine comes late to the points that are hard to reach; what was killed is judged all the same
			}
			say("in all the time there were %d of %d kills, and none at %q", h.Kills, want, h.unkilled())
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
	mostLife  = 12 * time.Second        // when none was reached again and again
	sceneLife = 25 * time.Second        // for a point for which the world is arranged
	waitedOut = 80 * time.Second        // in the world: longer than an intent of a life before
)

// live starts the program and sees to it that it is killed: at the first of some
// points that it reaches, or after a while.
func (h *hunt) live() {
	h.Restarts++
	var deadly []failpoint.Point
	visit := ""
	switch h.rng.IntN(6) {
	case 0, 1:
	case 2:
		deadly = []failpoint.Point{h.theatre.points[h.rng.IntN(len(h.theatre.points))]}
		if !slices.Contains(onceALife, deadly[0]) && !staged(deadly) {
			visit = fmt.Sprintf(":%d", 1+h.rng.IntN(3))
		}
	default:
		deadly = h.next()
	}
	h.prefer(deadly)
	defer h.scene(deadly)()
	v := h.start(joined(deadly) + visit)
	if v.dies(h.span(v, deadly)) {
		h.vain = 0
	} else {
		v.kill()
		h.vain++
		deadly = nil
	}
	switch {
	case !v.killed():
		h.t.Errorf("piket ended by itself: %v\n%s", v.cmd.ProcessState, h.logTail())
		return
	case len(deadly) == 0:
		h.Random++
	case len(deadly) == 1:
		h.At[string(deadly[0])]++
		h.Named++
	default:
		h.At[h.lastReached()]++
		h.Named++
	}
	h.Kills++
}

// joined writes points as the program wants them.
func joined(points []failpoint.Point) string {
	names := make([]string, len(points))
	for n, p := range points {
		names[n] = string(p)
	}
	return strings.Join(names, ",")
}

// lastReached is the point that was reached last for the first time, which is
// where a life ended that was to end at the first visit of any.
func (h *hunt) lastReached() string {
	points := h.reachedPoints(h.t)
	return string(points[len(points)-1])
}

// span is how long a life may last, and tells it to stop when it is to die of
// that.
func (h *hunt) span(v *victim, deadly []failpoint.Point) time.Duration {
	long := time.Duration(float64(waitedOut) / h.theatre.speed)
	short := time.Duration(h.rng.Int64N(int64(shortLife)))
	switch {
	case holdsAny(deadly, "shutdown-"):
		h.ready(long)
		v.dies(short)
		_ = v.cmd.Process.Signal(syscall.SIGTERM)
		return long
	case staged(deadly):
		return sceneLife
	case h.Restarts%12 == 0:
		return long
	case len(deadly) > 0:
		return min(fairLife*time.Duration(1+h.vain), mostLife)
	}
	return short
}

// prefer tells the people what is to be likely.
func (w *ward) prefer(points []failpoint.Point) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.favour = points
}

// onceALife are the points that a life passes once.
var onceALife = []failpoint.Point{failpoint.StoreOpened, failpoint.Serving, failpoint.ShutdownBegun, failpoint.ShutdownDrained}

// atOnce is at how many points a life may end when there was one at each: the
// first of all that are left would nearly always be the same.
const atOnce = 3

// next are the points at one of which a life is to end: all at which none did,
// and afterwards some. Those for which the world has to be arranged, and those of
// a shutdown, which an operator brings about, are by themselves: the others would
// always come first.
func (h *hunt) next() []failpoint.Point {
	var common, scenes, stops []failpoint.Point
	all := h.unkilled() == ""
	for _, n := range h.rng.Perm(len(h.theatre.points)) {
		p := h.theatre.points[n]
		switch {
		case all && len(common) == atOnce, !all && h.At[string(p)] > 0:
		case staged([]failpoint.Point{p}):
			scenes = append(scenes, p)
		case strings.HasPrefix(string(p), "shutdown-"):
			stops = append(stops, p)
		default:
			common = append(common, p)
		}
	}
	for _, list := range [][]failpoint.Point{common, scenes} {
		if len(list) > 0 {
			return list
		}
	}
	return stops[:1]
}

// staged reports whether points need more than an illness in passing.
func staged(points []failpoint.Point) bool {
	return holdsAny(points, "ipmi-") || holdsAny(points, "merge-")
}

// spareRacks are lost for the points of a merge, each in its turn, so that
// whoever stands in one was well before. Nothing of them is ever ill: power that
// is touched there belongs to nobody's illness.
const spareRacks = 8

// scene arranges the world for points, and returns what undoes it.
func (h *hunt) scene(points []failpoint.Point) (undo func()) {
	if !holdsAny(points, "merge-") {
		return func() {}
	}
	rack := fmt.Sprintf("more-%03d", bedsRacks+1+h.racks%spareRacks)
	h.racks++
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
