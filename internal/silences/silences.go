// Package silences honours what people muted in Alertmanager: whoever silences a
// server's alerts is working on it, or knows about it, and wants no power cut.
//
//	poller := silences.New(clk, log, func() silences.Config { return config.Silences })
//	go poller.Run(ctx)
//	silence, known := poller.Of(server)
//
// A silence that was seen counts until it ends or an Alertmanager says
// otherwise. When none could be asked for a while, nothing is known, and a
// person is asked.
package silences

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
)

// Config says which Alertmanagers to ask, and as whom. Without any, nothing is
// silenced.
type Config struct {
	URL      []string      `yaml:"url"`          // https://alertmanager.example.net, with its prefix if it has one
	Token    secret.Ref    `yaml:"token,secret"` // bearer token, when one is asked for
	CAFile   string        `yaml:"ca_file"`      // who vouches, instead of the system's list
	Interval time.Duration `yaml:"interval"`     // DefaultInterval when 0
}

// DefaultInterval is how often Alertmanagers are asked.
const DefaultInterval = 30 * time.Second

// Stale is how long after its last answer an Alertmanager is still believed to
// have no others.
const Stale = 5 * time.Minute

// Silence is what somebody muted. The zero Silence is none.
type Silence struct {
	ID, By, Comment string
	Ends            time.Time
}

// Poller asks Alertmanagers again and again, and remembers what they said. Make
// one with [New]; its methods are safe for concurrent use.
type Poller struct {
	clock  *clock.Clock
	log    *slog.Logger
	config func() Config
	bell   *clock.Bell

	mu   sync.Mutex
	last map[string]answer // by URL
}

// answer is what one Alertmanager said last. The zero answer is none.
type answer struct {
	at       time.Time
	silences []rule
	failing  bool
}

// New returns a poller that asks nobody until it runs. config is read before
// each round, so that a reload takes effect.
func New(clk *clock.Clock, log *slog.Logger, config func() Config) *Poller {
	return &Poller{clock: clk, log: log, config: config, bell: clk.NewBell(), last: map[string]answer{}}
}

// Run asks until ctx ends. It runs in a goroutine of the poller's clock.
func (p *Poller) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next := p.config().next(p.clock.Now())
		p.Poll(ctx)
		p.clock.Wait(ctx, next, p.bell)
	}
}

// Again begins a round at once: the configuration was read anew.
func (p *Poller) Again() { p.bell.Ring() }

// next is when to ask again; never, while there is nobody to ask.
func (c Config) next(now time.Time) time.Time {
	if len(c.URL) == 0 {
		return time.Time{}
	}
	return now.Add(cmp.Or(c.Interval, DefaultInterval))
}

// Poll asks every Alertmanager once.
func (p *Poller) Poll(ctx context.Context) {
	config := p.config()
	p.forget(config.URL)
	var asked sync.WaitGroup
	for _, url := range config.URL {
		asked.Go(func() {
			found, err := config.ask(ctx, url)
			if ctx.Err() == nil {
				p.note(url, found, err)
			}
		})
	}
	asked.Wait()
}

// forget drops those that are asked no more.
func (p *Poller) forget(urls []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := map[string]answer{}
	for _, url := range urls {
		kept[url] = p.last[url]
	}
	p.last = kept
}

// note keeps an answer. Without one, what was said before stays. The log hears
// of the turn, not of every round.
func (p *Poller) note(url string, found []rule, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.last[url]
	switch {
	case err != nil && !last.failing:
		p.log.Warn("an Alertmanager does not tell its silences", "url", url, "err", err)
	case err == nil && last.failing:
		p.log.Info("an Alertmanager tells its silences again", "url", url)
	}
	last.failing = err != nil
	if err == nil {
		last.at, last.silences = p.clock.Now(), found
	}
	p.last[url] = last
}

// Of returns the silence that an alert about the server's not being reachable
// would meet now, of several the one that ends last; the zero Silence when there
// is none. known is false when no Alertmanager could be asked for longer than
// [Stale]: then the absence of a silence proves nothing.
func (p *Poller) Of(server inventory.Server) (found Silence, known bool) {
	for _, labels := range labelsOf(server, p.ports()) {
		one, ok := p.Silenced(labels)
		if known = ok; one.Ends.After(found.Ends) {
			found = one
		}
	}
	return found, known
}

// Silenced is [Poller.Of] for an alert with these labels.
func (p *Poller) Silenced(labels alerts.Labels) (found Silence, known bool) {
	now := p.clock.Now()
	asked := p.config().URL
	p.mu.Lock()
	defer p.mu.Unlock()
	known = len(asked) == 0
	for _, url := range asked {
		last := p.last[url]
		known = known || !last.at.IsZero() && now.Sub(last.at) <= Stale
		for _, r := range last.silences {
			if r.active(now) && r.matchers.Match(labels) && r.Ends.After(found.Ends) {
				found = r.Silence
			}
		}
	}
	return found, known
}
