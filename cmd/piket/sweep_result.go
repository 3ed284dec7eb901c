package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// sweepResult is what is printed.
type sweepResult struct {
	Servers     int           `json:"servers"`
	Rounds      int           `json:"rounds"`
	Answer      int           `json:"answer"` // servers that answered every echo
	LossPercent float64       `json:"loss_percent"`
	RTTP50      *float64      `json:"rtt_us_p50"` // null when nobody answered
	RTTP99      *float64      `json:"rtt_us_p99"`
	NotWell     []sweptServer `json:"not_well"` // in the order of the inventory
	silent      int
	unknown     int
}

// sweptServer is a server that did not answer every echo. It is up all the same
// when it answered one.
type sweptServer struct {
	Server   string       `json:"server"`
	Address  string       `json:"address"`
	Site     string       `json:"site,omitempty"`
	Rack     string       `json:"rack,omitempty"`
	State    probes.State `json:"state"`
	Reason   string       `json:"reason"`
	Answered int          `json:"answered"`
	Lost     int          `json:"lost"`
}

func (a *askedServers) result() sweepResult {
	r := sweepResult{Servers: len(a.list), Rounds: sweepRounds, NotWell: []sweptServer{}}
	answered, lost := 0, 0
	for _, s := range a.list {
		answered, lost = answered+s.answered, lost+s.silent
		if s.answered == sweepRounds {
			r.Answer++
			continue
		}
		r.add(s)
	}
	if answered+lost > 0 {
		r.LossPercent = 100 * float64(lost) / float64(answered+lost)
	}
	r.RTTP50, r.RTTP99 = percentile(a.trips, 0.5), percentile(a.trips, 0.99)
	return r
}

// add notes a server that did not answer every echo.
func (r *sweepResult) add(s askedServer) {
	w := sweptServer{
		Server: s.Name, Address: s.Address, Site: s.Site, Rack: s.Rack, Answered: s.answered, Lost: s.silent, Reason: s.why,
	}
	switch {
	case s.answered > 0:
		w.State = probes.Up
		if s.silent > 0 {
			w.Reason = fmt.Sprintf("answered %d of %d echoes", s.answered, s.answered+s.silent)
		}
	case s.silent > 0:
		w.State, w.Reason = probes.Down, fmt.Sprintf("no reply to %s", count(s.silent, "echo", "echoes"))
		r.silent++
	default:
		w.State = probes.Unknown
		r.unknown++
	}
	r.NotWell = append(r.NotWell, w)
}

func (r sweepResult) print(io console) error {
	if io.json {
		return json.NewEncoder(io.out).Encode(r)
	}
	for _, s := range r.NotWell {
		place := s.Site
		if s.Rack != "" {
			place = s.Rack + ", " + s.Site
		}
		fmt.Fprintf(io.out, "%s (%s, %s): %s, %s\n", s.Server, s.Address, place, s.State, s.Reason)
	}
	fmt.Fprintf(io.out, "%d of %s answer every echo; %.1f %% of the echoes are lost", r.Answer, count(r.Servers, "server", "servers"), r.LossPercent)
	if r.RTTP50 != nil {
		fmt.Fprintf(io.out, "; round trip %v in the median, %v at p99", micros(*r.RTTP50), micros(*r.RTTP99))
	}
	_, err := fmt.Fprintln(io.out)
	return err
}

func micros(v float64) time.Duration {
	return time.Duration(v * float64(time.Microsecond)).Round(time.Microsecond)
}

// verdict makes who is silent, or not known, the exit status.
func (r sweepResult) verdict() error {
	switch {
	case r.silent > 0:
		return fmt.Errorf("%s silent", count(r.silent, "server is", "servers are"))
	case r.unknown > 0:
		return fmt.Errorf("of %s nothing is known", count(r.unknown, "server", "servers"))
	}
	return nil
}

// maxLookups bounds the names that are looked up at once.
const maxLookups = 32

// askedOf finds the address of every server. One whose name cannot be looked up
// is not asked, and that is no silence.
func askedOf(ctx context.Context, servers []inventory.Server) *askedServers {
	a := &askedServers{list: make([]askedServer, len(servers))}
	var looking sync.WaitGroup
	places := make(chan struct{}, maxLookups)
	for i, server := range servers {
		s := &a.list[i]
		s.Server = server
		var err error
		if s.addr, err = netip.ParseAddr(server.Address); err == nil {
			continue
		}
		places <- struct{}{}
		looking.Go(func() {
			defer func() { <-places }()
			s.addr, s.why = lookUp(ctx, server.Address)
		})
	}
	looking.Wait()
	return a
}

// lookUp returns the first address of a name, or why there is none.
func lookUp(ctx context.Context, name string) (netip.Addr, string) {
	ctx, cancel := context.WithTimeout(ctx, probes.DefaultTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil || len(found) == 0 {
		return netip.Addr{}, fmt.Sprintf("%s cannot be looked up: %v", name, err)
	}
	return found[0].Unmap(), ""
}
