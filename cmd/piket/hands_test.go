package main

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// A disk that is full under the executor's journal is nobody's step and nobody's
// incident, so that only piket itself can say it.
func TestAnExecutorThatCannotWorkIsShownToPeopleAndMetrics(t *testing.T) {
	d := newTestDaemon(t, least)
	metric := func() string {
		answer := httptest.NewRecorder()
		d.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		for line := range strings.Lines(answer.Body.String()) {
			if strings.HasPrefix(line, "piket_executor_up ") {
				return strings.TrimSpace(line)
			}
		}
		return "no metric"
	}
	if err := d.trouble(); err != nil || metric() != "piket_executor_up 1" {
		t.Fatalf("all is well: %v, %s", err, metric())
	}
	_ = d.books.own.Close() // as after a write that failed
	if err := d.alarm().trouble(); err == nil || !strings.Contains(err.Error(), "journal is broken") {
		t.Errorf("people are told of %v", err)
	}
	if err := d.ready(); err != nil {
		t.Errorf("alerts are not taken in any more: %v", err)
	}
	if got := metric(); got != "piket_executor_up 0" {
		t.Error(got)
	}
	for _, args := range [][]string{{"blocked"}, {"blocked", "--output", "json"}} {
		if _, out, errs := d.command(t, args...); !strings.Contains(out, "the journal is broken") {
			t.Errorf("%v: %s%s", args, out, errs)
		}
	}
}

func TestAnExecutorApartThatDoesNotAnswerIsTrouble(t *testing.T) {
	d := newTestDaemon(t, least+"executor: {socket: "+filepath.Join(t.TempDir(), "x.sock")+"}\n")
	if err := d.alarm().trouble(); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("people are told of %v", err)
	}
}
