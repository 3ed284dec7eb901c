package bmc_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
)

const resetPath = systemPath + "/Actions/ComputerSystem.Reset "

func TestRedfishSendsEachVerbOnce(t *testing.T) {
	for _, tt := range []struct{ verb, state, sent string }{
		{"cycle", "On", "ForceRestart"},
		{"off", "On", "ForceOff"},
		{"soft", "On", "GracefulShutdown"}, // bmclib reports an error for this one though it was accepted
		{"on", "Off", "On"},
	} {
		t.Run(tt.verb, func(t *testing.T) {
			b := startRedfish(t)
			b.setState(tt.state)
			check(t, bmc.Power(t.Context(), order(b.inventory(), tt.verb)), incident.OutcomeDone, "took the command power "+tt.verb)
			if got := b.received(); !slices.Equal(got, []string{resetPath + tt.sent}) {
				t.Fatalf("the BMC received %q", got)
			}
		})
	}
}

func TestRedfishRefusesWhatMakesNoSenseAndSendsNothing(t *testing.T) {
	for _, tt := range []struct{ verb, state, why string }{
		{"cycle", "Off", "the machine is off: a cycle needs one that is on"},
		{"on", "On", "already on"},
		{"off", "Off", "already off"},
		{"soft", "Off", "already off"},
		{"cycle", "PoweringOn", "does not say clearly"},
		{"on", "PoweringOff", "does not say clearly"},
		{"on", "", "does not say clearly"},
		{"reset", "On", "not a power command that piket sends"},
		{"", "On", "not a power command that piket sends"},
	} {
		t.Run(tt.verb+" when "+tt.state, func(t *testing.T) {
			b := startRedfish(t)
			b.setState(tt.state)
			check(t, bmc.Power(t.Context(), order(b.inventory(), tt.verb)), incident.OutcomeRefused, tt.why)
			if got := b.received(); len(got) != 0 {
				t.Fatalf("the BMC received %q", got)
			}
		})
	}
}

func TestRedfishNeverTouchesAnotherMachine(t *testing.T) {
	for name, change := range map[string]func(*redfishBMC, *remediation.Order){
		"other serial":        func(b *redfishBMC, _ *remediation.Order) { b.serial = "SN-0018" },
		"other UUID":          func(b *redfishBMC, _ *remediation.Order) { b.uuid = "99112233-4455-6677-8899-aabbccddeeff" },
		"no serial":           func(b *redfishBMC, _ *remediation.Order) { b.serial = "" },
		"no UUID":             func(b *redfishBMC, _ *remediation.Order) { b.uuid = "" },
		"no serial in intent": func(b *redfishBMC, o *remediation.Order) { b.serial, o.Intent.Serial = "", "" },
		"no UUID in intent":   func(b *redfishBMC, o *remediation.Order) { b.uuid, o.Intent.UUID = "", "" },
		"placeholder as serial": func(b *redfishBMC, o *remediation.Order) {
			b.serial, o.Intent.Serial = "To be filled by O.E.M.", "To be filled by O.E.M."
		},
		"zeros as UUID": func(b *redfishBMC, o *remediation.Order) {
			b.uuid, o.Intent.UUID = "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := startRedfish(t)
			o := order(b.inventory(), "cycle")
			b.set(func(b *redfishBMC) { change(b, &o) })
			o.Last = func() error { t.Error("the last question was asked for a machine that is not identified"); return nil }
			check(t, bmc.Power(t.Context(), o), incident.OutcomeRefused, "")
			if got := b.received(); len(got) != 0 {
				t.Fatalf("the BMC received %q", got)
			}
		})
	}
}

func TestRedfishNamesBothMachinesWhenTheyDiffer(t *testing.T) {
	b := startRedfish(t)
	b.set(func(b *redfishBMC) { b.serial = "SN-0018" })
	check(t, bmc.Power(t.Context(), order(b.inventory(), "cycle")), incident.OutcomeRefused,
		"the BMC belongs to serial SN-0018, UUID "+uuid+"; the inventory says serial "+serial+", UUID "+uuid)
}

func TestRedfishNoticesThatTheMachineChangedBetweenLookAndWrite(t *testing.T) {
	b := startRedfish(t)
	var reads atomic.Int64
	b.onRequest(func(r *http.Request) {
		if r.URL.Path == systemPath && reads.Add(1) == 2 { // the driver's own read right before the write
			b.set(func(b *redfishBMC) { b.serial = "SN-0018" })
		}
	})
	check(t, bmc.Power(t.Context(), order(b.inventory(), "cycle")), incident.OutcomeRefused, "not the machine it should be")
	if got := b.received(); len(got) != 0 {
		t.Fatalf("the BMC received %q", got)
	}
}

