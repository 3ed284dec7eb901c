package probes

import (
	"context"
	"sync"
	"time"
)

// Heartbeats remembers who called. A backup, a cron job or a batch cannot be
// asked whether it is well: it calls when it is, and its silence is the alarm.
// It is safe for concurrent use; make one with [NewHeartbeats].
type Heartbeats struct {
	now func() time.Time

	mu     sync.Mutex
	pulses map[string]*pulse
}

// pulse is what is known of one caller.
type pulse struct {
	called time.Time // last; zero before the first call
	since  time.Time // since when piket has listened without a break
	looked time.Time // last
}

// NewHeartbeats returns one that nobody has called yet. now is the clock of
// the program.
func NewHeartbeats(now func() time.Time) *Heartbeats {
	return &Heartbeats{now: now, pulses: map[string]*pulse{}}
}

// HeartbeatKey names what calls: a service of a server.
func HeartbeatKey(server, service string) string { return server + "/" + service }

// Beat notes a call. Whether the caller may call has been judged before: every
// key is kept for good.
func (h *Heartbeats) Beat(key string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pulse(key, now).called = now
}

// Probe implements [Prober] for heartbeats. Up is a call within t.Every and
// some grace: a tenth of it, and half a minute at least. Down is the silence of
// a caller whom piket has listened for all that time. Everything else is
// Unknown: after a start of piket, and when piket itself did not look for so
// long that a call could have been missed. Its fact is silent_seconds.
func (h *Heartbeats) Probe(_ context.Context, t Target) Result {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.pulse(t.Key, now)
	due := t.Every + max(t.Every/10, minGrace)
	if now.Sub(p.looked) > due {
		p.since = now
	}
	p.looked = now
	return p.judge(now, t.Every, due)
}

// minGrace is what a caller gets for its own start and for the way.
const minGrace = 30 * time.Second

// pulse returns what is known of key; something, from now on.
func (h *Heartbeats) pulse(key string, now time.Time) *pulse {
	p, ok := h.pulses[key]
	if !ok {
		p = &pulse{since: now, looked: now}
		h.pulses[key] = p
	}
	return p
}

func (p *pulse) judge(now time.Time, every, due time.Duration) Result {
	result := p.verdict(now, every, due)
	if p.called.IsZero() {
		result.note("no call since piket began to listen at %s", p.since.UTC().Format(time.RFC3339))
		return result
	}
	result.note("last call at %s", p.called.UTC().Format(time.RFC3339))
	result.Facts = map[string]any{"silent_seconds": int(now.Sub(p.called).Seconds())}
	return result
}

func (p *pulse) verdict(now time.Time, every, due time.Duration) Result {
	listened, silent := now.Sub(p.since), now.Sub(p.called)
	switch {
	case !p.called.IsZero() && silent <= due:
		return up("called %v ago, as it should every %v", silent.Round(time.Second), every)
	case listened <= due:
		return unknown("no call in the %v that piket has listened; one is due within %v", listened.Round(time.Second), due)
	case p.called.IsZero():
		return down("has not called for %v, and should every %v", listened.Round(time.Second), every)
	}
	return down("has not called for %v, and should every %v", silent.Round(time.Second), every)
}
