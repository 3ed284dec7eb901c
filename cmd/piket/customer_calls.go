package main

import (
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// workedExample is the policy's own example: the server in the datacenter cannot
// be reached. A step that is to be played goes into after; what must have been
// seen at the end into points. People look back sooner than they would: nothing is
// learnt from hours in which all is well.
var workedExample = circle{
	report: map[string]any{
		"server": "web-02", "unreachable": true, "impact": "high", "urgency": "high",
		"summary": "All booking pages are gone, for everybody.", "contact": "Northlight Travel, the administrator, +442079460202",
	},
	calls: "mila", closes: "hanne",
	after: []step{
		{after: 5 * time.Minute, until: "feedback", say: func(inc *incident.Incident) errand {
			return errand{who: "northlight", link: linkOf(inc, "summary"), form: "score=4&words=You+called+before+we+had+to."}
		}},
		{after: 10 * time.Minute, until: "review_written", say: func(inc *incident.Incident) errand {
			return errand{who: "hanne", verb: "review", body: map[string]any{
				"causes": "A power supply failed.", "went_well": "The technician was there within the hour.",
				"went_badly": "The customer telephoned before monitoring had said anything.",
				"actions": []incident.ActionItem{{
					What: "Watch the power supplies of this model, and keep a spare in each rack.", Owner: "noor",
					Due: inc.ClosedAt.Add(14 * 24 * time.Hour).Format(time.DateOnly),
				}},
			}}
		}},
		{after: 12 * time.Minute, until: "review_shared", say: func(*incident.Incident) errand {
			return errand{who: "hanne", verb: "share", body: map[string]any{}}
		}},
		{after: 20 * time.Minute, until: "action_done", say: func(inc *incident.Incident) errand {
			return errand{who: "noor", verb: "done", body: map[string]any{"id": inc.Review.OpenActions()[0].ID, "words": "Both are in place."}}
		}},
	},
	points: slices.Concat(termPoints, processPoints, communicationPoints, rolePoints, examplePoints),
}

// linkOf is the link in the message of a purpose.
func linkOf(inc *incident.Incident, purpose string) string {
	for _, m := range inc.Messages {
		if m.Purpose == purpose && m.Link != "" {
			return m.Link
		}
	}
	return ""
}

var termPoints = []policyPoint{
	{"1.1", "what disrupts a service is an incident", func(s timeline) []string { return of[incident.Opened](s, nil) }},
	{"1.2", "the priority follows from impact and urgency", func(s timeline) []string {
		return of(s, func(p incident.Classified) bool {
			return p.Priority == incident.PriorityOf(p.Impact, p.Urgency) && !p.Override
		})
	}},
	{"1.3", "a customer's server that cannot be reached is a P1", func(s timeline) []string {
		return of(s, func(p incident.Classified) bool { return p.Priority == incident.P1 })
	}},
}

var processPoints = []policyPoint{
	{"2.1", "a customer's report is a record at once, with symptoms, systems and contact", reported},
	{"2.2", "impact and urgency are judged", func(s timeline) []string { return of[incident.Classified](s, nil) }},
	{"2.3", "it goes to the team that fits, which looks for the cause first", func(s timeline) []string {
		return inOrder(s, of(s, func(p incident.Assigned) bool { return p.Team == "network-and-server" }), of[incident.Diagnosed](s, nil), of[incident.Concluded](s, nil))
	}},
	{"2.4", "what is done is written down, the customer is told, others are brought in", func(s timeline) []string {
		return all(of[incident.Intended](s, nil), of[incident.WorkOrdered](s, nil), words(s, "update"))
	}},
	{"2.5", "it is closed after a check, with a full description, and the customer says how it was", func(s timeline) []string {
		return inOrder(s, passed(s), described(s), of[incident.Closed](s, nil), of[incident.Feedback](s, nil))
	}},
	{"2.6", "people look back, and what shall improve is somebody's until it is done", func(s timeline) []string {
		return inOrder(s, of[incident.ReviewDue](s, nil), of[incident.ReviewWritten](s, nil), of[incident.ReviewShared](s, nil), of[incident.ActionDone](s, nil))
	}},
}

var communicationPoints = []policyPoint{
	{"3.1", "customers hear by mail, and at a P1 by telephone", func(s timeline) []string {
		return all(words(s, "first"), calls(s, "first"), of[incident.Called](s, nil))
	}},
	{"3.2", "and again every 30 minutes, both ways", func(s timeline) []string { return all(punctual(s, words), punctual(s, calls)) }},
	{"3.3", "and at once when service is back", func(s timeline) []string {
		if back := at[incident.Restored](s, nil); !at(s, mailFor("restored")).Equal(back) || !at(s, callFor("restored")).Equal(back) {
			return nil
		}
		return all(words(s, "restored"), calls(s, "restored"))
	}},
	{"3.4", "and a summary once it is closed", func(s timeline) []string { return inOrder(s, of[incident.Closed](s, nil), words(s, "summary")) }},
}

var rolePoints = []policyPoint{
	{"4.1", "the incident manager closes it and leads the review", func(s timeline) []string {
		return all(of(s, func(p incident.Closed) bool { return p.By == "hanne" }), of(s, func(p incident.ReviewShared) bool { return p.By == "hanne" }))
	}},
	{"4.2", "a specialist takes it and answers what is asked", func(s timeline) []string {
		return all(of(s, func(p incident.Acknowledged) bool { return p.By == "noor" }), of[incident.Approved](s, nil))
	}},
	{"4.3", "the communications manager talks with the customer", func(s timeline) []string {
		return of(s, func(p incident.Called) bool { return p.By == "mila" })
	}},
	{"5.2", "the report of the month counts it", func(s timeline) []string {
		if f := s.report; f.Incidents != 1 || f.Restore.Known != 1 || f.Satisfaction.Answers != 1 {
			return nil
		}
		return []string{"report " + s.report.Period.String()}
	}},
}

var examplePoints = []policyPoint{
	{"6.1", "the customer's call opens the record", reported},
	{"6.2", "it is a P1", func(s timeline) []string {
		return of(s, func(p incident.Classified) bool {
			return p.Impact == incident.High && p.Urgency == incident.High && p.Priority == incident.P1
		})
	}},
	{"6.3", "first the way there, then what the datacenter announces, then a restart", firstAnalysis},
	{"6.4", "a technician goes, and repairs it", func(s timeline) []string {
		progress := func(state string) []string {
			return of(s, func(p incident.OrderProgress) bool { return p.State == state })
		}
		return inOrder(s, of[incident.StepFailed](s, nil), of[incident.WorkOrdered](s, nil), progress("acknowledged"), progress("on_site"), progress("done"))
	}},
	{"6.5", "the customer hears all along, and at once when service is back", func(s timeline) []string {
		return inOrder(s, words(s, "first"), words(s, "update"), words(s, "restored"))
	}},
	{"6.6", "all services are checked, the customer confirms, it is closed with its description, the summary goes out", func(s timeline) []string {
		yes := of(s, func(p incident.CustomerAnswered) bool { return p.Works && p.Via == "link" })
		return inOrder(s, passed(s), yes, described(s), of[incident.Closed](s, nil), words(s, "summary"))
	}},
	{"6.7", "the review says what caused it and what prevents it, and is shared", func(s timeline) []string {
		complete := func(p incident.ReviewWritten) bool {
			return p.Causes != "" && p.WentWell != "" && p.WentBadly != "" && len(p.Actions) > 0
		}
		return inOrder(s, of(s, complete), of(s, func(p incident.ReviewShared) bool { return len(p.With) > 0 }), of[incident.ActionDone](s, nil))
	}},
}

// reported is what support wrote down, as the very thing that opened the record.
func reported(s timeline) []string {
	first := slices.IndexFunc(s.events, func(e incident.Event) bool { return e.Payload.Kind() == "alert" })
	if first < 0 {
		return nil
	}
	a := s.events[first].Payload.(incident.AlertReceived).Alert
	if a.Source != "person" || a.Labels["server"] == "" || a.Annotations["summary"] == "" || a.Annotations["contact"] == "" {
		return nil
	}
	return []string{place(s.events[first-1]), place(s.events[first])}
}

func firstAnalysis(s timeline) []string {
	ordered := func(p incident.Diagnosed) bool {
		place := func(id string) int {
			return slices.IndexFunc(p.Checks, func(c incident.Check) bool { return c.ID == id })
		}
		return place("path") >= 0 && place("path") < place("status")
	}
	restart := func(p incident.Intended) bool { return p.Action == "power" }
	return inOrder(s, of(s, ordered), of(s, restart), of[incident.StepFailed](s, nil))
}

func passed(s timeline) []string {
	return of(s, func(p incident.ClosureChecked) bool { return p.Passed })
}

func described(s timeline) []string {
	return of(s, func(p incident.Resolution) bool { return p.Cause != "" && p.Measures != "" && p.Solution != "" })
}

func mailFor(purpose string) func(incident.MessageQueued) bool {
	return func(p incident.MessageQueued) bool { return p.Customer != "" && p.Purpose == purpose }
}

func callFor(purpose string) func(incident.CallTask) bool {
	return func(p incident.CallTask) bool { return p.Customer != "" && p.Purpose == purpose }
}

// words and calls are what went to the customer by mail and by telephone.
func words(s timeline, purpose string) []string { return of(s, mailFor(purpose)) }

func calls(s timeline, purpose string) []string { return of(s, callFor(purpose)) }

// punctual returns the words that went out one way while service was gone, if
// none was longer than the policy's 30 minutes in coming.
func punctual(s timeline, way func(timeline, string) []string) []string {
	places := slices.Concat(way(s, "first"), way(s, "update"), way(s, "restored"))
	var last time.Time
	for _, e := range s.events {
		if !slices.Contains(places, place(e)) {
			continue
		}
		if !last.IsZero() && e.At.Sub(last) > 30*time.Minute {
			return nil
		}
		last = e.At
	}
	if len(way(s, "update")) == 0 {
		return nil
	}
	return places
}
