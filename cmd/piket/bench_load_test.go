package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

// benched runs a benchmark at a small size and reads what it prints.
func benched[T any](t *testing.T, args ...string) (result T) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(append(append([]string{"bench"}, args...), "--output", "json"), &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, &errs)
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	return result
}

func TestBenchmarkOfTheDoorLosesNothing(t *testing.T) {
	r := benched[intakeResult](t, "intake", "--alerts", "600", "--servers", "150", "--senders", "3")
	if r.Refused != 0 || r.Incidents != 150 || r.Events < 600+150 || r.RowBytes < 200 {
		t.Errorf("got %+v", r)
	}
	if r.AlertsPerS <= 0 || r.BarePerS <= 0 || r.AnswerP50 == nil || *r.AnswerP50 > *r.AnswerP99 {
		t.Errorf("these cannot be: %+v", r)
	}
}
