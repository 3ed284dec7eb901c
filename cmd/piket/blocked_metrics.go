package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/store"
)

// blockedCollector counts what piket is not doing at the moment of the scrape.
// Only incidents that have moved since the last one are read, so that a scrape
// stays cheap while thousands wait.
type blockedCollector struct {
	store *store.Store

	mu       sync.Mutex
	position int64                 // on the timeline, up to which moved is known
	moved    map[string]bool       // and not yet read: a scrape may run out of time
	known    map[string]standstill // nil before the first scrape
}

// standstill is what one incident counts for.
type standstill struct {
	guard  string // "" when nothing is held back
	asking bool
}

func newBlockedCollector(s *store.Store) *blockedCollector { return &blockedCollector{store: s} }

var (
	blockedDesc = prometheus.NewDesc("piket_blocked", "Incidents in which a guard holds the next step back, by guard.", []string{"guard"}, nil)
	askingDesc  = prometheus.NewDesc("piket_approvals_waiting", "Questions that wait for a yes or no.", nil, nil)
)

func (c *blockedCollector) Describe(ch chan<- *prometheus.Desc) { ch <- blockedDesc; ch <- askingDesc }

func (c *blockedCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	guards, asking, err := c.count(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(blockedDesc, err)
		return
	}
	for guard, n := range guards {
		ch <- prometheus.MustNewConstMetric(blockedDesc, prometheus.GaugeValue, float64(n), guard)
	}
	ch <- prometheus.MustNewConstMetric(askingDesc, prometheus.GaugeValue, float64(asking))
}

func (c *blockedCollector) count(ctx context.Context) (guards map[string]int, asking int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.follow(ctx); err != nil {
		return nil, 0, err
	}
	for id := range c.moved {
		if err := c.read(ctx, id); err != nil {
			return nil, 0, err
		}
		delete(c.moved, id)
	}
	guards = map[string]int{}
	for _, s := range c.known {
		if s.guard != "" {
			guards[s.guard]++
		}
		if s.asking {
			asking++
		}
	}
	return guards, asking, nil
}

// follow finds what has moved; it begins anew where the timeline has become
// shorter.
func (c *blockedCollector) follow(ctx context.Context) error {
	last, err := c.store.Position(ctx)
	if err != nil {
		return err
	}
	if c.known != nil && last >= c.position {
		ids, position, err := c.store.Changes(ctx, c.position)
		if err == nil {
			c.position = position
			for _, id := range ids {
				c.moved[id] = true
			}
		}
		return err
	}
	list, err := c.store.List(ctx, store.Filter{Ongoing: true, Limit: 1_000_000})
	if err != nil {
		return err
	}
	c.position, c.moved, c.known = last, map[string]bool{}, map[string]standstill{}
	for _, m := range list {
		c.moved[m.ID] = true
	}
	return nil
}

func (c *blockedCollector) read(ctx context.Context, id string) error {
	inc, err := c.store.Load(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		delete(c.known, id)
		return nil
	case err != nil:
		return err
	}
	s := standstill{inc.HeldBack().Guard, inc.Asking()}
	if c.known[id] = s; !inc.Ongoing() || s == (standstill{}) {
		delete(c.known, id) // it counts for nothing
	}
	return nil
}
