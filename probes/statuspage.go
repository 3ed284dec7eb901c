package probes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spinware/piket/probes/statuspage"
)

// StatusPage reads the page of a provider at t.URL, in any format of package
// statuspage. Up means that the page could be read, whatever it says, and
// everything else is Unknown: a page that cannot be read is neither an outage
// nor its absence, so it is never Down. Its facts are what is announced and in
// force: incident (trouble or work), indicator, title, maintenance, until and
// information.
//
// A look from a rack asks first for the components that stand for it, then for
// the site's own; what is announced for other racks only is not its trouble.
// StatusPage remembers nothing between two looks: use a [StatusPages] for more
// than one.
func StatusPage(ctx context.Context, t Target) Result { return NewStatusPages().Probe(ctx, t) }

// Probe is [StatusPage] with a memory: where a page was found, and what it said
// if it has not changed since.
func (s *StatusPages) Probe(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	client, err := t.pageClient()
	if err != nil {
		return unknown("%v", err)
	}
	page, at, err := s.read(ctx, client, t)
	if err != nil {
		return t.unreadable(ctx, err)
	}
	said, err := t.announced(page)
	if err != nil {
		return unknown("%v", err)
	}
	result := up("the page announces %s", said)
	result.Facts = factsOf(said)
	result.note("GET %s: format %s, %d components, %d events", at, page.Format, len(page.Components), len(page.Events))
	for _, e := range page.Events[:min(len(page.Events), maxEventsShown)] {
		result.note("%s", eventLine(e))
	}
	return result
}

// maxEventsShown bounds the evidence; what is in force is in the reason.
const maxEventsShown = 5

func factsOf(said statuspage.Announcement) map[string]any {
	return map[string]any{
		"incident": said.Incident, "indicator": said.Indicator, "title": said.Title,
		"maintenance": said.Maintenance, "until": timeText(said.Until), "information": said.Information,
	}
}

// timeText is "" for a time that is not known.
func timeText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func eventLine(e statuspage.Event) string {
	line := fmt.Sprintf("%s: %s", e.Kind, e.Title)
	if e.State != "" {
		line += ", " + e.State
	}
	if !e.Starts.IsZero() {
		line += ", from " + timeText(e.Starts)
	}
	if !e.Ends.IsZero() {
		line += ", until " + timeText(e.Ends)
	}
	return line
}

// announced adds up what the page says for t.
func (t Target) announced(page statuspage.Page) (statuspage.Announcement, error) {
	own, others := t.rackComponents()
	if len(own) > 0 {
		said, err := page.About(statuspage.Query{Names: own})
		if err != nil || said.Incident {
			return said, err
		}
	}
	if t.Component != "" {
		return t.checkNames(page, statuspage.Query{Names: []string{t.Component}})
	}
	if t.Rack == "" {
		return t.checkNames(page, statuspage.Query{})
	}
	return page.About(statuspage.Query{Except: others})
}

// checkNames makes the look at the whole site find components that are misspelt
// for racks: the first look from a rack may be years away, and at night.
func (t Target) checkNames(page statuspage.Page, q statuspage.Query) (statuspage.Announcement, error) {
	if t.Rack == "" && len(t.Components) > 0 {
		all := slices.Sorted(maps.Keys(t.Components))
		if _, err := page.About(statuspage.Query{Names: all}); errors.Is(err, statuspage.ErrComponent) {
			return statuspage.Announcement{}, err
		}
	}
	return page.About(q)
}

// rackComponents returns the components that stand for t's rack, and those that
// stand for other racks only.
func (t Target) rackComponents() (own, others []string) {
	for _, component := range slices.Sorted(maps.Keys(t.Components)) {
		if slices.Contains(t.Components[component], t.Rack) {
			own = append(own, component)
		} else {
			others = append(others, component)
		}
	}
	return own, others
}

// Announced judges not the page but what it says: Down while it announces
// trouble, Up while it announces none, and Unknown when it could not be read.
// page and facts are of a [StatusPage] result.
func Announced(page State, facts map[string]any) State {
	incident, ok := facts["incident"].(bool)
	switch {
	case page != Up || !ok:
		return Unknown
	case incident:
		return Down
	}
	return Up
}
