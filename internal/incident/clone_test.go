package incident_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

func dump(t *testing.T, inc *incident.Incident) string {
	t.Helper()
	data, err := json.Marshal(inc)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every event there is, in any order, with ids that fit each other.
func TestWhatHappensToACloneLeavesTheOriginalAlone(t *testing.T) {
	every := []incident.Payload{
		incident.MessageQueued{Message: "M", Customer: "acme", Purpose: "first"}, incident.MessageQueued{Message: "N", Customer: "acme", Purpose: "restored"},
		incident.Intended{Intent: "some words", Step: "some words", Server: "web-07", Action: "power", Verb: "cycle"},
		incident.Intended{Intent: "some words", Step: "some words", Server: "web-07", Action: incident.ActionBoot, Verb: "pxe"},
		incident.Intended{Intent: "some words", Step: "some words", Server: "web-07", Action: incident.ActionBoot, Verb: incident.BootNone, Duty: 1},
		incident.OutcomeRecorded{Intent: "some words", Outcome: incident.OutcomeDone}, incident.Claimed{Intent: "some words"}, incident.Skipped{Step: "other words"},
		incident.OutcomeRecorded{Intent: "some words", Outcome: incident.OutcomeUnknown}, incident.OrderProgress{Order: "some words", State: "done"},
	}
	every = append(every, incident.WorkOrdered{Order: "some words", State: "draft"}, incident.WorkOrdered{Order: "vendor's", For: incident.ToVendor})
	for n := range 4 { // what is added to a list, and what takes the place of an entry
		name := fmt.Sprint("web-", n)
		every = append(every,
			incident.Absorbed{Subject: incident.Subject{Kind: "server", Name: name}, Customers: []string{name}},
			incident.AlertReceived{Alert: alerts.Alert{Fingerprint: name, StartsAt: start, Status: alerts.Firing}},
			incident.AlertReceived{Alert: alerts.Alert{Fingerprint: name, StartsAt: start, Status: alerts.Resolved}},
			incident.AlertReceived{Alert: alerts.Alert{Fingerprint: "by " + name, StartsAt: start, Status: alerts.Firing, Source: "person", Annotations: alerts.Labels{"reporter": name}}},
			incident.ApprovalRequested{Approval: "A", Expires: start.AddDate(1, 0, 0), Persons: 2}, incident.Approved{Approval: "A", By: name})
	}
	all := payloads(t, "some words")
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		every = append(every, all[kind]...)
	}
	random, seen := rand.New(rand.NewPCG(3, 5)), map[string]bool{}
	for range 300 {
		inc := incident.Fold(nil)
		var events []incident.Event
		for n := range 60 {
			payload := every[random.IntN(len(every))]
			e := incident.Event{Incident: "INC-1", Seq: n + 1, At: start.Add(time.Duration(n) * time.Second), Payload: payload}
			events = append(events, e)
			next, before := inc.Clone(), dump(t, inc)
			if !reflect.DeepEqual(next, inc) {
				t.Fatalf("the clone is\n%s\nand not\n%s", dump(t, next), before)
			}
			next.Apply(e)
			other := inc.Clone()
			other.Apply(incident.Event{Incident: "INC-1", Seq: n + 1, At: start, Payload: every[random.IntN(len(every))]})
			if after := dump(t, inc); after != before {
				t.Fatalf("%s on the clone made\n%s\nof\n%s", payload.Kind(), after, before)
			}
			if !reflect.DeepEqual(next, incident.Fold(events)) {
				t.Fatalf("after %s the clone is\n%s\nand not\n%s", payload.Kind(), dump(t, next), dump(t, incident.Fold(events)))
			}
			inc = next
			notEmpty(inc, seen)
		}
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[incident.Incident]()) {
		switch field.Type.Kind() {
		case reflect.Map, reflect.Slice, reflect.Pointer:
			if !seen[field.Name] {
				t.Errorf("%s was never filled: this test says nothing about it", field.Name)
			}
		}
	}
}

// notEmpty adds the fields that hold something.
func notEmpty(inc *incident.Incident, seen map[string]bool) {
	v := reflect.ValueOf(inc).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Map, reflect.Slice:
			seen[v.Type().Field(i).Name] = seen[v.Type().Field(i).Name] || f.Len() > 0
		case reflect.Pointer:
			seen[v.Type().Field(i).Name] = seen[v.Type().Field(i).Name] || !f.IsNil()
		}
	}
}
