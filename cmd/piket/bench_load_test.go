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
	if r.Incidents != 150 || r.Events < 600+150 || r.RowBytes < 200 {
		t.Errorf("got %+v", r)
	}
	if r.AlertsPerS <= 0 || r.BarePerS <= 0 || r.BareCPUMicros <= 0 || r.AnswerP50 == nil || *r.AnswerP50 > *r.AnswerP99 {
		t.Errorf("these cannot be: %+v", r)
	}
}

func TestBenchmarkOfTheEngineMendsEachServerOnce(t *testing.T) {
	r := benched[engineResult](t, "engine", "--runs", "40")
	if r.Restored != 40 || r.Sends != 40 || r.PerSecond <= 0 || r.Events < 40*8 {
		t.Errorf("got %+v", r)
	}
}

func TestBenchmarkOfWaitingSeesEveryAnswerActedOn(t *testing.T) {
	r := benched[waitingResult](t, "waiting", "--incidents", "30", "--answers", "5", "--idle", "100ms")
	if r.Incidents != 30 || r.Answers != 5 || r.AnswerP50 == nil || *r.AnswerP50 > *r.AnswerP99 || r.RestartMillis <= 0 || r.AgainMillis < r.RestartMillis {
		t.Errorf("got %+v", r)
	}
}
