package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
)

// maxStory bounds a scenario in its own time. The machine's own time is
// bounded, too: a story that hangs is a failure, not a wait.
const (
	maxStory    = 12 * time.Hour
	maxRealTime = time.Minute
)

// told is what a scenario amounted to, as --output json prints it.
type told struct {
	Scenario   string           `json:"scenario"`
	OK         bool             `json:"ok"`
	Ended      incident.Status  `json:"ended"`
	PowerSends int              `json:"power_sends"`
	Seconds    int              `json:"simulated_seconds"`
	Verdicts   []string         `json:"verdicts"` // in the order in which they were drawn
	Failures   []string         `json:"failures,omitempty"`
	Mails      int              `json:"mails"`
	Installs   int              `json:"installs"`       // disks that an installer has wiped
	Left       []string         `json:"left,omitempty"` // on BMCs, for the next start
	Events     []incident.Event `json:"events"`

	Policy map[string]shownBy `json:"policy,omitempty"` // point of the policy → what showed it
	Report *report.Figures    `json:"report,omitempty"` // of the month, once all is over
}

// play plays one scenario to its end and judges it.
func (f demoFlags) play(ctx context.Context, io console) error {
	story, err := findScenario(f.scenario)
	if err != nil {
		return err
	}
	dir, remove, err := stateDir()
	if err != nil {
		return err
	}
	defer remove()
	ctx, cancel := context.WithTimeout(ctx, maxRealTime)
	defer cancel()
	clk := clock.Jumping(time.Now().Truncate(time.Second))
	d, stop, err := startDemo(ctx, dir, "127.0.0.1:0", clk, warnings(io.err), story.book)
	if err != nil {
		return err
	}
	defer stop()
	result, err := d.perform(ctx, f.scenario, story)
	if err != nil {
		return err
	}
	if err := result.print(io); err != nil {
		return err
	}
	if !result.OK {
		return withHint(fmt.Errorf("scenario %s did not end as it should: %v", f.scenario, result.Failures), "the timeline above says what happened instead")
	}
	return nil
}

// perform runs the daemon, the people and the story until everything is
// closed.
func (d *demo) perform(ctx context.Context, name string, story scenario) (told, error) {
	began := d.clk.Now()
	if err := d.run(ctx, &cast{demo: d, story: story}, func(ctx context.Context) error { return d.tell(ctx, story) }); err != nil {
		return told{}, err
	}
	return d.judge(name, story, began)
}

// run runs the daemon and the people for as long as a story is told.
func (d *demo) run(ctx context.Context, people *cast, tell func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	crew := rounds.New("cast", d.daemon.ward, people.Visit)
	var storyErr error
	// Time stands still until everything is there.
	ready := make(chan struct{})
	d.clk.Go(func() { <-ready })
	daemonEnds := d.daemon.Start(ctx)
	crewEnds := d.clk.Go(func() { crew.Run(ctx) })
	storyEnds := d.clk.Go(func() { storyErr = tell(ctx) })
	close(ready)
	<-storyEnds
	cancel()
	<-crewEnds
	daemonEnds()
	return storyErr
}

// tell breaks what the story breaks and returns when all is settled.
func (d *demo) tell(ctx context.Context, story scenario) error {
	bell := d.clk.NewBell()
	d.daemon.store.Subscribe(bell)
	began := d.clk.Now()
	d.clk.Wait(ctx, began.Add(time.Minute), nil) // everything is seen well first
	if err := story.breaks(d.lab); err != nil {
		return err
	}
	if err := story.circle.begin(ctx, d); err != nil {
		return err
	}
	healed := story.later == nil
	for ctx.Err() == nil {
		now := d.clk.Now()
		if !healed && !now.Before(began.Add(cmp.Or(story.after, laterAfter))) {
			if err := story.later(d.lab); err != nil {
				return err
			}
			healed = true
		}
		if done, err := settled(ctx, d.daemon.store, story.circle); err != nil || done {
			return err
		}
		if now.Sub(began) > maxStory {
			return nil // judge says what is missing
		}
		d.clk.Wait(ctx, now.Add(time.Minute), bell)
	}
	return nil // out of the machine's own time: judge says what is missing
}

// settled reports whether there was an incident, all are closed, all mail has
// gone out, and people have looked back as far as the story says.
func settled(ctx context.Context, s *store.Store, circle *circle) (bool, error) {
	list, err := s.List(ctx, store.Filter{})
	if err != nil {
		return false, err
	}
	for _, m := range list {
		inc, err := s.Load(ctx, m.ID)
		if err != nil {
			return false, err
		}
		waiting := slices.ContainsFunc(inc.Messages, func(m *incident.Message) bool { return !m.Delivered && !m.GivenUp })
		summarised := inc.Status != incident.Finished || len(inc.Told) == 0 ||
			slices.ContainsFunc(inc.Messages, func(m *incident.Message) bool { return m.Purpose == "summary" })
		if inc.Ongoing() || waiting || !summarised || !circle.round(inc) {
			return false, nil
		}
	}
	return len(list) > 0, nil
}

