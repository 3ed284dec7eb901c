package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Bounds of live connections.
const (
	maxStreams = 500
	// beat is how often a quiet connection shows that it is alive; proxies cut
	// those that do not.
	beat = 15 * time.Second
	// maxWrite is how long a reader may keep one write waiting before it counts
	// as gone.
	maxWrite = 30 * time.Second
	// settle is how long changes are gathered before they are shown, so that a
	// storm of alerts does not become a storm of pages.
	settle = 200 * time.Millisecond
)

// live is one page that is kept up to date by server-sent events.
type live struct {
	app     *app
	request *http.Request
	w       http.ResponseWriter
	control *http.ResponseController
	sent    map[string]string // panel → what the page shows
}

// stream keeps a page up to date until it goes away. show is called at the
// beginning, after every commit and at every beat; it sends what is new. The
// times here are the machine's own: they are about a connection, not about an
// incident.
func (a *app) stream(w http.ResponseWriter, r *http.Request, show func(*live) error) {
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		w.Header().Set("Retry-After", "30")
		a.complain(w, r, complaint{http.StatusServiceUnavailable, "too many live pages are open", "reload the page now and then instead"})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no") // nginx holds answers back otherwise
	w.WriteHeader(http.StatusOK)
	l := &live{a, r, w, http.NewResponseController(w), map[string]string{}}
	heart := time.NewTicker(beat)
	defer heart.Stop()
	for {
		changed := a.Store.Changed() // taken before looking, so that nothing falls in between
		if err := show(l); err != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-heart.C:
			if !l.stillMay() || l.clock() != nil {
				return
			}
		case <-changed:
			if !gather(r.Context()) {
				return
			}
		}
	}
}

// gather waits a moment for more of the same; false when the page went away.
func gather(ctx context.Context) bool {
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// stillMay reports whether the person is still signed in, as themselves.
func (l *live) stillMay() bool {
	p, ok := l.app.whoAsks(l.request)
	return ok && p.Name == personOf(l.request).Name
}

// clock tells the page what time it is, and shows proxies that the connection
// lives.
func (l *live) clock() error {
	if _, err := fmt.Fprint(l.w, ": beat\n\n"); err != nil {
		return err
	}
	now := map[string]any{"now": l.app.Clock.Now().UnixMilli(), "speed": l.app.Clock.Speed()}
	return l.send("clock", 0, now)
}

// panel sends a part of the page if it is not what the page shows already.
func (l *live) panel(id, html string) error {
	if shown, known := l.sent[id]; known && shown == html {
		return nil
	}
	l.sent[id] = html
	return l.send("panel", 0, map[string]string{"id": id, "html": html})
}

// send writes one event. JSON keeps line breaks out of the data; an id of 0
// leaves the page's position where it is.
func (l *live) send(event string, id int, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		panic("web: an event is plain data and always encodes: " + err.Error())
	}
	place := ""
	if id > 0 {
		place = fmt.Sprintf("id: %d\n", id)
	}
	// Not every connection has deadlines (a test's recorder has none); then the
	// listener's own hold.
	_ = l.control.SetWriteDeadline(time.Now().Add(maxWrite))
	if _, err := fmt.Fprintf(l.w, "event: %s\n%sdata: %s\n\n", event, place, text); err != nil {
		return err
	}
	return l.control.Flush()
}

// incidentStream keeps an incident's page up to date. Lines that the page has
// are not sent again: it names the last, when it opens the stream and, by
// itself, when it comes back.
func (a *app) incidentStream(w http.ResponseWriter, r *http.Request) {
	id, me := r.PathValue("id"), personOf(r)
	first, err := a.history(r.Context(), id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	after := position(r)
	begun := false
	a.stream(w, r, func(l *live) error {
		h, err := a.history(r.Context(), id)
		if err != nil {
			return err
		}
		s := a.setting(me)
		if !begun {
			begun = true
			if err := l.begin(first, s, after); err != nil {
				return err
			}
		}
		for _, e := range h.events {
			if e.Seq <= after {
				continue
			}
			after = e.Seq
			if err := l.send("line", e.Seq, map[string]string{"html": fragment("line", lineOf(e, s.inv))}); err != nil {
				return err
			}
		}
		return l.panels(h, s)
	})
}

// begin tells the time, and takes the panels as shown when the page is no
// older than the incident.
func (l *live) begin(h history, s setting, after int) error {
	if after == h.inc.Version {
		for _, p := range panels {
			l.sent[p.id] = p.render(h, s)
		}
	}
	return l.clock()
}

func (l *live) panels(h history, s setting) error {
	for _, p := range panels {
		if err := l.panel(p.id, p.render(h, s)); err != nil {
			return err
		}
	}
	return nil
}

// position is the last line that a page has: what its connection got before
// it broke, or else what the page was made with.
func position(r *http.Request) int {
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.FormValue("after")} {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 {
			return n
		}
	}
	return 0
}

// boardStream keeps the board up to date.
func (a *app) boardStream(w http.ResponseWriter, r *http.Request) {
	me := personOf(r)
	begun := false
	a.stream(w, r, func(l *live) error {
		if !begun {
			begun = true
			if err := l.clock(); err != nil {
				return err
			}
		}
		s := a.setting(me)
		b, err := a.loadBoard(r.Context(), s)
		if err != nil {
			return err
		}
		if err := l.panel("frozen", fragment("frozen", banner{s.frozen, s.blind, warden.admits(me)})); err != nil {
			return err
		}
		return l.panel("board", fragment("board", b))
	})
}
