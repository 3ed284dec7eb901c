package vantage

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/probes"
)

// HubParts is what a Hub works with. Every field must be set.
type HubParts struct {
	Clock     *clock.Clock
	Vantages  func() []Vantage // asked again and again: who is configured now
	Inventory func() *inventory.Inventory
	Doubtful  func() []string // what the scheduler misses at this moment
	Weigh     func()          // has the scheduler weigh anew what it is not sure of
	Report    func(context.Context, []alerts.Alert) error
	Log       *slog.Logger
}

// Hub is the daemon's side: it knows who may report, and what each last said.
// It is safe for concurrent use. Make one with [NewHub].
//
// The scheduler asks for votes while it holds its own lock, so that nothing of
// the scheduler is called while h.mu is held.
type Hub struct {
	parts HubParts
	bell  *clock.Bell // rings when the configuration may have changed

	mu        sync.Mutex // guards everything below
	list      *List      // nil before the first vantage
	witnesses map[string]*witness
}

// NewHub returns a hub that nobody has reported to.
func NewHub(parts HubParts) *Hub {
	return &Hub{parts: parts, bell: parts.Clock.NewBell(), witnesses: map[string]*witness{}}
}

// Votes counts those who can see and have an opinion of a target of the
// scheduler. It is for [probes.Parts].
func (h *Hub) Votes(key string) probes.Votes {
	now := h.parts.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.votes(key, now)
}

func (h *Hub) votes(key string, now time.Time) (votes probes.Votes) {
	if h.list == nil || !h.list.knows(key) {
		return votes
	}
	for _, w := range h.witnesses {
		switch state := w.state(h.list.Version, now); {
		case state == Expected, state == Behind, state == Lost && now.Sub(w.silentSince()).Abs() < TellAfter:
			votes.Waiting++ // it was there a moment ago, or will be
			continue
		case state != Sees:
			continue
		}
		switch w.opinion(key) {
		case misses:
			votes.Down++
		case hears:
			votes.Up++
		}
	}
	return votes
}

// Lost names the vantages that should report and do not, sorted. One that has
// never reported counts once it had [TellAfter] to do so.
func (h *Hub) Lost() []string {
	var lost []string
	for _, s := range h.Standings() {
		if s.State == Lost {
			lost = append(lost, s.Name)
		}
	}
	return lost
}

// Standings says how each vantage is, sorted by name.
func (h *Hub) Standings() []Standing {
	now := h.parts.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Standing, 0, len(h.witnesses))
	for _, w := range h.witnesses {
		list = append(list, w.standing(h.version(), now))
	}
	slices.SortFunc(list, func(a, b Standing) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (h *Hub) version() string {
	if h.list == nil {
		return ""
	}
	return h.list.Version
}

// Token returns where the token of a vantage lies; false when none has that
// name.
func (h *Hub) Token(name string) (secret.Ref, bool) {
	for _, v := range h.parts.Vantages() {
		if v.Name == name {
			return v.Token, true
		}
	}
	return secret.Ref{}, false
}

// Targets returns the list of what there is to look at now. It is made anew
// when the inventory was replaced, which takes a second for a large one.
func (h *Hub) Targets() *List {
	inv := h.parts.Inventory()
	h.mu.Lock()
	list := h.list
	h.mu.Unlock()
	if list != nil && list.of == inv {
		return list
	}
	list = listOf(inv)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = list
	return list
}

// maxHints bounds what one answer has a vantage look at. In an outage that is
// larger, the rest is looked at when its turn comes.
const maxHints = 1000

// Receive takes the report of a vantage that has shown its token. What it says
// of anything that is not on the list is dropped.
func (h *Hub) Receive(name string, r Report) Answer {
	list := h.Targets()
	h.settle()
	h.book(name, r, list)
	answer := Answer{List: list.Version}
	for _, key := range h.parts.Doubtful() {
		if list.knows(key) && len(answer.LookAt) < maxHints {
			answer.LookAt = append(answer.LookAt, key)
		}
	}
	if len(answer.LookAt) > 0 {
		h.parts.Weigh()
	}
	return answer
}

func (h *Hub) book(name string, r Report, list *List) {
	now := h.parts.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := h.witnesses[name]; ok {
		w.book(r, list, now)
	}
}

// Again has the hub look at its configuration now.
func (h *Hub) Again() { h.bell.Ring() }

// Run notices who stops reporting, and reports that, until ctx ends. Call it
// from a goroutine of the clock. Without any vantage it waits for [Hub.Again].
func (h *Hub) Run(ctx context.Context) {
	for ctx.Err() == nil {
		var next time.Time
		if h.settle() > 0 {
			h.Targets()
			h.tell(ctx)
			next = h.parts.Clock.Now().Add(Interval)
		}
		h.parts.Clock.Wait(ctx, next, h.bell)
	}
}

// settle knows exactly the vantages that are configured now, and returns how
// many. What stands about one that is gone is left to the goal of its incident,
// which asks about the others only.
func (h *Hub) settle() int {
	configured, now := h.parts.Vantages(), h.parts.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	stays := map[string]bool{}
	for _, v := range configured {
		stays[v.Name] = true
		if h.witnesses[v.Name] == nil {
			h.witnesses[v.Name] = &witness{name: v.Name, since: now}
		}
	}
	for name := range h.witnesses {
		if !stays[name] {
			delete(h.witnesses, name)
		}
	}
	return len(h.witnesses)
}

// tell reports who was lost and who is back. What is not taken is offered again
// in the next round, with the same beginning.
func (h *Hub) tell(ctx context.Context) {
	turned, batch := h.turned()
	if len(batch) == 0 {
		return
	}
	if err := h.parts.Report(ctx, batch); err != nil {
		h.parts.Log.Error("report lost vantages; tried again", "alerts", len(batch), "err", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, w := range turned {
		if w.firing = &batch[i]; batch[i].Status == alerts.Resolved {
			w.firing = nil
		}
	}
}

// turned lists whose alert begins or ends now, with the alerts.
func (h *Hub) turned() (turned []*witness, batch []alerts.Alert) {
	now := h.parts.Clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.witnesses {
		if alert := w.alert(now); alert != nil {
			turned, batch = append(turned, w), append(batch, *alert)
		}
	}
	return turned, batch
}
