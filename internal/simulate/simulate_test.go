package simulate

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

// Long runs are the battery's; these few worlds show that nothing is plainly
// broken, and that enough happens for the promises to mean something.
func TestEveryPromiseHoldsInEveryWorld(t *testing.T) {
	seeds := 12
	if testing.Short() {
		seeds = 2
	}
	report, err := Run(t.Context(), Config{Seeds: seeds, First: 1, Hours: 24})
	if err != nil {
		t.Fatal(err)
	}
	if report.Violations > 0 {
		for _, line := range report.Last {
			t.Log(line)
		}
		t.Fatalf("seed %d: %v", *report.FailingSeed, report.Violation)
	}
	// Who does nothing keeps every promise.
	for what, enough := range map[string]bool{
		"sends":     report.Sends >= 2*seeds,
		"incidents": report.Incidents >= 10*seeds,
		"restored":  report.Restored >= 8*seeds,
		"helped":    report.Helped >= 2*seeds,
		"approvals": report.Approvals >= 2*seeds,
		"relapses":  report.Relapses >= seeds/2,
		"told":      report.Told >= 10*seeds,
		"alerts":    report.Alerts >= 50*seeds,
	} {
		if !enough {
			t.Errorf("too few %s in %d worlds: %+v", what, seeds, report.Figures)
		}
	}
}

func TestTheSameSeedPlaysTheSameByteForByte(t *testing.T) {
	var runs [3]bytes.Buffer
	for n := range runs {
		if _, err := Run(t.Context(), Config{Seeds: 1, First: 7, Hours: 12, Trace: &runs[n]}); err != nil {
			t.Fatal(err)
		}
	}
	if runs[0].Len() < 10_000 {
		t.Errorf("next to nothing happened: %d bytes", runs[0].Len())
	}
	for n, run := range runs {
		if !bytes.Equal(run.Bytes(), runs[0].Bytes()) {
			t.Errorf("run %d differs from the first", n)
		}
	}
}

func BenchmarkWorld(b *testing.B) {
	books, err := libraries()
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		play(b.Context(), Config{Hours: 24}, uint64(n%60+1), books)
	}
}

func TestWhoEndsItsContextEndsTheWorlds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Config{Seeds: 1000, First: 1, Hours: 1e6}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
