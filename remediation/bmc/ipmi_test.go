package bmc_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
)

// needIPMITool runs story where ipmitool is installed. Elsewhere it checks that
// the order is refused with words that help.
func needIPMITool(t *testing.T, b *ipmiBMC, story func()) {
	t.Helper()
	if haveIPMITool(t) {
		story()
		return
	}
	check(t, bmc.Power(t.Context(), order(b.inventory(t), "cycle")), incident.OutcomeRefused, "install the package ipmitool")
}

func (b *ipmiBMC) inventory(t *testing.T) *inventory.BMC {
	t.Helper()
	return &inventory.BMC{
		Protocol: "ipmi", Address: "127.0.0.1", Port: b.port, Username: username, Password: secretFile(t, password),
	}
}

func TestWithoutIPMIToolTheOrderIsRefusedInWords(t *testing.T) {
	b := startIPMI(t, serial)
	t.Setenv("PATH", t.TempDir())
	check(t, bmc.Power(t.Context(), order(b.inventory(t), "cycle")), incident.OutcomeRefused, "install the package ipmitool")
	got := bmc.Probe(t.Context(), probes.Target{BMC: b.inventory(t)})
	if got.State != probes.Unknown || !strings.Contains(got.Reason, "ipmitool is not installed") {
		t.Fatalf("probe says %s: %s", got.State, got.Reason)
	}
}

func TestIPMISendsEachVerbOnce(t *testing.T) {
	for _, tt := range []struct {
		verb string
		on   bool
		sent uint8
	}{
		{"cycle", true, actionCycle}, {"off", true, actionOff}, {"soft", true, actionSoft}, {"on", false, actionOn},
	} {
		t.Run(tt.verb, func(t *testing.T) {
			b := startIPMI(t, serial)
			b.set(func(b *ipmiBMC) { b.on = tt.on })
			needIPMITool(t, b, func() {
				check(t, bmc.Power(t.Context(), order(b.inventory(t), tt.verb)), incident.OutcomeDone, "took the command power "+tt.verb)
				if got := b.received(); !slices.Equal(got, []uint8{tt.sent}) {
					t.Fatalf("the BMC received %v", got)
				}
			})
		})
	}
}

func TestIPMIRefusesAndSendsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*testing.T, *ipmiBMC, *remediation.Order)
		why    string
	}{
		"cycle when off": {func(_ *testing.T, b *ipmiBMC, _ *remediation.Order) { b.set(func(b *ipmiBMC) { b.on = false }) }, "a cycle needs one that is on"},
		"on when on":     {func(_ *testing.T, _ *ipmiBMC, o *remediation.Order) { o.Intent.Verb = "on" }, "already on"},
		"frozen": {func(_ *testing.T, _ *ipmiBMC, o *remediation.Order) { o.Last = func() error { return errFrozen } },
			"piket is frozen"},
		"other serial": {func(_ *testing.T, _ *ipmiBMC, o *remediation.Order) { o.Intent.Serial = "SN-0018" },
			"the BMC belongs to serial " + serial},
		"other UUID": {func(_ *testing.T, b *ipmiBMC, _ *remediation.Order) { b.set(func(b *ipmiBMC) { b.guid[15]++ }) }, "not the machine it should be"},
		"wrong password": {func(t *testing.T, _ *ipmiBMC, o *remediation.Order) { o.Server.BMC.Password = secretFile(t, "other") },
			"refuses user piket or the password"},
		"wrong user": {func(_ *testing.T, _ *ipmiBMC, o *remediation.Order) { o.Server.BMC.Username = "nobody" },
			"refuses user nobody or the password"},
		"password too long": {func(t *testing.T, _ *ipmiBMC, o *remediation.Order) {
			o.Server.BMC.Password = secretFile(t, strings.Repeat("x", 21))
		}, "longer than the 20 bytes"},
		"cipher suite not spoken": {func(_ *testing.T, _ *ipmiBMC, o *remediation.Order) { o.Server.BMC.CipherSuite = 8 },
			"does not speak cipher suite 8"},
	} {
		t.Run(name, func(t *testing.T) {
			b := startIPMI(t, serial)
			needIPMITool(t, b, func() {
				o := order(b.inventory(t), "cycle")
				tt.change(t, b, &o)
				check(t, bmc.Power(t.Context(), o), incident.OutcomeRefused, tt.why)
				if got := b.received(); len(got) != 0 {
					t.Fatalf("the BMC received %v", got)
				}
			})
		})
	}
}

