package kdump

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
)

// forge has somebody say, for three days and as often as every, that web-01 is
// writing its memory. It returns the seconds in which piket waits.
func forge(t *testing.T, every time.Duration) (waits []bool, log string) {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		Sites:   []inventory.Site{{Name: "ams1"}},
		Servers: []inventory.Server{{Name: "web-01", Site: "ams1", Address: "192.0.2.11"}, {Name: "web-02", Site: "ams1", Address: "192.0.2.12"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	clk := clock.Following(func() time.Time { return now }, func() time.Duration { return 0 })
	l, err := Listen(Config{Listen: "127.0.0.1:0"}, clk, slog.New(slog.NewTextHandler(&said, nil)), func() *inventory.Inventory { return inv })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server, _ := inv.Server("web-01")
	other, _ := inv.Server("web-02")
	for second := range int(3 * day / time.Second) {
		if second%int(every/time.Second) == 0 {
			l.note(netip.MustParseAddr("192.0.2.11"))
		}
		at, ok := l.LastHeard(server)
		waits = append(waits, ok && now.Sub(at) < kept)
		if _, ok := l.LastHeard(other); ok {
			t.Fatal("another server is waited for")
		}
		now = now.Add(time.Second)
	}
	return waits, said.String()
}

// However somebody spreads what they forge, the power of a server is theirs to
// hold for an hour of a day, and the log says when it was enough.
func TestWhoForgesTheMessageHoldsNoServerBackForEver(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 10 * time.Second, 100 * time.Second, 119 * time.Second, 3 * time.Minute, 20 * time.Minute} {
		waits, log := forge(t, every)
		for from := 0; from < len(waits); from += int(day / time.Second) {
			waited := time.Duration(0)
			for _, w := range waits[from : from+int(day/time.Second)] {
				if w {
					waited += time.Second
				}
			}
			if waited == 0 || waited > longest+kept {
				t.Errorf("forged every %v: waited for %v on the day that begins after %v", every, waited, time.Duration(from)*time.Second)
			}
		}
		if !strings.Contains(log, "host=web-01") || strings.Count(log, "\n") > 3 {
			t.Errorf("forged every %v, the log says\n%s", every, log)
		}
	}
}

// A machine that crashes several times a day is waited for each time.
func TestAMachineThatWritesItsMemorySeveralTimesADayIsHeard(t *testing.T) {
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	h := heard{}
	for range 5 {
		for range 9 * 6 { // nine minutes, a message every ten seconds
			if h = h.again(at); h.spent() {
				t.Fatalf("at %v it is not heard any more: %+v", at, h)
			}
			at = at.Add(10 * time.Second)
		}
		at = at.Add(3 * time.Hour)
	}
	if h = h.again(at.Add(-30 * time.Hour)); h.counts != 0 || h.spent() {
		t.Errorf("after the clock was set back: %+v", h)
	}
}
