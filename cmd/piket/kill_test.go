//go:build battery

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spinware/piket/internal/failpoint"
)

// kills is how the lives of the program ended.
type kills struct {
	Seed     uint64         `json:"seed"`
	Kills    int            `json:"kills"`
	Named    int            `json:"kills_at_points"`
	Random   int            `json:"kills_at_random"`
	Restarts int            `json:"restarts"`
	Seconds  int            `json:"seconds"`
	Points   int            `json:"points"`
	Reached  int            `json:"points_reached"`
	At       map[string]int `json:"kills_by_point"`
	vain     map[string]int // lives that were to end at a point and did not reach it
	findings
}

// The real program is killed at every named point and at random moments, while
// servers fall ill, alerts arrive and people answer. Afterwards it is left in
// peace until all is over, and the world is held against the record.
func TestKilledProgramKeepsItsPromises(t *testing.T) {
	want := number(t, "PIKET_KILLS", 200)
	seed := uint64(number(t, "PIKET_SEED", int(rand.Uint32())))
	t.Logf("seed %d (PIKET_SEED=%d runs the same choices again)", seed, seed)
	w := newWard(t, seed, bedsRacks, build(t))
	result := kills{Seed: seed, At: map[string]int{}, vain: map[string]int{}, Points: len(failpoint.Points)}
	began := time.Now()

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.crowd(ctx, true) }()
	for limit := began.Add(time.Duration(want) * 6 * time.Second); result.Kills < want || w.unkilled(&result) != ""; {
		if time.Now().After(limit) {
			t.Errorf("after %v there were %d of %d kills, and none at %s", time.Since(began), result.Kills, want, w.unkilled(&result))
			break
		}
		w.live(&result)
	}
	cancel()
	<-ended

	w.recover(t)
	result.findings = w.judge()
	result.Seconds = int(time.Since(began).Seconds())
	result.Reached = len(w.points(t))
	w.print(t, result)
	for _, fault := range result.Faults {
		t.Error(fault)
	}
	if result.Sends == 0 || result.Unknown == 0 || result.Approvals == 0 || result.Duties == 0 {
		t.Errorf("too little happened to prove anything")
	}
}

// unkilled names a point at which the program was never killed, "" when there
// is none.
func (w *ward) unkilled(result *kills) string {
	for _, p := range failpoint.Points {
		if result.At[string(p)] == 0 {
			return string(p)
		}
	}
	return ""
}

// How long a life lasts: most are short; some last long enough for what a
// restart has to wait for (an intent of a life before runs out its time).
const (
	shortLife = time.Second
	fairLife  = 2500 * time.Millisecond // for a point to be reached
	longLife  = 4 * time.Second
	mostLife  = 12 * time.Second // for one that was not reached again and again
)

// onceALife are the points that a life passes once.
var onceALife = []failpoint.Point{failpoint.StoreOpened, failpoint.Serving, failpoint.ShutdownBegun, failpoint.ShutdownDrained}

// live starts the program and sees to it that it is killed.
func (w *ward) live(result *kills) {
	result.Restarts++
	point, visit := failpoint.Point(""), 1
	if w.rng.IntN(3) > 0 {
		point, visit = w.choose(result), 1+w.rng.IntN(3)
	}
	if result.At[string(point)] == 0 || slices.Contains(onceALife, point) {
		visit = 1
	}
	w.mu.Lock()
	w.favour = point
	w.mu.Unlock()
	v := w.start(strings.TrimSuffix(fmt.Sprintf("%s:%d", point, visit), ":1"))
	lasts := time.Duration(w.rng.Int64N(int64(shortLife)))
	switch {
	case strings.HasPrefix(string(point), "shutdown-"):
		w.ready(longLife)
		v.dies(lasts)
		_ = v.cmd.Process.Signal(syscall.SIGTERM)
		lasts = longLife
	case result.Restarts%12 == 0:
		lasts = longLife
	case point != "":
		lasts = min(fairLife*time.Duration(1+result.vain[string(point)]), mostLife)
	}
	if !v.dies(lasts) {
		v.kill()
		result.vain[string(point)]++
		point = ""
	}
	switch {
	case !v.killed():
		w.t.Errorf("piket ended by itself: %v\n%s", v.cmd.ProcessState, w.logTail())
	case point == "":
		result.Random++
		result.Kills++
	default:
		result.At[string(point)]++
		result.Named++
		result.Kills++
	}
}

