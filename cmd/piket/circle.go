package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
)

// circle is the half of a story that people play around the machines' part:
// from the customer's call to the last action item. A nil circle is that of a
// story about machines: monitoring reports, and nobody looks back.
type circle struct {
	report map[string]any // what support writes down while the customer is on the line
	calls  string         // who telephones customers
	closes string         // who closes the incident
	after  []step         // what is said once it is closed, in this order
	points []policyPoint  // what must have been shown at the end
}

// step is one thing that is said of a closed incident.
type step struct {
	after time.Duration // the closing
	until incident.Kind // which event says that it was done
	say   func(*incident.Incident) errand
}

// Who tells and closes in a story that names nobody for it.
const (
	usualCaller = "sem"
	usualCloser = "noor"
)

func (c *circle) caller() string {
	if c == nil {
		return usualCaller
	}
	return c.calls
}

func (c *circle) closer() string {
	if c == nil {
		return usualCloser
	}
	return c.closes
}

// begin has support report what the customer tells, before any machine has
// noticed.
func (c *circle) begin(ctx context.Context, d *demo) error {
	if c == nil {
		return nil
	}
	return d.say(ctx, usualCaller, "/api/incidents", c.report)
}

// errands lists what there is to say of an incident that has ended.
func (c *circle) errands(inc *incident.Incident) []errand {
	if c == nil || inc.Status != incident.Finished {
		return nil
	}
	for _, s := range c.after {
		if done(inc, s.until) {
			continue
		}
		e := s.say(inc)
		e.at = inc.ClosedAt.Add(s.after)
		return []errand{e}
	}
	return nil
}

// round reports whether everything has been said of an incident.
func (c *circle) round(inc *incident.Incident) bool {
	return c == nil || inc.Status == incident.Joined || len(c.errands(inc)) == 0 && inc.Status == incident.Finished
}

// done reports whether an event of a kind that is said after closing is on the
// record.
func done(inc *incident.Incident, kind incident.Kind) bool {
	switch kind {
	case "feedback":
		return inc.Confirmation != nil && len(inc.Confirmation.Feedback) > 0
	case "review_written":
		return inc.Review.State() != ""
	case "review_shared":
		return inc.Review != nil && inc.Review.Shared > 0
	case "action_done":
		return inc.Review.State() != "" && len(inc.Review.OpenActions()) == 0
	}
	panic("piket: nothing is said after closing by an event " + string(kind))
}

// policyPoint is one numbered point of the incident policy and what shows that
// it was kept: the places of events, such as INC-2026-0001/12, or of a document.
type policyPoint struct {
	number, what string
	shown        func(timeline) []string
}

// shownBy is what showed one point of the policy.
type shownBy struct {
	What   string   `json:"what"`
	Events []string `json:"events"`
}

// timeline is what the points of the policy are looked for in.
type timeline struct {
	events []incident.Event
	report report.Figures
}

// judge says what showed each point, and which ones nothing did.
func (c *circle) judge(ctx context.Context, d *demo, result *told) (missing []string, err error) {
	if len(result.Events) == 0 {
		return []string{"nothing happened"}, nil
	}
	figures, err := d.monthly(ctx, result.Events[0].At)
	if err != nil {
		return nil, err
	}
	result.Report, result.Policy = &figures, map[string]shownBy{}
	for _, p := range c.points {
		places := p.shown(timeline{result.Events, figures})
		if len(places) == 0 {
			missing = append(missing, fmt.Sprintf("nothing showed [%s]: %s", p.number, p.what))
		}
		result.Policy[p.number] = shownBy{p.what, places}
	}
	return missing, nil
}

// monthly fetches the report of the month of a moment, as a manager does.
func (d *demo) monthly(ctx context.Context, of time.Time) (f report.Figures, err error) {
	token, err := os.ReadFile(d.lab.TokenFile("hanne"))
	if err != nil {
		return f, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/api/v1/reports/"+report.At("month", of.UTC()).String()+"?format=json", nil)
	if err != nil {
		return f, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return f, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode != http.StatusOK {
		return f, fmt.Errorf("fetch the report: status %d: %w", response.StatusCode, err)
	}
	return f, json.Unmarshal(body, &f)
}

// of returns the places of the events of one type for which holds says yes;
// nil: of all.
func of[P incident.Payload](s timeline, holds func(P) bool) []string {
	var places []string
	for _, e := range s.events {
		if p, ok := e.Payload.(P); ok && (holds == nil || holds(p)) {
			places = append(places, place(e))
		}
	}
	return places
}

func place(e incident.Event) string { return fmt.Sprintf("%s/%d", e.Incident, e.Seq) }

// all returns every place when none of the lists is empty, nothing otherwise.
func all(lists ...[]string) []string {
	if slices.ContainsFunc(lists, func(l []string) bool { return len(l) == 0 }) {
		return nil
	}
	return slices.Concat(lists...)
}

// at returns when the first event of a type for which holds says yes happened.
func at[P incident.Payload](s timeline, holds func(P) bool) time.Time {
	for _, e := range s.events {
		if p, ok := e.Payload.(P); ok && (holds == nil || holds(p)) {
			return e.At
		}
	}
	return time.Time{}
}

// inOrder returns the places when each list is not empty and begins no earlier
// than the one before.
func inOrder(s timeline, lists ...[]string) []string {
	last := -1
	for _, l := range lists {
		if len(l) == 0 {
			return nil
		}
		n := slices.IndexFunc(s.events, func(e incident.Event) bool { return place(e) == l[0] })
		if n < last {
			return nil
		}
		last = n
	}
	return slices.Concat(lists...)
}
