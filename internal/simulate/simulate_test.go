package simulate

import (
	"encoding/json"
	"testing"
)

func TestEveryPromiseHoldsInEveryWorld(t *testing.T) {
	report, err := Run(Config{Seeds: 4, First: 1, Hours: 24})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(report)
	t.Logf("%s", text)
	for _, line := range report.Last {
		t.Log(line)
	}
	if report.Violations > 0 {
		t.Errorf("seed %d: %v", *report.FailingSeed, report.Violation)
	}
}