// choose takes one of the points at which the program was killed least, or, as
// those are hard to come by, any.
func (w *ward) choose(result *kills) failpoint.Point {
	if w.rng.IntN(2) == 0 {
		return failpoint.Points[w.rng.IntN(len(failpoint.Points))]
	}
	var least []failpoint.Point
	for _, p := range failpoint.Points {
		switch {
		case len(least) == 0 || result.At[string(p)] < result.At[string(least[0])]:
			least = []failpoint.Point{p}
		case result.At[string(p)] == result.At[string(least[0])]:
			least = append(least, p)
		}
	}
	return least[w.rng.IntN(len(least))]
}

// recoverTime bounds the time in which all must be over once nobody kills.
const recoverTime = 2 * time.Minute

// recover lets the program and the people finish, then stops it as an operator
// does.
func (w *ward) recover(t *testing.T) {
	t.Helper()
	_ = w.lab.HealRack(goneRack)
	v := w.start("")
	if !w.ready(10 * time.Second) {
		t.Fatalf("piket does not start any more:\n%s", w.logTail())
	}
	w.thaw()
	ctx, cancel := context.WithTimeout(t.Context(), recoverTime)
	defer cancel()
	people := make(chan struct{})
	go func() { defer close(people); w.crowd(ctx, false) }()
	for ctx.Err() == nil && w.busy() != "" {
		pause()
	}
	if busy := w.busy(); busy != "" {
		t.Errorf("not over after %v: %s", recoverTime, busy)
	}
	cancel()
	<-people
	_ = v.cmd.Process.Signal(syscall.SIGTERM)
	if !v.dies(20 * time.Second) {
		t.Error("piket does not stop when it is told to")
		v.kill()
	}
	if code := v.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("piket ended with %d\n%s", code, w.logTail())
	}
}

// busy says what is still under way, "" when nothing is.
func (w *ward) busy() string {
	var list struct {
		Incidents []struct{ ID, Subject, Status string }
	}
	if status, said := w.ask("GET", "/api/incidents?ongoing=true", "noor", nil, &list); status != 200 {
		return "piket does not answer: " + said
	}
	for _, m := range list.Incidents {
		if !unmatched(m.Subject) {
			var s json.RawMessage
			w.ask("GET", "/api/incidents/"+m.ID, "noor", nil, &s)
			return fmt.Sprintf("%s of %s is %s: %.600s", m.ID, m.Subject, m.Status, s)
		}
	}
	return w.undelivered()
}

// undelivered names a message that has not reached its people.
func (w *ward) undelivered() string {
	var list struct{ Incidents []struct{ ID string } }
	w.ask("GET", "/api/incidents", "noor", nil, &list)
	queued, done := map[string]bool{}, map[string]bool{}
	for _, m := range list.Incidents[:min(len(list.Incidents), 40)] { // the newest: what is older had its time
		var s struct {
			Events []struct {
				Type string
				Data struct{ Message string }
			}
		}
		w.ask("GET", "/api/incidents/"+m.ID, "noor", nil, &s)
		for _, e := range s.Events {
			queued[e.Data.Message] = queued[e.Data.Message] || e.Type == "message"
			done[e.Data.Message] = done[e.Data.Message] || e.Type == "delivered"
		}
	}
	for message, is := range queued {
		if is && !done[message] {
			return message + " is not delivered"
		}
	}
	return ""
}

// points returns the points that were reached in any life.
func (w *ward) points(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(w.reached)
	if err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	for name := range strings.FieldsSeq(string(text)) {
		reached[name] = true
	}
	for _, p := range failpoint.Points {
		if !reached[string(p)] {
			t.Errorf("nothing ever reached the point %s", p)
		}
	}
	return reached
}

// print writes the line that .ci/battery collects.
func (w *ward) print(t *testing.T, result kills) {
	t.Helper()
	line, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("battery kill %s\n", line)
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, not a number of at least 1", name, text)
	}
	return n
}
