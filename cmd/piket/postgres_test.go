//go:build battery && e2e

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// outages is what befell the replicas and their database.
type outages struct {
	Seed    uint64  `json:"seed"`
	Server  int     `json:"server_kills"`
	Kills   int     `json:"replica_kills"`
	Pauses  int     `json:"replica_pauses"`
	Cuts    int     `json:"replica_cuts"`
	Median  float64 `json:"takeover_median_seconds"`
	Max     float64 `json:"takeover_max_seconds"`
	Seconds int     `json:"seconds"`
	findings
}

// How long things last: until others have taken over and a little longer, so
// that who comes back finds its work done by others, or so short that nobody
// notices.
const (
	brief    = 2 * time.Second
	longest  = 14 * time.Second
	longer   = 2 * time.Second
	preyTime = 3 * time.Second // for a command to be under way
)

// handful is how many power commands must have gone out for the run to say
// anything about a second one.
const handful = 6

// Three replicas on one PostgreSQL are killed, paused and cut off, and so is
// the server, while servers fall ill, alerts arrive and people answer. Afterwards
// all is left in peace until it is over, and the world is held against the record.
func TestReplicasThatDieKeepTheirPromises(t *testing.T) {
	t.Parallel() // beside the other test of the battery on PostgreSQL: both wait for most of their time
	servers, replicas := number(t, "PIKET_PG_KILLS", 15), number(t, "PIKET_REPLICA_KILLS", 30)
	seed := uint64(number(t, "PIKET_SEED", int(rand.Uint32())))
	t.Logf("seed %d (PIKET_SEED=%d makes the same choices again)", seed, seed)
	f := newTrio(t, seed, 2*bedsRacks, "a", "b", "c")
	for _, p := range f.replicas {
		f.run(p)
	}
	f.allUp(t)
	began, result := time.Now(), outages{Seed: seed}
	ctx, cancel := context.WithCancel(t.Context())
	var crowd sync.WaitGroup
	crowd.Go(func() { f.crowd(ctx, true) })
	var took []time.Duration
	limit := began.Add(time.Duration(servers+replicas) * 15 * time.Second)
	enough := func() bool {
		return result.Server >= servers && result.Kills+result.Pauses >= replicas && f.lab.PowerSends() >= handful
	}
	for !enough() && time.Now().Before(limit) {
		took = append(took, f.strike(&result, servers)...)
	}
	cancel()
	crowd.Wait()
	for _, p := range f.replicas {
		p.cable.set("")
		if p.serves() {
			continue
		}
		p.kill()
		f.run(p)
	}
	f.settleDown(t)
	result.findings = f.judge()
	if slices.Sort(took); len(took) > 0 {
		result.Median, result.Max = took[len(took)/2].Seconds(), took[len(took)-1].Seconds()
	}
	result.Seconds = int(time.Since(began).Seconds())
	line, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("battery postgres %s\n", line)
	for _, fault := range result.Faults {
		t.Error(fault)
	}
	if !enough() || result.Approvals == 0 {
		t.Errorf("too little happened to prove anything: %d power commands", result.Power)
	}
}

// strike lets one thing happen, and returns how long others took to carry on.
func (f *trio) strike(result *outages, servers int) []time.Duration {
	p := f.prey()
	lasts := longest
	if f.rng.IntN(3) == 0 {
		lasts = time.Duration(f.rng.Int64N(int64(brief)))
	}
	defer func() { <-time.After(time.Duration(f.rng.Int64N(int64(time.Second)))) }()
	switch n := f.rng.IntN(10); {
	case n < 4 && result.Server < servers:
		result.Server++
		f.server.Kill(f.t)
		f.server.Start(f.t)
		return nil
	case n == 9:
		result.Cuts++
		p.cable.set([]string{"cut", "blocked"}[f.rng.IntN(2)])
		took := f.without(p, lasts)
		p.cable.set("cut") // who was blocked does not get its old answers
		p.cable.set("")
		return took
	case n < 7:
		result.Kills++
		p.kill()
		took := f.without(p, lasts)
		f.run(p)
		return took
	default:
		result.Pauses++
		p.signal(syscall.SIGSTOP)
		took := f.without(p, lasts)
		p.signal(syscall.SIGCONT)
		return took
	}
}

// prey is somebody who lives: every other time who has a command under way, if
// there is one soon, because that is when an end hurts.
func (f *trio) prey() *peer {
	aimed := f.rng.IntN(2) == 0
	anybody := f.replicas[f.rng.IntN(len(f.replicas))]
	for end := time.Now().Add(preyTime); aimed && time.Now().Before(end); pause() {
		touches, err := f.timeline.Touches(context.Background(), time.Now().Add(-time.Hour))
		if err != nil {
			continue
		}
		for _, touch := range touches {
			if owner, _ := f.owner(touch.Incident); touch.Live() && owner != nil && owner.serves() {
				return owner
			}
		}
	}
	return anybody
}

// without watches for a while how long it takes until nobody waits for p.
func (f *trio) without(p *peer, lasts time.Duration) (took []time.Duration) {
	ids := f.leases(p)
	if len(ids) == 0 {
		lasts = min(lasts, brief)
	}
	began := time.Now()
	for time.Since(began) < lasts {
		if len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool {
			owner, _ := f.owner(id)
			return owner == nil || owner == p
		}) {
			took, ids = append(took, time.Since(began)), nil
			lasts = min(lasts, time.Since(began)+time.Duration(f.rng.Int64N(int64(longer))))
		}
		pause()
	}
	return took
}

// leases lists what a replica has that is not over.
func (f *trio) leases(p *peer) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	work, err := f.timeline.Work(ctx)
	if err != nil {
		return nil
	}
	for _, r := range work.Replicas {
		if owner := f.named(r.Name); owner == p {
			ids, _ := f.timeline.Leases(ctx, r.Name)
			return ids
		}
	}
	return nil
}

// settleDown waits until nothing is under way any more, and ends all.
func (f *trio) settleDown(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	_ = f.lab.HealRack(f.gone) // it is in the plan
	f.thaw()
	var crowd sync.WaitGroup
	crowd.Go(func() { f.crowd(ctx, false) })
	for ctx.Err() == nil && f.busy() != "" {
		pause()
	}
	if busy := f.busy(); busy != "" {
		t.Errorf("not over: %s", busy)
	}
	cancel()
	crowd.Wait()
	for _, p := range f.replicas {
		p.signal(syscall.SIGTERM)
		if !p.victim.dies(20 * time.Second) {
			t.Errorf("%s does not stop when it is told to", p.name)
			p.kill()
		}
	}
}
