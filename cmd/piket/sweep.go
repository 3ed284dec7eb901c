package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/sweep"
)

// sweepFlags are what `probe sweep` is told.
type sweepFlags struct{ config, site, rack string }

// A sweep by hand asks so often, and waits so long for each echo.
const (
	sweepRounds  = 3
	sweepTimeout = time.Second
)

func declareSweep(c *cli, group *kingpin.CmdClause) {
	var f sweepFlags
	cmd := c.add(group, "sweep", "Send echoes to every server of the inventory, and say who is silent.",
		func(ctx context.Context, io console) error { return f.run(ctx, io) })
	cmd.Flag("site", "Only servers on this site.").StringVar(&f.site)
	cmd.Flag("rack", "Only servers in this rack.").StringVar(&f.rack)
	cmd.Flag("config.file", "Configuration file, which names the inventory.").Default("piket.yml").StringVar(&f.config)
}

func (f sweepFlags) run(ctx context.Context, io console) error {
	_, inv, err := LoadConfig(f.config)
	if err != nil {
		return withHint(err, "name the configuration with --config.file")
	}
	servers, err := f.pick(inv)
	if err != nil {
		return err
	}
	sweeper, err := sweep.Open(sweep.Options{})
	if err != nil {
		return withHint(err, "run it as root, or allow pinging as the error says")
	}
	defer sweeper.Close()
	asked := askedOf(ctx, servers)
	bar := newProgress(io)
	asked.rounds(ctx, sweeper, bar)
	bar.clear()
	if ctx.Err() != nil {
		return errors.New("sweep: interrupted, so nothing is said of anybody")
	}
	result := asked.result()
	if err := result.print(io); err != nil {
		return err
	}
	return result.verdict()
}

// pick returns the servers that are meant.
func (f sweepFlags) pick(inv *inventory.Inventory) ([]inventory.Server, error) {
	var sites, racks []string
	for _, site := range inv.Sites {
		sites = append(sites, site.Name)
		for _, rack := range site.Racks {
			racks = append(racks, rack.Name)
		}
	}
	if err := errors.Join(known("site", f.site, sites), known("rack", f.rack, racks)); err != nil {
		return nil, err
	}
	servers := slices.DeleteFunc(slices.Clone(inv.Servers), func(s inventory.Server) bool {
		return f.site != "" && s.Site != f.site || f.rack != "" && s.Rack != f.rack
	})
	if len(servers) == 0 {
		return nil, withHint(errors.New("the inventory has no such servers"), "a rack stands on one site; leave one of --site and --rack out")
	}
	return servers, nil
}

// known says what is wrong with a name that was given and is not in the list.
func known(what, name string, names []string) error {
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	hint := "look at its name in the inventory"
	if near, ok := yamlpos.Nearest(name, names); ok {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return withHint(fmt.Errorf("there is no %s %q in the inventory", what, name), hint)
}

// askedServer is one server and what came of its echoes.
type askedServer struct {
	inventory.Server
	addr             netip.Addr // invalid when its name could not be looked up
	answered, silent int
	why              string // the last reason of what was neither
}

// askedServers are all of them, and the round trips of all answers.
type askedServers struct {
	list  []askedServer
	trips []time.Duration
}

func (a *askedServers) rounds(ctx context.Context, sweeper *sweep.Sweeper, bar *progress) {
	var to []netip.Addr
	var whose []int
	for i, s := range a.list {
		if s.addr.IsValid() {
			to, whose = append(to, s.addr), append(whose, i)
		}
	}
	stop := follow(sweeper, bar, sweepRounds*len(to))
	defer stop()
	var echoes []sweep.Echo
	for range sweepRounds {
		echoes = sweeper.Ask(ctx, to, sweepTimeout, echoes)
		for n, e := range echoes {
			a.book(whose[n], e)
		}
	}
}

func (a *askedServers) book(i int, e sweep.Echo) {
	s := &a.list[i]
	switch stateOf(e) {
	case probes.Up:
		s.answered++
		a.trips = append(a.trips, e.RTT)
	case probes.Down:
		s.silent++
	default:
		s.why = "piket itself was not listening"
		if e.Err != nil {
			s.why = "the echo could not be sent: " + e.Err.Error()
		}
	}
}

// redrawn is how often the bar is drawn anew.
const redrawn = 50 * time.Millisecond

// follow moves the bar with what was sent, until it is stopped.
func follow(sweeper *sweep.Sweeper, bar *progress, all int) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(redrawn)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				bar.show(int(sweeper.Stats().Sent), all)
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
