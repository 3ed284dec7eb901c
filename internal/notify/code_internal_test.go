package notify

import (
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// The code of a door leaves with a work order that has no page, and with no other
// message, whatever its words are.
func TestTheCodeOfADoorLeavesWithAWorkOrderOnly(t *testing.T) {
	o := &Outbox{Code: func(string) (string, error) { return "4711-door", nil }, Sign: func(path string) string { return path }}
	for name, c := range map[string]struct {
		message incident.MessageQueued
		want    string
	}{
		"a work order":             {incident.MessageQueued{Order: "W1", Body: "Code: " + incident.AccessCodeMark}, "Code: 4711-door"},
		"one with a page":          {incident.MessageQueued{Order: "W1", Link: "/x", Body: "Code: " + incident.AccessCodeMark}, "Code: " + incident.AccessCodeMark},
		"words of a customer's":    {incident.MessageQueued{Customer: "acme", Body: incident.AccessCodeMark}, incident.AccessCodeMark},
		"a work order without one": {incident.MessageQueued{Order: "W1", Body: "Go."}, "Go."},
	} {
		if got, err := o.complete("ams1", &incident.Message{MessageQueued: c.message}); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
