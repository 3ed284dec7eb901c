package bmc_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/bmc"
)

func TestProbeTellsSilenceFromOurOwnTrouble(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*testing.T, *redfishBMC, *inventory.BMC)
		state  probes.State
		fact   any
		reason string
	}{
		"on":           {func(*testing.T, *redfishBMC, *inventory.BMC) {}, probes.Up, "on", "the power is on"},
		"off":          {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) { b.setState("Off") }, probes.Up, "off", "the power is off"},
		"powering off": {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) { b.setState("PoweringOff") }, probes.Unknown, nil, `says "PoweringOff"`},
		"wrong password": {func(t *testing.T, _ *redfishBMC, i *inventory.BMC) { i.Password = secretFile(t, "other") },
			probes.Down, nil, "refuses user piket"},
		"nobody listens": {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) { b.server.Close() }, probes.Down, nil, "refuses the connection"},
		"hangs up": {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) {
			b.onRequest(func(*http.Request) { panic(http.ErrAbortHandler) })
		},
			probes.Down, nil, "broke off"},
		"not trusted": {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.CAFile = "" }, probes.Unknown, nil, "signed by nobody we trust"},
		"no password": {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.Password = secret.Ref{File: "/nonexistent"} },
			probes.Unknown, nil, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startRedfish(t)
			i := b.inventory()
			tt.change(t, b, i)
			got := bmc.Probe(t.Context(), probes.Target{BMC: i})
			if got.State != tt.state || got.Facts["state"] != tt.fact || !strings.Contains(got.Reason, tt.reason) {
				t.Fatalf("got %+v, want %s, fact %v: …%s…", got, tt.state, tt.fact, tt.reason)
			}
			if len(b.received()) != 0 {
				t.Fatal("a probe wrote to the BMC")
			}
		})
	}
}

// A BMC that answers after a minute is there: that is not down, and not up.
func TestProbeEndsInTimeAndCallsASlowBMCUnknown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	b := startRedfish(t).inventory()
	b.Port = l.Addr().(*net.TCPAddr).Port
	began := time.Now()
	got := bmc.Probe(t.Context(), probes.Target{BMC: b, Timeout: 200 * time.Millisecond})
	if got.State != probes.Unknown || !strings.Contains(got.Reason, "slow") || got.Facts != nil || time.Since(began) > 3*time.Second {
		t.Fatalf("got %+v after %v, want unknown without a fact", got, time.Since(began))
	}
}

func TestProbeOverIPMI(t *testing.T) {
	b := startIPMI(t, serial)
	if !haveIPMITool(t) {
		if got := bmc.Probe(t.Context(), probes.Target{BMC: b.inventory(t)}); got.State != probes.Unknown {
			t.Fatalf("got %+v, want unknown without ipmitool", got)
		}
		return
	}
	got := bmc.Probe(t.Context(), probes.Target{BMC: b.inventory(t)})
	if got.State != probes.Up || got.Facts["state"] != "on" || got.Latency <= 0 {
		t.Fatalf("got %+v, want up and on", got)
	}
	wrong := b.inventory(t)
	wrong.Password = secretFile(t, "other")
	if got := bmc.Probe(t.Context(), probes.Target{BMC: wrong}); got.State != probes.Down || !strings.Contains(got.Reason, "password") {
		t.Fatalf("got %+v, want down because of the password", got)
	}
}

func TestProbeWithoutABMC(t *testing.T) {
	if got := bmc.Probe(t.Context(), probes.Target{}); got.State != probes.Unknown {
		t.Fatalf("got %+v", got)
	}
}