func TestIPMIAsksLastOnce(t *testing.T) {
	b := startIPMI(t, serial)
	needIPMITool(t, b, func() {
		o := order(b.inventory(t), "cycle")
		asked := 0
		o.Last = func() error { asked++; return nil }
		check(t, bmc.Power(t.Context(), o), incident.OutcomeDone, "")
		if asked != 1 {
			t.Fatalf("asked %d times", asked)
		}
	})
}

// With the replies lost, ipmitool by itself sends the command four times, and
// the BMC carries out each of them.
func TestIPMILostRepliesCarryOutOneCommand(t *testing.T) {
	t.Parallel()
	for _, suite := range []int{3, 17} {
		t.Run(fmt.Sprintf("cipher suite %d", suite), func(t *testing.T) {
			t.Parallel()
			b := startIPMI(t, serial)
			needIPMITool(t, b, func() {
				relay := newRelay(t, b.port)
				b.set(func(b *ipmiBMC) { b.arrived = func() { relay.deaf.Store(true) } })
				o := order(b.inventory(t), "cycle")
				o.Server.BMC.Port, o.Server.BMC.CipherSuite = relay.port, suite
				check(t, bmc.Power(t.Context(), o), incident.OutcomeUnknown, "did not answer the command")
				if got := b.received(); !slices.Equal(got, []uint8{actionCycle}) {
					t.Fatalf("the BMC carried out %v", got)
				}
			})
		})
	}
}

// The write's own session is cut short after n replies, for n up to beyond its
// end: whatever is lost, nothing is carried out twice, and what was carried out
// is not called refused.
func TestIPMILosingRepliesAtAnyPointNeverActsTwice(t *testing.T) {
	t.Parallel()
	var stories sync.WaitGroup
	defer stories.Wait()
	for _, n := range []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12} {
		b := startIPMI(t, serial)
		relay := newRelay(t, b.port)
		o := order(b.inventory(t), "cycle")
		o.Server.BMC.Port = relay.port
		o.Last = func() error { relay.keep(n); return nil }
		stories.Go(func() { // beside each other: nearly all of the time is waiting
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			got := bmc.Power(ctx, o)
			if sent := len(b.received()); sent > 1 || sent == 1 && got.Outcome == incident.OutcomeRefused {
				t.Errorf("after %d replies: the BMC carried out %d commands, and the outcome is %s: %s", n, sent, got.Outcome, got.Detail)
			}
		})
	}
}

func TestIPMIEndsWithItsContextWhenTheBMCHangs(t *testing.T) {
	b := startIPMI(t, serial)
	needIPMITool(t, b, func() {
		ctx, cancel := context.WithCancel(t.Context())
		hold := make(chan struct{})
		b.set(func(b *ipmiBMC) { b.hold, b.arrived = hold, cancel })
		began := time.Now()
		got := bmc.Power(ctx, order(b.inventory(t), "cycle"))
		close(hold)
		check(t, got, incident.OutcomeUnknown, "did not answer the command in time")
		if took := time.Since(began); took > 4*time.Second {
			t.Fatalf("took %v", took)
		}
		if sent := b.received(); !slices.Equal(sent, []uint8{actionCycle}) {
			t.Fatalf("the BMC received %v", sent)
		}
	})
}

