package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/sweep"
)

// mayPing reports whether this machine lets the test ping, which the suite's
// machine must.
func mayPing(t *testing.T) bool {
	t.Helper()
	s, err := sweep.Open(sweep.Options{})
	if err == nil {
		s.Close()
		return true
	}
	if !errors.Is(err, fs.ErrPermission) || os.Getenv("PIKET_REQUIRE_PEERS") == "1" {
		t.Fatal(err)
	}
	return false
}

func TestBenchmarkOfEchoesOrHowToAllowThem(t *testing.T) {
	var out, errs bytes.Buffer
	status := run([]string{"bench", "probes", "--targets", "3000", "--output", "json"}, &out, &errs)
	if !mayPing(t) {
		if status != 1 || !strings.Contains(errs.String(), "ping_group_range") || !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("without leave to ping: status %d, %s", status, &errs)
		}
		return
	}
	if status != 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	var r benchResult
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Targets != 3000 || r.Rounds != benchRounds || r.Asked != 3000*benchRounds || r.Lost != 0 || r.FalseDown != 0 {
		t.Errorf("got %+v", r)
	}
	if r.RatePerSecond < 1000 || r.CPUMicros <= 0 || r.BytesPerTarget < 50 || r.BytesPerTarget > 1000 {
		t.Errorf("these cannot be: %+v", r)
	}
	if r.RTTErrorP50 == nil || *r.RTTErrorP50 > *r.RTTErrorP99 {
		t.Errorf("errors of the round trip are %v and %v", r.RTTErrorP50, r.RTTErrorP99)
	}
}

// A fleet that takes its time, or loses some of its answers.
type slowFleet struct {
	time    time.Duration
	answers func(round, index int) probes.State
	rounds  int
}

func (fl *slowFleet) round(ctx context.Context, v *verdicts) error {
	waitUntil(ctx, time.Now().Add(fl.time))
	for i := range v.targets {
		if ctx.Err() == nil {
			v.judge(i, fl.answers(fl.rounds, i))
		}
	}
	fl.rounds++
	return nil
}

func (fl *slowFleet) begun() bool       { return true }
func (fl *slowFleet) note(*benchResult) {}
func (fl *slowFleet) close()            {}

func TestPacedRoundsKeepTheirIntervalAndSayWhenTheyAreLate(t *testing.T) {
	f := benchFlags{targets: 10, interval: 50 * time.Millisecond, length: 250 * time.Millisecond}
	well := func(int, int) probes.State { return probes.Up }
	began := time.Now()
	r, err := f.measure(t.Context(), &slowFleet{answers: well}, 0, &progress{})
	if err != nil || r.Rounds != 5 || r.Asked != 50 || time.Since(began) < 200*time.Millisecond {
		t.Errorf("after %v: %+v, %v", time.Since(began), r, err)
	}
	r, err = f.measure(t.Context(), &slowFleet{answers: well, time: 80 * time.Millisecond}, 0, &progress{})
	if err != nil || r.LateMillis < 100 {
		t.Errorf("rounds of 80 ms every 50 ms: %+v, %v", r, err)
	}
}

func TestWhatIsNotHeardCountsAsLostAndFiveInARowAsFalselyDown(t *testing.T) {
	f := benchFlags{targets: 4, rounds: 10}
	fl := &slowFleet{answers: func(round, index int) probes.State {
		switch {
		case index == 1 && round%2 == 0, index == 2:
			return probes.Down
		case index == 3:
			return probes.Unknown
		}
		return probes.Up
	}}
	r, err := f.measure(t.Context(), fl, 0, &progress{})
	if err != nil || r.Lost != 15 || r.Unknown != 10 || r.FalseDown != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestAnInterruptedBenchmarkIsAnError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fl := &slowFleet{answers: func(round, _ int) probes.State {
		if round == 2 {
			cancel()
		}
		return probes.Up
	}}
	if _, err := (benchFlags{targets: 3}).measure(ctx, fl, 0, &progress{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
