package desk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

var (
	engineer = inventory.Person{Name: "noor", Roles: []inventory.Role{inventory.Engineer}}
	manager  = inventory.Person{Name: "mila", Roles: []inventory.Role{inventory.Manager}}
	support  = inventory.Person{Name: "sami", Roles: []inventory.Role{inventory.Support}}
)

// the incidents that people speak about.
func stage(t *testing.T, more ...incident.Payload) *incident.Incident {
	t.Helper()
	h := newHistory(t, incident.P1)
	h.happens(more...)
	return h.incident()
}

func check(t *testing.T, got []incident.Payload, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
	if (want == nil) != (len(got) > 0) {
		t.Errorf("with error %v came %v", err, got)
	}
}

func TestIncidentIsTakenByAnEngineerWhileItLasts(t *testing.T) {
	taken, closed := incident.Acknowledged{By: "noor"}, incident.Closed{By: "noor"}
	for name, c := range map[string]struct {
		inc  *incident.Incident
		by   inventory.Person
		want error
	}{
		"open":              {stage(t), engineer, nil},
		"restored":          {stage(t, incident.Restored{How: "h"}), engineer, nil},
		"from a colleague":  {stage(t, incident.Acknowledged{By: "sam"}), engineer, nil},
		"taken by oneself":  {stage(t, taken), engineer, desk.ErrNotNow},
		"closed":            {stage(t, closed), engineer, desk.ErrNotNow},
		"merged":            {stage(t, incident.Merged{Into: "x"}), engineer, desk.ErrNotNow},
		"by a manager":      {stage(t), manager, desk.ErrRole},
		"by support":        {stage(t), support, desk.ErrRole},
		"by somebody bare":  {stage(t), inventory.Person{Name: "x"}, desk.ErrRole},
		"manager, and late": {stage(t, closed), manager, desk.ErrRole},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := desk.Acknowledge(c.inc, c.by)
			check(t, got, err, c.want)
			if err == nil && got[0] != incident.Payload(taken) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestNoteNeedsWordsAndIsBounded(t *testing.T) {
	for _, words := range []string{"", "  \n\t"} {
		got, err := desk.Note(stage(t), manager, words)
		check(t, got, err, desk.ErrIncomplete)
	}
	got, err := desk.Note(stage(t, incident.Closed{By: "noor"}), manager, " the fan \n")
	check(t, got, err, nil)
	if got[0] != incident.Payload(incident.Note{By: "mila", Words: "the fan"}) {
		t.Errorf("got %v", got)
	}
	got, err = desk.Note(stage(t), support, strings.Repeat("é", 5000))
	check(t, got, err, nil)
	if n := len([]rune(got[0].(incident.Note).Words)); n != 4000 {
		t.Errorf("%d characters were kept", n)
	}
}

func TestClosingNeedsServiceACheckACauseAndASolution(t *testing.T) {
	full := incident.Resolution{Cause: " a fan ", Solution: "a new fan", Prevention: strings.Repeat("p", 5000)}
	back, passed, failed := incident.Restored{How: "h"}, incident.ClosureChecked{Passed: true}, incident.ClosureChecked{}
	pinned := incident.RunbookPinned{Name: "r", Hash: "h"}
	firing := incident.AlertReceived{Alert: alerts.Alert{Status: alerts.Firing, StartsAt: start}}
	over := incident.AlertReceived{Alert: alerts.Alert{Status: alerts.Resolved, StartsAt: start}}
	for name, c := range map[string]struct {
		happened []incident.Payload
		by       inventory.Person
		said     incident.Resolution
		want     error
	}{
		"all is there":                {[]incident.Payload{pinned, back, passed}, engineer, full, nil},
		"by a manager":                {[]incident.Payload{pinned, back, passed}, manager, full, nil},
		"no prevention [3.4]":         {[]incident.Payload{pinned, back, passed}, engineer, incident.Resolution{Cause: "c", Solution: "s"}, desk.ErrIncomplete},
		"by support":                  {[]incident.Payload{pinned, back, passed}, support, full, desk.ErrRole},
		"not back":                    {[]incident.Payload{pinned}, engineer, full, desk.ErrNotNow},
		"not checked":                 {[]incident.Payload{pinned, back}, engineer, full, desk.ErrNotNow},
		"check failed":                {[]incident.Payload{pinned, back, passed, failed}, engineer, full, desk.ErrNotNow},
		"relapsed":                    {[]incident.Payload{pinned, back, passed, incident.Relapsed{Reason: "r"}}, engineer, full, desk.ErrNotNow},
		"closed":                      {[]incident.Payload{pinned, back, passed, incident.Closed{By: "noor"}}, engineer, full, desk.ErrNotNow},
		"no cause":                    {[]incident.Payload{pinned, back, passed}, engineer, incident.Resolution{Solution: "s"}, desk.ErrIncomplete},
		"no solution":                 {[]incident.Payload{pinned, back, passed}, engineer, incident.Resolution{Cause: "c", Solution: " "}, desk.ErrIncomplete},
		"no runbook, nothing fires":   {[]incident.Payload{over}, engineer, full, nil},
		"no runbook, it fires":        {[]incident.Payload{firing}, engineer, full, desk.ErrNotNow},
		"no runbook, closed already":  {[]incident.Payload{over, incident.Closed{By: "noor"}}, engineer, full, desk.ErrNotNow},
		"no runbook, nothing is said": {[]incident.Payload{over}, engineer, incident.Resolution{}, desk.ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := desk.Close(stage(t, c.happened...), c.by, c.said)
			check(t, got, err, c.want)
			if err != nil {
				return
			}
			want := incident.Resolution{Cause: "a fan", Measures: "Nothing was done.", Solution: "a new fan", Prevention: strings.Repeat("p", 4000), By: c.by.Name}
			if len(got) != 2 || got[0] != incident.Payload(want) || got[1] != incident.Payload(incident.Closed{By: c.by.Name}) {
				t.Errorf("got %.200v", got)
			}
		})
	}
}

func TestWhatCannotBeCheckedIsClosedByAnEngineerWhoSaysWhy(t *testing.T) {
	full := incident.Resolution{Cause: "c", Solution: "s", Unchecked: " the server is gone "}
	pinned := incident.RunbookPinned{Name: "r", Hash: "h"}
	firing := incident.AlertReceived{Alert: alerts.Alert{Status: alerts.Firing, StartsAt: start}}
	back, failed, passed := incident.Restored{How: "h"}, incident.ClosureChecked{}, incident.ClosureChecked{Passed: true}
	intended := incident.Intended{Intent: "I", Step: "power-cycle", Attempt: 1, Server: "web-07", Action: "power", Verb: "cycle"}
	ordered := incident.WorkOrdered{Order: "W1"}
	at := func(state string) incident.OrderProgress { return incident.OrderProgress{Order: "W1", State: state} }
	for name, c := range map[string]struct {
		happened []incident.Payload
		by       inventory.Person
		said     incident.Resolution
		want     error
	}{
		"service is not back":       {[]incident.Payload{pinned}, engineer, full, nil},
		"no runbook, and it fires":  {[]incident.Payload{firing}, engineer, full, nil},
		"the check failed":          {[]incident.Payload{pinned, back, failed}, engineer, full, nil},
		"piket acts":                {[]incident.Payload{pinned, intended}, engineer, full, desk.ErrNotNow},
		"piket has acted":           {[]incident.Payload{pinned, intended, incident.Voided{Intent: "I", Reason: "r"}}, engineer, full, nil},
		"hands are asked":           {[]incident.Payload{pinned, ordered}, engineer, full, desk.ErrNotNow},
		"hands are there":           {[]incident.Payload{pinned, ordered, at("on_site")}, engineer, full, desk.ErrNotNow},
		"hands are done":            {[]incident.Payload{pinned, ordered, at("done")}, engineer, full, nil},
		"hands refused":             {[]incident.Payload{pinned, ordered, at("refused")}, engineer, full, nil},
		"the check passed":          {[]incident.Payload{pinned, back, passed}, engineer, full, desk.ErrNotNow},
		"closed":                    {[]incident.Payload{pinned, incident.Closed{By: "noor"}}, engineer, full, desk.ErrNotNow},
		"merged":                    {[]incident.Payload{pinned, incident.Merged{Into: "x"}}, engineer, full, desk.ErrNotNow},
		"by support":                {[]incident.Payload{pinned}, support, full, desk.ErrRole},
		"by a manager":              {[]incident.Payload{pinned}, manager, full, desk.ErrRole},
		"no cause":                  {[]incident.Payload{pinned}, engineer, incident.Resolution{Solution: "s", Unchecked: "u"}, desk.ErrIncomplete},
		"no solution":               {[]incident.Payload{pinned}, engineer, incident.Resolution{Cause: "c", Unchecked: "u"}, desk.ErrIncomplete},
		"no reason, only a blank":   {[]incident.Payload{pinned}, engineer, incident.Resolution{Cause: "c", Solution: "s", Unchecked: " \n"}, desk.ErrNotNow},
		"nothing fires, no runbook": {nil, engineer, full, desk.ErrNotNow},
	} {
		t.Run(name, func(t *testing.T) {
			inc := stage(t, c.happened...)
			got, err := desk.Close(inc, c.by, c.said)
			check(t, got, err, c.want)
			want := incident.Resolution{Cause: "c", Measures: desk.Draft(inc).Measures, Solution: "s", Unchecked: "the server is gone", By: "noor"}
			if err == nil && got[0] != incident.Payload(want) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestClosingWithoutACheckIsSaidOnTheTimeline(t *testing.T) {
	r := incident.Resolution{Cause: "fire.", Solution: "none", Unchecked: "the site is gone."}
	if got := r.Text(); got != "Cause: fire. Solution: none. Closed without a check: the site is gone." {
		t.Errorf("got %q", got)
	}
}

func TestWorkOrderMovesByThoseWhoMayAndForwardOnly(t *testing.T) {
	ordered := incident.WorkOrdered{Order: "W1"}
	at := func(state string) incident.OrderProgress { return incident.OrderProgress{Order: "W1", State: state} }
	for name, c := range map[string]struct {
		inc    *incident.Incident
		by     inventory.Person
		report incident.OrderProgress
		want   error
	}{
		"acknowledged":       {stage(t, ordered), support, at("acknowledged"), nil},
		"done":               {stage(t, ordered, at("on_site")), engineer, at("done"), nil},
		"refused":            {stage(t, ordered), engineer, at("refused"), nil},
		"by a manager":       {stage(t, ordered), manager, at("done"), desk.ErrRole},
		"no order":           {stage(t), engineer, at("done"), desk.ErrNotNow},
		"another order":      {stage(t, ordered), engineer, incident.OrderProgress{Order: "W2", State: "done"}, desk.ErrNotNow},
		"done already":       {stage(t, ordered, at("done")), engineer, at("on_site"), desk.ErrNotNow},
		"refused already":    {stage(t, ordered, at("refused")), engineer, at("done"), desk.ErrNotNow},
		"incident closed":    {stage(t, ordered, incident.Closed{By: "noor"}), engineer, at("done"), desk.ErrNotNow},
		"no such state":      {stage(t, ordered), engineer, at("sent"), desk.ErrIncomplete},
		"an empty state":     {stage(t, ordered), engineer, at(""), desk.ErrIncomplete},
		"somebody else's by": {stage(t, ordered), support, incident.OrderProgress{Order: "W1", State: "done", By: "noor"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := desk.ReportOrder(c.inc, c.by, c.report)
			check(t, got, err, c.want)
			if err == nil && got[0].(incident.OrderProgress).By != c.by.Name {
				t.Errorf("signed %v", got)
			}
		})
	}
}

func TestCallIsReportedOnceWithAKnownOutcome(t *testing.T) {
	task := incident.CallTask{Task: "T1", Customer: "acme", Telephone: "555 0100"}
	done := incident.Called{Task: "T1", Outcome: "reached", By: "noor"}
	for name, c := range map[string]struct {
		inc           *incident.Incident
		task, outcome string
		want          error
	}{
		"reached":        {stage(t, task), "T1", "reached", nil},
		"no answer":      {stage(t, task), "T1", "no_answer", nil},
		"after the end":  {stage(t, task, incident.Closed{By: "noor"}), "T1", "voicemail", nil},
		"twice":          {stage(t, task, done), "T1", "voicemail", desk.ErrNotNow},
		"no such task":   {stage(t, task), "T2", "reached", desk.ErrNotNow},
		"no such result": {stage(t, task), "T1", "busy", desk.ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := desk.ReportCall(c.inc, support, c.task, c.outcome, start)
			check(t, got, err, c.want)
			if _, err := desk.ReportCall(c.inc, inventory.Person{Name: "x"}, c.task, c.outcome, start); !errors.Is(err, desk.ErrRole) {
				t.Errorf("by somebody without a role: %v", err)
			}
			report := incident.Called{Task: "T1", Outcome: c.outcome, By: "sami"}
			if c.outcome == "no_answer" {
				report.Again = start.Add(5 * time.Minute)
			}
			if err == nil && got[0] != incident.Payload(report) {
				t.Errorf("got %v", got)
			}
		})
	}
}
