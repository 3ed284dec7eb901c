package main

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/spinware/piket/internal/store"
)

// blockedCollector counts what piket is not doing at the moment of the scrape.
// Only incidents that have moved since the last one are read again, so that a
// scrape stays cheap while thousands wait.
type blockedCollector struct {
	store *store.Store

	mu    sync.Mutex
	known map[string]standstill // what was read before, also by a scrape that ran out of time
}

// standstill is what one incident counts for, at one of its versions.
type standstill struct {
	version int
	guard   string // "" when nothing is held back
	asking  bool
}

func newBlockedCollector(s *store.Store) *blockedCollector {
	return &blockedCollector{store: s, known: map[string]standstill{}}
}

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
	list, err := c.store.List(ctx, store.Filter{Ongoing: true, Limit: 1_000_000})
	if err != nil {
		return nil, 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ongoing := map[string]bool{}
	guards = map[string]int{}
	for _, m := range list {
		s, err := c.read(ctx, m)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		ongoing[m.ID], c.known[m.ID] = true, s
		if s.guard != "" {
			guards[s.guard]++
		}
		if s.asking {
			asking++
		}
	}
	maps.DeleteFunc(c.known, func(id string, _ standstill) bool { return !ongoing[id] })
	return guards, asking, nil
}

func (c *blockedCollector) read(ctx context.Context, m store.Summary) (standstill, error) {
	if s, ok := c.known[m.ID]; ok && s.version == m.Version {
		return s, nil
	}
	inc, err := c.store.Load(ctx, m.ID)
	if err != nil {
		return standstill{}, err
	}
	return standstill{inc.Version, inc.HeldBack().Guard, inc.Asking()}, nil
}
