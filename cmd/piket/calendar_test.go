package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// until lets time pass up to a moment.
func (d *Daemon) until(t time.Time) {
	<-d.clk.Go(func() { d.clk.Wait(context.Background(), t, nil) })
}

// dates lists the subjects of the records that the calendar has opened.
func (d *Daemon) dates(t *testing.T) []string {
	t.Helper()
	list, err := d.store.List(t.Context(), store.Filter{Calendar: true})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range list {
		names = append(names, m.Subject)
	}
	slices.Sort(names)
	return names
}

// [5.2]: reports are sent when their period is over, always and once; [5.3]: the
// policy is evaluated once a year.
func TestEveryDateOfTheCalendarIsRaisedOnceAlsoWhenThereWasNothing(t *testing.T) {
	d := newTestDaemon(t, least+"timezone: Europe/Amsterdam\n")
	look := func() []string {
		t.Helper()
		for range 2 { // as after a restart, and as another replica
			if err := d.calendar().look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return d.dates(t)
	}
	if got := look(); got != nil {
		t.Errorf("of before the record began: %q", got)
	}
	zone := d.policy().Zone
	d.until(time.Date(2026, 2, 1, 0, 0, 0, 0, zone).Add(-time.Second))
	if got := look(); got != nil {
		t.Errorf("a second too early: %q", got)
	}
	d.until(time.Date(2026, 2, 1, 0, 0, 0, 0, zone))
	if got := look(); fmt.Sprint(got) != "[report:month/2026-01]" {
		t.Errorf("got %q", got)
	}
	d.until(time.Date(2027, 1, 2, 0, 0, 0, 0, zone)) // piket was away for most of a year
	got := look()
	if len(got) != 1+6+4+1 || !slices.Contains(got, "policy:year/2026") || !slices.Contains(got, "report:quarter/2026-Q1") || slices.Contains(got, "report:month/2026-06") {
		t.Errorf("got %q", got)
	}
	for _, subject := range got { // closed records are not opened again
		kind, name, _ := strings.Cut(subject, ":")
		id, err := d.store.OpenFor(t.Context(), incident.Subject{Kind: kind, Name: name})
		if err != nil || id == "" {
			t.Fatalf("%s: %q, %v", subject, id, err)
		}
		if _, err := d.store.Record(t.Context(), id, incident.Event{Actor: incident.Piket, Payload: incident.Closed{By: incident.Piket}}); err != nil {
			t.Fatal(err)
		}
	}
	if again := look(); fmt.Sprint(again) != fmt.Sprint(got) {
		t.Errorf("after they were closed: %q", again)
	}
}

// What a date opens is no trouble, and nobody outside can make one.
func TestADateIsNoTroubleAndNobodyOutsideMakesOne(t *testing.T) {
	d := newTestDaemon(t, least)
	labels := alerts.Labels{"alertname": alerts.ReportDue, "period": "month/2026-01"}
	if inc := d.receive(t, labels); inc.Subject.NoTrouble() {
		t.Errorf("an Alertmanager made %v", inc.Subject)
	}
	a := alerts.Alert{Source: alerts.Calendar, Status: alerts.Firing, Labels: labels, Fingerprint: labels.Fingerprint(), StartsAt: d.clk.Now(), Annotations: alerts.Labels{"summary": "Incidents of month 2026-01", alerts.Figures: "none"}}
	if err := d.door.Receive(t.Context(), []alerts.Alert{a}, 0); err != nil {
		t.Fatal(err)
	}
	known, err := d.store.Episode(t.Context(), a.Episode())
	if err != nil {
		t.Fatal(err)
	}
	inc, err := d.store.Load(t.Context(), known.Incident)
	if err != nil || inc.Priority != incident.P4 || len(inc.Attentions) > 0 || inc.Runbook.Name != "" || inc.Title != "Incidents of month 2026-01" {
		t.Errorf("%+v (%v)", inc, err)
	}
}

// [5.2, 6.7]: figures and reviews on the command line, in every format.
func TestReportsAndReviewsOnTheCommandLine(t *testing.T) {
	d := newTestDaemon(t, least)
	inc := d.receive(t, alerts.Labels{"alertname": alerts.ServerUnreachable, "server": "web-01"})
	listener := httptest.NewServer(d.Handler())
	defer listener.Close()
	for _, c := range []struct{ args, begins string }{
		{"report month", "Incidents of month 2026-01\n"}, {"report week --of 2026-W02 --output md", "# Incidents of week 2026-W02\n"},
		{"report quarter --of 2026-Q1 --output json", `{"period":{"kind":"quarter","of":"2026-Q1"`}, {"report year --output csv", "section,row,column,value\n"},
		{"report month --output pdf", "%PDF-"}, {"report month --output html", "<!doctype html>"},
		{"review " + inc.ID, "Review of " + inc.ID + "\n"}, {"review " + strings.ToLower(inc.ID) + " --output json", `{"incident":"` + inc.ID}, {"review " + inc.ID + " --output pdf", "%PDF-"},
	} {
		var out, problems bytes.Buffer
		args := append(strings.Fields(c.args), "--piket.url", listener.URL, "--token-file", filepath.Join(filepath.Dir(d.path), "token"))
		if status := run(args, &out, &problems); status != 0 || !strings.HasPrefix(out.String(), c.begins) {
			t.Errorf("%s: status %d, %.60q, %s", c.args, status, out.String(), problems.String())
		}
	}
	var out, problems bytes.Buffer
	if status := run([]string{"report", "month", "--of", "2026-13", "--piket.url", listener.URL, "--token-file", filepath.Join(filepath.Dir(d.path), "token")}, &out, &problems); status != 1 || !strings.Contains(problems.String(), "want one such as 2026-10") {
		t.Errorf("status %d, %s", status, problems.String())
	}
}

func TestReportsAndReviewsAreConfigured(t *testing.T) {
	d := newTestDaemon(t, least)
	if got := d.settings.Load().config; got.Review.Within != 5*24*time.Hour || got.NIS2 || got.Reports != (Reports{Month: true, Quarter: true}) || d.policy().Review != got.Review.Within {
		t.Errorf("by itself: %+v %+v %v", got.Review, got.Reports, got.NIS2)
	}
	if err := os.WriteFile(d.path, []byte(least+"reports: {week: true, month: false}\nreview: {within: 10d}\nnis2: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := d.settings.Load().config; got.Review.Within != 10*24*time.Hour || !d.webConfig().NIS2 || got.Reports != (Reports{Week: true, Quarter: true}) {
		t.Errorf("as configured: %+v %+v %v", got.Review, got.Reports, got.NIS2)
	}
}
