package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/probes"
)

// historyFor runs the daemon for a while of its own time, and returns what it
// remembers of a server.
func historyFor(t *testing.T, d *Daemon, length time.Duration) []store.Bucket {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := d.clk.Now()
	<-d.clk.Go(func() {
		looking := d.clk.Go(func() { d.prober.Run(ctx) })
		writing := d.clk.Go(func() { d.keepHistory(ctx) })
		d.clk.Wait(ctx, began.Add(length), nil)
		cancel()
		<-looking
		<-writing
	})
	buckets, err := d.store.History(t.Context(), "server/web-01", began, d.clk.Now())
	if err != nil {
		t.Fatal(err)
	}
	return buckets
}

// loopbackDaemon looks at one server that answers, every ten seconds.
func loopbackDaemon(t *testing.T) *Daemon {
	t.Helper()
	path := write(t, least, "sites: [{name: ams1}]\nservers: [{name: web-01, site: ams1, address: 127.0.0.1}]\n"+
		"people: [{name: noor, roles: [engineer], token_file: token}]\nteams: [{name: network-and-server, members: [noor], on_duty: [noor]}]\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "token"), []byte("token-of-noor-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := NewDaemon(path, clock.Jumping(time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)), slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestEveryAnswerIsInThePlotAlsoAfterAStop(t *testing.T) {
	buckets := historyFor(t, loopbackDaemon(t), 12*time.Minute)
	if len(buckets) != 3 {
		t.Fatalf("%d buckets", len(buckets))
	}
	for i, want := range []struct{ least, most uint16 }{{29, 30}, {29, 31}, {11, 13}} { // the last was cut short
		if b := buckets[i]; b.Asked < want.least || b.Asked > want.most || b.Lost != 0 || b.Worst == 0 || b.Mean > b.Worst {
			t.Errorf("bucket %d is %+v", i, b)
		}
	}
}

func TestATallyBecomesABucket(t *testing.T) {
	for tally, want := range map[probes.Tally]store.Bucket{
		{Asked: 30, Lost: 10, Sum: 40_000, Worst: 9000}: {Asked: 30, Lost: 10, Mean: 2 * time.Millisecond, Worst: 9 * time.Millisecond},
		{Asked: 30, Lost: 30}:                           {Asked: 30, Lost: 30},
	} {
		if got := bucketOf(tally); got != want {
			t.Errorf("%+v became %+v, want %+v", tally, got, want)
		}
	}
}

func TestOldHistoryIsForgottenWithinTheHour(t *testing.T) {
	d := loopbackDaemon(t)
	old := d.clk.Now().Add(-store.HistoryKept - 2*time.Hour)
	err := d.store.Remember(t.Context(), old, []store.Sample{{Target: "server/gone-01", Bucket: store.Bucket{Asked: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	historyFor(t, d, 65*time.Minute)
	if buckets, err := d.store.History(t.Context(), "server/gone-01", old, old.Add(store.HistoryStep)); err != nil || buckets[0].Asked != 0 {
		t.Errorf("it still knows %+v (%v)", buckets, err)
	}
}