// judge holds what happened against what the scenario says must happen.
func (d *demo) judge(name string, story scenario, began time.Time) (told, error) {
	ctx := context.Background()
	result := told{
		Scenario: name, PowerSends: d.lab.PowerSends(), Mails: len(d.lab.Mails()), Seconds: int(d.clk.Now().Sub(began).Seconds()),
	}
	for _, s := range d.lab.Servers() {
		result.Installs += s.Installs
		if s.Next != "" {
			result.Left = append(result.Left, s.Name+": "+s.Next)
		}
	}
	list, err := d.daemon.store.List(ctx, store.Filter{})
	if err != nil {
		return result, err
	}
	slices.Reverse(list) // oldest first
	kinds := map[incident.Kind]bool{}
	for _, m := range list {
		events, err := d.daemon.store.Events(ctx, m.ID, 0)
		if err != nil {
			return result, err
		}
		for _, e := range events {
			kinds[e.Payload.Kind()] = true
			if c, ok := e.Payload.(incident.Concluded); ok {
				result.Verdicts = append(result.Verdicts, string(c.Verdict))
			}
		}
		result.Events = append(result.Events, events...)
		if m.Status != incident.Joined {
			result.Ended = m.Status
		}
	}
	slices.SortStableFunc(result.Events, func(a, b incident.Event) int { return a.Recorded.Compare(b.Recorded) })
	verified, err := d.daemon.store.Verify(ctx)
	if err != nil {
		return result, err
	}
	result.Failures = append(verified.Faults, story.misses(result, kinds)...)
	if story.circle != nil {
		missing, err := story.circle.judge(ctx, d, &result)
		if err != nil {
			return result, err
		}
		result.Failures = append(result.Failures, missing...)
	}
	result.OK = len(result.Failures) == 0
	return result, nil
}

// misses lists in what a story did not go as its scenario says.
func (s scenario) misses(result told, kinds map[incident.Kind]bool) []string {
	var failures []string
	miss := func(format string, args ...any) { failures = append(failures, fmt.Sprintf(format, args...)) }
	if result.Ended != incident.Finished {
		miss("it ended %q, not closed", result.Ended)
	}
	if s.verdict != "" && !slices.Contains(result.Verdicts, string(s.verdict)) {
		miss("the verdicts were %q, and none was %q", result.Verdicts, s.verdict)
	}
	if result.PowerSends != s.sends {
		miss("%d power commands reached a BMC, not %d", result.PowerSends, s.sends)
	}
	if result.Installs != s.installs {
		miss("%d disks were wiped, not %d", result.Installs, s.installs)
	}
	for _, left := range result.Left {
		miss("something is left on a BMC: %s", left)
	}
	for _, k := range append(slices.Clone(s.events), "opened", "classified", "runbook_pinned", "diagnosed", "message", "delivered", "closure_checked", "resolution", "closed") {
		if !kinds[k] {
			miss("no event %q", k)
		}
	}
	for _, k := range s.never {
		if kinds[k] {
			miss("an event %q, which must not be", k)
		}
	}
	return append(failures, s.weighs(result.Events)...)
}

// weighs lists in what the story was taken more or less seriously than its
// scenario says, or told to somebody whom it does not concern.
func (s scenario) weighs(events []incident.Event) []string {
	var failures []string
	var priority incident.Priority
	told := map[string]bool{}
	for _, e := range events {
		switch p := e.Payload.(type) {
		case incident.Classified:
			priority = p.Priority
		case incident.MessageQueued:
			told[p.Customer] = true
		case incident.CallTask:
			told[p.Customer] = true
		}
	}
	delete(told, "") // our own people
	if s.priority != "" && priority != s.priority {
		failures = append(failures, fmt.Sprintf("it ended as %s, not %s", priority, s.priority))
	}
	if s.quiet && len(told) > 0 {
		failures = append(failures, fmt.Sprintf("customers were told: %q", slices.Sorted(maps.Keys(told))))
	}
	return failures
}

func (t told) print(io console) error {
	if io.json {
		return json.NewEncoder(io.out).Encode(t)
	}
	if len(t.Events) == 0 {
		return errors.New("nothing happened")
	}
	began := t.Events[0].At
	for _, e := range t.Events {
		fmt.Fprintf(io.out, "%s %9s  %-12s %s\n", e.Incident, "+"+e.At.Sub(began).Round(time.Second).String(), e.Actor, e.Payload.Text())
	}
	for _, point := range slices.Sorted(maps.Keys(t.Policy)) {
		fmt.Fprintf(io.out, "[%s] %s: %s\n", point, t.Policy[point].What, strings.Join(t.Policy[point].Events, ", "))
	}
	fmt.Fprintf(io.out, "\n%s: ended %s, %s on the wire, %s, %v of simulated time\n",
		t.Scenario, t.Ended, count(t.PowerSends, "power command", "power commands"), count(t.Mails, "mail", "mails"), time.Duration(t.Seconds)*time.Second)
	return nil
}