func TestIPMIJudgesTheCompletionCode(t *testing.T) {
	for code, want := range map[types.CompletionCode]incident.Outcome{
		0xC0: incident.OutcomeRefused, // node busy
		0xC1: incident.OutcomeRefused, // invalid command
		0xCC: incident.OutcomeRefused, // invalid data field
		0xD4: incident.OutcomeRefused, // insufficient privilege
		0xD5: incident.OutcomeRefused, // not in the present state
		0xC3: incident.OutcomeUnknown, // timeout while processing
		0xCE: incident.OutcomeUnknown, // response could not be provided
		0xFF: incident.OutcomeUnknown, // unspecified
		0x80: incident.OutcomeUnknown, // the vendor's own
	} {
		t.Run(fmt.Sprintf("%#x", uint8(code)), func(t *testing.T) {
			b := startIPMI(t, serial)
			b.set(func(b *ipmiBMC) { b.code = code })
			needIPMITool(t, b, func() {
				check(t, bmc.Power(t.Context(), order(b.inventory(t), "cycle")), want, "the BMC ")
				if got := b.received(); len(got) != 1 {
					t.Fatalf("the BMC received %v", got)
				}
			})
		})
	}
}

func TestIPMIAcceptsEachByteOrderOfTheUUID(t *testing.T) {
	reversed := ipmiGUID
	straight := [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	for i, b := range straight {
		reversed[15-i] = b
	}
	for name, guid := range map[string][16]byte{"smbios": ipmiGUID, "ipmi": reversed, "rfc4122": straight} {
		t.Run(name, func(t *testing.T) {
			b := startIPMI(t, serial)
			b.set(func(b *ipmiBMC) { b.guid = guid })
			needIPMITool(t, b, func() {
				check(t, bmc.Power(t.Context(), order(b.inventory(t), "cycle")), incident.OutcomeDone, "")
			})
		})
	}
}

func TestIPMIAcceptsTheSerialOfTheBoard(t *testing.T) {
	b := startIPMI(t, serial)
	needIPMITool(t, b, func() {
		o := order(b.inventory(t), "cycle")
		o.Intent.Serial = "BOARD-" + serial
		check(t, bmc.Power(t.Context(), o), incident.OutcomeDone, "")
		got, _, _, err := bmc.Identity(t.Context(), inventory.Server{BMC: b.inventory(t), Serial: serial, UUID: uuid})
		if got != serial || err != nil {
			t.Fatalf("identity is %q, %v; want the serial of the product", got, err)
		}
	})
}

// TestPasswordIsNotInArguments runs everything through a recorder that stands
// in for ipmitool and writes down how it was called.
func TestPasswordIsNotInArguments(t *testing.T) {
	b := startIPMI(t, serial)
	needIPMITool(t, b, func() {
		real, err := exec.LookPath("ipmitool")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		record := "#!/bin/sh\necho \"$0 $*\" >>" + dir + "/calls\nexec " + real + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, "ipmitool"), []byte(record), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
		check(t, bmc.Power(t.Context(), order(b.inventory(t), "cycle")), incident.OutcomeDone, "")
		calls, err := os.ReadFile(filepath.Join(dir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(calls), password) {
			t.Fatalf("the password is in the arguments:\n%s", calls)
		}
		var writes []string
		for line := range strings.Lines(string(calls)) {
			if strings.Contains(line, "power cycle") {
				writes = append(writes, line)
			}
		}
		if len(writes) != 1 || !strings.Contains(writes[0], " -R 1 ") || !strings.Contains(writes[0], " -C 17 ") {
			t.Fatalf("writes were called as %q, want one with -R 1 and -C 17", writes)
		}
	})
}

func TestNothingIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	b := startIPMI(t, serial)
	needIPMITool(t, b, func() {
		i := b.inventory(t)
		check(t, bmc.Power(t.Context(), order(i, "cycle")), incident.OutcomeDone, "")
		left, err := filepath.Glob(dir + "/piket-ipmi-*")
		if err != nil || len(left) != 0 {
			t.Fatalf("left behind: %q, %v", left, err)
		}
	})
}
