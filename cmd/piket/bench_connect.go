package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/spinware/piket/probes"
)

// benchAtOnce is how many connections are open at once.
const benchAtOnce = 100

// connectFleet asks a server in another process, so that only the asking is
// measured, by connections.
type connectFleet struct {
	kind    string
	targets []probes.Target
	asked   atomic.Int64 // in the present round
	stop    func()
}

func newConnectFleet(ctx context.Context, f benchFlags) (fleet, error) {
	place := benchPlace{}
	stop := func() {}
	var err error
	if f.server != "" {
		err = json.Unmarshal([]byte(f.server), &place)
	} else {
		place, stop, err = startBenchServer(ctx, f.kind)
	}
	if err != nil {
		return nil, fmt.Errorf("find a server to ask: %w", err)
	}
	dir, err := os.MkdirTemp("", "piket-bench-")
	if err != nil {
		stop()
		return nil, fmt.Errorf("make a directory for the server's certificate: %w", err)
	}
	ca := filepath.Join(dir, "ca.pem")
	fl := &connectFleet{kind: f.kind, stop: sync.OnceFunc(func() {
		stop()
		os.RemoveAll(dir)
	})}
	if err := os.WriteFile(ca, []byte(place.Certificate), 0o600); err != nil {
		fl.stop()
		return nil, fmt.Errorf("write the server's certificate: %w", err)
	}
	if len(place.Addresses) == 0 {
		fl.stop()
		return nil, withHint(fmt.Errorf("the server %q has no addresses", f.server), "give --server what bench server writes")
	}
	fl.aim(f.targets, place, ca)
	return fl, nil
}

// aim spreads the targets over the server's addresses.
func (fl *connectFleet) aim(targets int, place benchPlace, ca string) {
	for i := range targets {
		address := place.Addresses[i%len(place.Addresses)]
		t := probes.Target{Name: address, Address: address}
		if fl.kind == "https" {
			t.URL, t.CAFile = "https://"+address+"/", ca
		}
		fl.targets = append(fl.targets, t)
	}
}

func (fl *connectFleet) round(ctx context.Context, v *verdicts) error {
	fl.asked.Store(0)
	kind := fl.kind
	if kind == "https" {
		kind = "http"
	}
	states := make([]probes.State, len(fl.targets))
	var asking sync.WaitGroup
	for range min(benchAtOnce, len(fl.targets)) {
		asking.Go(func() {
			for i := fl.asked.Add(1) - 1; i < int64(len(states)) && ctx.Err() == nil; i = fl.asked.Add(1) - 1 {
				result := probes.Kinds.Probe(ctx, kind, fl.targets[i])
				if ctx.Err() == nil {
					states[i] = result.State
				}
			}
		})
	}
	asking.Wait()
	for i, state := range states {
		if state != "" {
			v.judge(i, state)
		}
	}
	return nil
}

func (fl *connectFleet) begun() bool       { return fl.asked.Load() > 0 }
func (fl *connectFleet) note(*benchResult) {}
func (fl *connectFleet) close()            { fl.stop() }

// startBenchServer starts this program once more, as the server.
func startBenchServer(ctx context.Context, kind string) (place benchPlace, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return place, nil, fmt.Errorf("find this program's file: %w", err)
	}
	server := exec.CommandContext(ctx, self)
	server.Args = []string{os.Args[0], "bench", "server", kind}
	server.Stderr = os.Stderr
	input, err := server.StdinPipe()
	if err != nil {
		return place, nil, fmt.Errorf("start the server: %w", err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		return place, nil, fmt.Errorf("start the server: %w", err)
	}
	if err := server.Start(); err != nil {
		return place, nil, fmt.Errorf("start the server: %w", err)
	}
	stop = func() {
		input.Close()
		_ = server.Wait() // it ends with its input; how does not matter any more
	}
	if err := json.NewDecoder(output).Decode(&place); err != nil {
		stop()
		return place, nil, fmt.Errorf("read where the server is: %w", err)
	}
	return place, stop, nil
}
