package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/store"
)

// answered is a bucket in which every answer took as long.
func answered(asked, lost uint16, took time.Duration) store.Bucket {
	return store.Bucket{Asked: asked, Lost: lost, Mean: took, Worst: took}
}

func remember(t testing.TB, s *store.Store, at time.Time, target string, b store.Bucket) {
	t.Helper()
	if err := s.Remember(ctx, at, []store.Sample{{Target: target, Bucket: b}}); err != nil {
		t.Fatal(err)
	}
}

func history(t testing.TB, s *store.Store, target string, from, to time.Time) []store.Bucket {
	t.Helper()
	buckets, err := s.History(ctx, target, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return buckets
}

func TestHistoryHasAGapWhereNothingWasMeasured(t *testing.T) {
	onEach(t, testHistoryHasAGapWhereNothingWasMeasured)
}

func testHistoryHasAGapWhereNothingWasMeasured(t *testing.T, where string) {
	s := open(t, where)
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	remember(t, s, noon.Add(-time.Second), "server/web-07", answered(30, 0, time.Millisecond))
	remember(t, s, noon.Add(10*time.Minute), "server/web-07", answered(30, 3, 2*time.Millisecond))
	remember(t, s, noon.Add(10*time.Minute), "server/web-08", answered(30, 30, 0))
	s.Close()
	got := history(t, open(t, where), "server/web-07", noon.Add(-7*time.Minute), noon.Add(16*time.Minute))
	want := []store.Bucket{{}, answered(30, 0, time.Millisecond), {}, {}, answered(30, 3, 2*time.Millisecond), {}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatIsRememberedTwiceInOneStepAddsUp(t *testing.T) {
	onEach(t, testWhatIsRememberedTwiceInOneStepAddsUp)
}

func testWhatIsRememberedTwiceInOneStepAddsUp(t *testing.T, where string) {
	s := open(t, where)
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	remember(t, s, at, "server/web-07", answered(10, 0, time.Millisecond))
	remember(t, s, at.Add(4*time.Minute), "server/web-07", answered(30, 20, 4*time.Millisecond))
	remember(t, s, at.Add(4*time.Minute), "server/web-07", answered(5, 5, 0))
	want := store.Bucket{Asked: 45, Lost: 25, Mean: 2500 * time.Microsecond, Worst: 4 * time.Millisecond}
	want.Mean = want.Mean.Truncate(2 * time.Microsecond) // as exact as two bytes are
	if got := history(t, s, "server/web-07", at, at.Add(store.HistoryStep))[0]; got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHistoryIsForgottenWhenItIsOld(t *testing.T) { onEach(t, testHistoryIsForgottenWhenItIsOld) }

func testHistoryIsForgottenWhenItIsOld(t *testing.T, where string) {
	s, noon := open(t, where), start // which is now
	old := noon.Add(-store.HistoryKept).Truncate(time.Hour)
	samples := make([]store.Sample, 1200) // more than one transaction deletes
	for i := range samples {
		samples[i] = store.Sample{Target: fmt.Sprintf("server/web-%04d", i), Bucket: answered(30, 0, time.Millisecond)}
	}
	for _, at := range []time.Time{old.Add(-time.Minute), old, noon} {
		if err := s.Remember(ctx, at, samples); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(ctx); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"server/web-0000", "server/web-1199"} {
		if got := history(t, s, target, old.Add(-store.HistoryStep), old.Add(store.HistoryStep)); got[0].Asked != 0 || got[1].Asked == 0 {
			t.Errorf("%s: before the limit %v, after it %v", target, got[0], got[1])
		}
		if got := history(t, s, target, noon, noon.Add(store.HistoryStep))[0]; got.Asked == 0 {
			t.Errorf("%s: what is new was forgotten", target)
		}
	}
}

func TestMoreHistoryThanIsKeptIsAnError(t *testing.T) { onEach(t, testMoreHistoryThanIsKeptIsAnError) }

func testMoreHistoryThanIsKeptIsAnError(t *testing.T, where string) {
	s := open(t, where)
	now := time.Now()
	if _, err := s.History(ctx, "server/web-07", now.Add(-100*time.Hour), now); err == nil {
		t.Error("100 hours were read")
	}
	if got := history(t, s, "server/web-07", now, now.Add(-time.Hour)); len(got) != 0 {
		t.Errorf("a time that ends before it begins has %v", got)
	}
}

func TestADamagedHourIsAGapAndBeginsAnew(t *testing.T) {
	onEach(t, testADamagedHourIsAGapAndBeginsAnew)
}

func testADamagedHourIsAGapAndBeginsAnew(t *testing.T, where string) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s := open(t, where)
	for hour := range 2 {
		remember(t, s, at.Add(time.Duration(hour)*time.Hour), "server/web-07", answered(30, 0, time.Millisecond))
	}
	s.Close()
	if _, err := raw(t, where).Exec("UPDATE history SET buckets = $1 WHERE hour = $2", []byte("damaged"), at.Unix()/3600); err != nil {
		t.Fatal(err)
	}
	s = open(t, where)
	got := history(t, s, "server/web-07", at, at.Add(2*time.Hour))
	if got[0].Asked != 0 || got[12].Asked != 30 {
		t.Errorf("got %v", got)
	}
	remember(t, s, at, "server/web-07", answered(7, 0, time.Millisecond))
	if got := history(t, s, "server/web-07", at, at.Add(store.HistoryStep))[0]; got.Asked != 7 {
		t.Errorf("after it was written again: %v", got)
	}
}

func TestHistoryIsNoPartOfTheRecord(t *testing.T) { onEach(t, testHistoryIsNoPartOfTheRecord) }

func testHistoryIsNoPartOfTheRecord(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	before := position(t, s)
	remember(t, s, time.Now(), "server/web-07", answered(30, 0, time.Millisecond))
	if after := position(t, s); after != before {
		t.Errorf("the timeline went on from %d to %d", before, after)
	}
	report, err := s.Verify(ctx)
	if err != nil || len(report.Faults) > 0 || report.Events != inc.Version {
		t.Errorf("%+v %v", report, err)
	}
}

func TestAStoreOfTheVersionBeforeGetsItsHistory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	inc := create(t, s, "web-07")
	s.Close()
	makeOlder(t, dir, 1)
	s = open(t, dir)
	at := time.Now()
	remember(t, s, at, "server/web-07", answered(30, 0, time.Millisecond))
	if got := history(t, s, "server/web-07", at, at.Add(time.Second))[0]; got.Asked != 30 {
		t.Errorf("it remembers %v", got)
	}
	if again, err := s.Load(ctx, inc.ID); err != nil || again.Version != inc.Version {
		t.Errorf("the incident is %+v (%v)", again, err)
	}
}

// A cancelled Remember leaves whole transactions behind and an error.
func TestRememberEndsWithItsContext(t *testing.T) { onEach(t, testRememberEndsWithItsContext) }

func testRememberEndsWithItsContext(t *testing.T, where string) {
	s := open(t, where)
	done, cancel := context.WithCancel(ctx)
	cancel()
	err := s.Remember(done, time.Now(), []store.Sample{{Target: "server/web-07", Bucket: answered(1, 0, 0)}})
	if err == nil {
		t.Error("it wrote after its end")
	}
}