func TestRedfishAsksLastRightBeforeTheWriteAndObeys(t *testing.T) {
	b := startRedfish(t)
	var seen atomic.Int64
	b.onRequest(func(*http.Request) { seen.Add(1) })
	o := order(b.inventory(), "cycle")
	asked, before := 0, int64(0)
	o.Last = func() error { asked++; before = seen.Load(); return errFrozen }
	check(t, bmc.Power(t.Context(), o), incident.OutcomeRefused, "piket is frozen")
	if after := seen.Load(); asked != 1 || after != before || len(b.received()) != 0 {
		t.Fatalf("asked %d times, %d requests before and %d after, received %q", asked, before, after-before, b.received())
	}
}

func TestRedfishJudgesTheAnswerToTheWrite(t *testing.T) {
	for _, tt := range []struct {
		status int
		want   incident.Outcome
	}{
		{200, incident.OutcomeDone}, {202, incident.OutcomeDone}, {204, incident.OutcomeDone},
		{400, incident.OutcomeRefused}, {403, incident.OutcomeRefused}, {404, incident.OutcomeRefused}, {409, incident.OutcomeRefused},
		{301, incident.OutcomeUnknown}, {303, incident.OutcomeUnknown}, {307, incident.OutcomeUnknown}, {308, incident.OutcomeUnknown},
		{408, incident.OutcomeUnknown}, {500, incident.OutcomeUnknown}, {502, incident.OutcomeUnknown}, {503, incident.OutcomeUnknown},
	} {
		t.Run(strconv.Itoa(tt.status), func(t *testing.T) {
			b := startRedfish(t)
			b.onReset(func(w http.ResponseWriter) {
				w.Header().Set("Location", b.server.URL+systemPath+"/Actions/ComputerSystem.Reset")
				w.WriteHeader(tt.status)
			})
			check(t, bmc.Power(t.Context(), order(b.inventory(), "cycle")), tt.want, "")
			if got := b.received(); len(got) != 1 {
				t.Fatalf("the BMC received %q, want one command", got)
			}
		})
	}
}

// hangUp drops the connection without an answer, as a controller does that
// resets itself.
func hangUp(w http.ResponseWriter) { panic(http.ErrAbortHandler) }

func TestRedfishLostReplyIsUnknownAndNotSentAgain(t *testing.T) {
	for _, verb := range []string{"cycle", "off", "soft"} {
		t.Run(verb, func(t *testing.T) {
			b := startRedfish(t)
			b.onReset(hangUp)
			check(t, bmc.Power(t.Context(), order(b.inventory(), verb)), incident.OutcomeUnknown, "broke off")
			if got := b.received(); len(got) != 1 {
				t.Fatalf("the BMC received %q, want one command", got)
			}
		})
	}
}

func TestRedfishEndsWithItsContextWhenTheBMCHangs(t *testing.T) {
	b := startRedfish(t)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	b.onReset(func(w http.ResponseWriter) { cancel(); <-release; w.WriteHeader(http.StatusNoContent) })
	t.Cleanup(func() { close(release) })
	began := time.Now()
	check(t, bmc.Power(ctx, order(b.inventory(), "cycle")), incident.OutcomeUnknown, "stopped before")
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("took %v after its context had ended", took)
	}
	if got := b.received(); len(got) != 1 {
		t.Fatalf("the BMC received %q, want one command", got)
	}
}

