//go:build e2e

package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// seen is an incident as `incident show --output json` tells it.
type seen struct {
	Incident struct {
		ID       string             `json:"id"`
		Status   incident.Status    `json:"status"`
		Priority incident.Priority  `json:"priority"`
		Opened   time.Time          `json:"opened"`
		Approval *incident.Approval `json:"approval"`
		Closure  *json.RawMessage   `json:"closure"`
	} `json:"incident"`
	Events []struct {
		At    time.Time       `json:"at"`
		Type  incident.Kind   `json:"type"`
		Actor string          `json:"actor"`
		Text  string          `json:"text"`
		Data  json.RawMessage `json:"data"`
	} `json:"events"`
}

// show reads one incident.
func (w *world) show(t *testing.T, id string) (s seen) {
	t.Helper()
	if err := json.Unmarshal([]byte(w.must(t, "sem", "incident", "show", id, "--output", "json")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// ongoing lists the incidents that are open for a server.
func (w *world) ongoing(t *testing.T, server string) (ids []string) {
	t.Helper()
	for _, m := range w.list(t) {
		if m.Subject == "server:"+server {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// list lists the incidents that are open.
func (w *world) list(t *testing.T) (list []store.Summary) {
	t.Helper()
	out, errs, ok := w.cli("sem", "incident", "list", "--output", "json")
	if !ok || json.Unmarshal([]byte(out), &list) != nil {
		t.Fatalf("list incidents: %s%s", out, errs)
	}
	return list
}

// opened waits for the incident of a server.
func (w *world) opened(t *testing.T, server string) (id string) {
	t.Helper()
	until(t, "an incident for "+server+" is open", func() bool {
		ids := w.ongoing(t, server)
		if len(ids) > 1 {
			t.Fatalf("more than one incident is open for %s: %v", server, ids)
		}
		id = strings.Join(ids, "")
		return id != ""
	})
	return id
}

// untilSeen waits for something on one incident's timeline.
func (w *world) untilSeen(t *testing.T, id, what string, so func(seen) bool) (s seen) {
	t.Helper()
	until(t, id+": "+what, func() bool { s = w.show(t, id); return so(s) })
	return s
}

// count counts the events of a kind whose sentence holds some words.
func (s seen) count(kind incident.Kind, words ...string) (n int) {
	for _, e := range s.Events {
		if e.Type == kind && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(e.Text, word) }) {
			n++
		}
	}
	return n
}

// heard reports whether an alert of one source has this status.
func (s seen) heard(source string, status alerts.Status) bool {
	for _, e := range s.Events {
		var data struct{ Alert alerts.Alert }
		if e.Type == "alert" && json.Unmarshal(e.Data, &data) == nil && data.Alert.Source == source && data.Alert.Status == status {
			return true
		}
	}
	return false
}
