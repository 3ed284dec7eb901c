//go:build battery

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
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
	findings
}

func (k *kills) add(other kills) {
	k.Kills += other.Kills
	k.Named += other.Named
	k.Random += other.Random
	k.Restarts += other.Restarts
	for point, n := range other.At {
		k.At[point] += n
	}
	k.findings.add(other.findings)
}

// The real program is killed at every named point and at random moments, while
// servers fall ill, alerts arrive and people answer. Afterwards it is left in
// peace until all is over, and the world is held against the record.
func TestKilledProgramKeepsItsPromises(t *testing.T) {
	want := number(t, "PIKET_KILLS", 200)
	seed := uint64(number(t, "PIKET_SEED", int(rand.Uint32())))
	t.Logf("seed %d (PIKET_SEED=%d runs the same choices again)", seed, seed)
	binary, began := build(t), time.Now()
	result := kills{Seed: seed, At: map[string]int{}, Points: len(failpoint.Points)}
	reached := map[failpoint.Point]bool{}
	var mu sync.Mutex
	t.Run("worlds", func(t *testing.T) {
		for n, world := range theatres() {
			t.Run(world.name, func(t *testing.T) {
				t.Parallel()
				w := newWardAt(t, world.speed, seed+uint64(n), bedsRacks+spareRacks, binary)
				h := &hunt{ward: w, theatre: world}
				h.At = map[string]int{}
				h.run((want*world.share + 99) / 100)
				mu.Lock()
				defer mu.Unlock()
				result.add(h.kills)
				for _, p := range w.reachedPoints(t) {
					reached[p] = true
				}
			})
		}
	})
	result.Seconds, result.Reached = int(time.Since(began).Seconds()), len(reached)
	result.print(t)
	for _, p := range failpoint.Points {
		if !reached[p] {
			t.Errorf("nothing ever reached the point %s", p)
		}
	}
	if result.Power == 0 || result.Sends == result.Power || result.Unknown == 0 || result.Approvals == 0 || result.Duties == 0 {
		t.Errorf("too little happened to prove anything")
	}
}

// recoverTime bounds the time in which all must be over once nobody kills: the
// machine's, and at least what work orders and verifications take in the world.
func (w *ward) recoverTime() time.Duration {
	return max(2*time.Minute, time.Duration(float64(24*time.Minute)/w.speed))
}

// recover lets the program and the people finish, then stops it as an operator
// does.
func (w *ward) recover(t *testing.T) {
	t.Helper()
	_ = w.lab.HealRack(w.gone) // it is in the plan
	w.prefer(nil)
	v := w.start("")
	if !w.ready(10 * time.Second) {
		t.Fatalf("piket does not start any more:\n%s", w.logTail())
	}
	w.thaw()
	ctx, cancel := context.WithTimeout(t.Context(), w.recoverTime())
	defer cancel()
	people := make(chan struct{})
	go func() { defer close(people); w.crowd(ctx, false) }()
	for ctx.Err() == nil && w.busy() != "" {
		pause()
	}
	if busy := w.busy(); busy != "" {
		t.Errorf("not over after %v: %s", w.recoverTime(), busy)
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

// reachedPoints returns the points that lives reached for their first time, in
// the order in which they did.
func (w *ward) reachedPoints(t *testing.T) (reached []failpoint.Point) {
	t.Helper()
	text, err := os.ReadFile(w.reached)
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(text)) {
		reached = append(reached, failpoint.Point(name))
	}
	return reached
}

// print writes the line that .ci/battery collects.
func (k kills) print(t *testing.T) {
	t.Helper()
	line, err := json.Marshal(k)
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