func TestRedfishThatEndsBeforeTheWriteIsRefused(t *testing.T) {
	b := startRedfish(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.onRequest(func(r *http.Request) {
		if r.URL.Path == systemPath {
			cancel()
		}
	})
	check(t, bmc.Power(ctx, order(b.inventory(), "cycle")), incident.OutcomeRefused, "stopped before")
	if got := b.received(); len(got) != 0 {
		t.Fatalf("the BMC received %q", got)
	}
}

func TestRedfishSaysWhatIsWrongBeforeTheWrite(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*testing.T, *redfishBMC, *inventory.BMC)
		why    string
	}{
		"wrong password": {func(t *testing.T, _ *redfishBMC, i *inventory.BMC) { i.Password = secretFile(t, "other") },
			"the BMC refuses user piket or the password (HTTP 401)"},
		"password file gone": {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) {
			i.Password = secret.Ref{File: "/nonexistent/password"}
		},
			"password of the BMC cannot be read"},
		"certificate from nobody we know": {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.CAFile = "" },
			"signed by nobody we trust: name its issuer in ca_file"},
		"certificate for another name": {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.Address = "localhost" },
			"is for another name"},
		"CA file gone":      {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.CAFile = "/nonexistent/ca.pem" }, "ca_file: read certificates"},
		"CA file is no PEM": {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.CAFile = i.Password.File }, "holds no certificate"},
		"nobody listens":    {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) { b.server.Close() }, "refuses the connection"},
		"unknown protocol":  {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.Protocol = "telnet" }, `"telnet" is not a BMC protocol`},
		"system not there":  {func(_ *testing.T, _ *redfishBMC, i *inventory.BMC) { i.System = "Blade9" }, `no system named "Blade9"`},
		"reset not offered": {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) {
			b.set(func(b *redfishBMC) { b.offers = []string{"On"} })
		}, "does not offer what power cycle needs"},
		"two systems no name": {func(_ *testing.T, b *redfishBMC, _ *inventory.BMC) {
			b.addSystem("Other")
		}, "2 systems that could be meant"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startRedfish(t)
			i := b.inventory()
			tt.change(t, b, i)
			check(t, bmc.Power(t.Context(), order(i, "cycle")), incident.OutcomeRefused, tt.why)
			if got := b.received(); len(got) != 0 {
				t.Fatalf("the BMC received %q", got)
			}
		})
	}
}

func TestRedfishPicksTheNamedSystem(t *testing.T) {
	b := startRedfish(t)
	b.addSystem("Other")
	i := b.inventory()
	i.System = "Server"
	check(t, bmc.Power(t.Context(), order(i, "cycle")), incident.OutcomeDone, "")
	if got := b.received(); !slices.Equal(got, []string{resetPath + "ForceRestart"}) {
		t.Fatalf("the BMC received %q", got)
	}
}

func TestRedfishRefusesTwoSystemsOfOneName(t *testing.T) {
	b := startRedfish(t)
	b.addSystem("Server")
	i := b.inventory()
	i.System = "Server"
	check(t, bmc.Power(t.Context(), order(i, "cycle")), incident.OutcomeRefused, "2 systems that could be meant")
	if got := b.received(); len(got) != 0 {
		t.Fatalf("the BMC received %q", got)
	}
}

func TestRedfishRefusesWhileTheLibraryPrintsPasswords(t *testing.T) {
	b := startRedfish(t)
	t.Setenv("DEBUG_BMCLIB", "true")
	check(t, bmc.Power(t.Context(), order(b.inventory(), "cycle")), incident.OutcomeRefused, "DEBUG_BMCLIB is set")
}

func TestRedfishStopsWhenTheNameMovesToAnotherMachine(t *testing.T) {
	// Two controllers with certificates of the same issuer; the connection
	// behind the name goes to the second one once the first has been read.
	other := newCertificate(t)
	one, two := startRedfish(t), startRedfish(t, other)
	relay := newSwitch(t, one.server.Listener.Addr().String())
	one.onRequest(func(r *http.Request) {
		if r.URL.Path == systemPath {
			relay.to(two.server.Listener.Addr().String())
		}
	})
	i := one.inventory()
	i.CAFile = bundle(t, one.server.Certificate().Raw, other.Certificate[0])
	i.Address, i.Port = relay.host, relay.port
	check(t, bmc.Power(t.Context(), order(i, "cycle")), incident.OutcomeRefused, "another machine answers")
	if got := append(one.received(), two.received()...); len(got) != 0 {
		t.Fatalf("received %q", got)
	}
}

func TestOrderWithoutLastCheckIsNotSent(t *testing.T) {
	b := startRedfish(t)
	o := order(b.inventory(), "cycle")
	o.Last = nil
	check(t, bmc.Power(t.Context(), o), incident.OutcomeRefused, "no last check")
	o = order(nil, "cycle")
	check(t, bmc.Power(t.Context(), o), incident.OutcomeRefused, "has no BMC in the inventory")
}

func TestIdentityReadsWhatTheInventoryNeeds(t *testing.T) {
	b := startRedfish(t)
	server := inventory.Server{BMC: b.inventory(), Serial: serial, UUID: uuid}
	s, u, matches, err := bmc.Identity(t.Context(), server)
	if s != serial || u != uuid || !matches || err != nil {
		t.Fatalf("got %q, %q, %v, %v", s, u, matches, err)
	}
	server.Serial = "SN-9999"
	if _, _, matches, err := bmc.Identity(t.Context(), server); matches || err != nil {
		t.Fatalf("another machine matches: %v, %v", matches, err)
	}
	b.server.Close()
	if _, _, _, err = bmc.Identity(t.Context(), server); err == nil || errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v, want an error in words", err)
	}
}
