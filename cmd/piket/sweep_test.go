package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes/sweep"
)

// Three echoes and what is said of the server.
func TestASweepTellsSilenceFromOurOwnTrouble(t *testing.T) {
	yes, no := sweep.Echo{Outcome: sweep.Answered, RTT: time.Millisecond}, sweep.Echo{Outcome: sweep.Silent}
	refused := sweep.Echo{Outcome: sweep.Unreachable, Err: syscall.EHOSTUNREACH}
	deaf, unsent := sweep.Echo{Outcome: sweep.Doubtful}, sweep.Echo{Outcome: sweep.Unasked, Err: syscall.ENOBUFS}
	cases := []struct {
		name   string
		echoes []sweep.Echo
		want   string
		wrong  string
	}{
		{"well", []sweep.Echo{yes, yes, yes}, "1 of 1 server answer every echo; 0.0 % of the echoes are lost; round trip 1ms in the median, 1ms at p99", ""},
		{"silent", []sweep.Echo{no, no, no}, "web-01 (192.0.2.1, a1, ams1): down, no reply to 3 echoes", "1 server is silent"},
		{"unreachable", []sweep.Echo{refused, refused, no}, "down, no reply to 3 echoes", "1 server is silent"},
		{"lossy", []sweep.Echo{yes, no, yes}, "up, answered 2 of 3 echoes", ""},
		{"silent as far as is known", []sweep.Echo{deaf, no, unsent}, "down, no reply to 1 echo", "1 server is silent"},
		{"deaf", []sweep.Echo{deaf, deaf, deaf}, "unknown, piket itself was not listening", "of 1 server nothing is known"},
		{"unsent", []sweep.Echo{unsent, unsent, unsent}, "unknown, the echo could not be sent: no buffer space available", "of 1 server nothing is known"},
		{"deaf once", []sweep.Echo{yes, deaf, yes}, "up, piket itself was not listening", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := askedOf(t.Context(), []inventory.Server{{Name: "web-01", Address: "192.0.2.1", Site: "ams1", Rack: "a1"}})
			for _, e := range c.echoes {
				a.book(0, e)
			}
			result := a.result()
			var out strings.Builder
			if err := result.print(console{out: &out}); err != nil || !strings.Contains(out.String(), c.want) {
				t.Errorf("printed %q (%v), want %q", out.String(), err, c.want)
			}
			wrong := ""
			if err := result.verdict(); err != nil {
				wrong = err.Error()
			}
			if wrong != c.wrong {
				t.Errorf("it ends with %q, want %q", wrong, c.wrong)
			}
		})
	}
}

func TestSweepCountersPassTheLinter(t *testing.T) {
	c := sweepCollector{func() sweep.Stats { return sweep.Stats{Sent: 7, Dropped: 2} }}
	want := `
# HELP piket_sweep_dropped_total Packets that the sockets had no room for.
# TYPE piket_sweep_dropped_total counter
piket_sweep_dropped_total 2
# HELP piket_sweep_sent_total Echoes that the kernel took.
# TYPE piket_sweep_sent_total counter
piket_sweep_sent_total 7
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "piket_sweep_sent_total", "piket_sweep_dropped_total"); err != nil {
		t.Error(err)
	}
	for _, known := range []bool{true, false} {
		problems, err := testutil.CollectAndLint(sightCollector{func() (bool, bool) { return true, known }})
		if err != nil || len(problems) > 0 {
			t.Errorf("%v %v", problems, err)
		}
	}
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
