package lab

import (
	"errors"
	"testing"
	"time"
)

var night = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// look is what a machine must be some time after an event.
type look struct {
	after     time.Duration
	power     power
	condition Condition
}

func TestMachineGoesThroughItsPowerStates(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		before func(*machine)
		verb   string
		looks  []look
	}{
		"restart of a hung machine": {hang, "ForceRestart", []look{{0, poweringOn, IsBooting}, {5 * s, powerOn, IsBooting}, {89 * s, powerOn, IsBooting}, {90 * s, powerOn, IsRunning}}},
		"cycle of a hung machine":   {hang, "PowerCycle", []look{{0, poweringOff, IsOff}, {5 * s, powerOff, IsOff}, {10 * s, poweringOn, IsBooting}, {14 * s, powerOn, IsBooting}, {99 * s, powerOn, IsRunning}}},
		"off":                       {nothing, "ForceOff", []look{{0, poweringOff, IsOff}, {5 * s, powerOff, IsOff}, {time.Hour, powerOff, IsOff}}},
		"on":                        {turnOff, "On", []look{{0, poweringOn, IsBooting}, {5 * s, powerOn, IsBooting}, {90 * s, powerOn, IsRunning}}},
		"on, when it is on":         {nothing, "On", []look{{0, powerOn, IsRunning}}},
		"on, of a hung machine":     {hang, "On", []look{{0, powerOn, IsHung}, {time.Hour, powerOn, IsHung}}},
		"off, when it is off":       {turnOff, "ForceOff", []look{{0, powerOff, IsOff}}},
		"shutdown":                  {nothing, "GracefulShutdown", []look{{0, poweringOff, IsOff}, {14 * s, powerOff, IsOff}}},
		"shutdown, not heard":       {hang, "GracefulShutdown", []look{{0, powerOn, IsHung}, {time.Hour, powerOn, IsHung}}},
		"restart of a dead machine": {die, "ForceRestart", []look{{0, poweringOn, IsDead}, {90 * s, powerOn, IsDead}, {time.Hour, powerOn, IsDead}}},
		"restart, service crashed":  {crash, "ForceRestart", []look{{90 * s, powerOn, IsRunning}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine("web-01", DefaultBoot, night)
			c.before(m)
			if err := switches[c.verb](m, night); err != nil {
				t.Fatal(err)
			}
			for _, l := range c.looks {
				now := night.Add(l.after)
				if m.power(now) != l.power || m.condition(now) != l.condition {
					t.Errorf("after %v: power %s and %q, want %s and %q", l.after, m.power(now), m.condition(now), l.power, l.condition)
				}
			}
		})
	}
}

func nothing(*machine)   {}
func hang(m *machine)    { machineFaults[Hung](m, night) }
func turnOff(m *machine) { machineFaults[Off](m, night) }
func die(m *machine)     { machineFaults[Dead](m, night) }
func crash(m *machine)   { machineFaults[Crashed](m, night) }

func TestMachineThatIsOffRefusesARestart(t *testing.T) {
	for _, verb := range []string{"ForceRestart", "PowerCycle"} {
		m := newMachine("web-01", DefaultBoot, night)
		turnOff(m)
		if err := switches[verb](m, night); !errors.Is(err, errPresentState) {
			t.Errorf("%s: %v", verb, err)
		}
		if got := m.condition(night.Add(time.Hour)); got != IsOff {
			t.Errorf("%s: it is %q afterwards", verb, got)
		}
	}
}

func TestEveryBootHasItsOwnID(t *testing.T) {
	m := newMachine("web-01", DefaultBoot, night)
	seen := map[string]bool{m.bootID(): true}
	for _, boots := range []func(){
		func() { m.reboot(night) },
		func() { _ = m.restart(night) },
		func() { _ = m.cycle(night) },
		func() { m.repair(night) },
	} {
		boots()
		if seen[m.bootID()] {
			t.Fatalf("boot id %s came twice", m.bootID())
		}
		seen[m.bootID()] = true
	}
}

func TestEveryFaultHasASentence(t *testing.T) {
	for f := range machineFaults {
		if Faults[f] == "" {
			t.Errorf("%s has none", f)
		}
	}
	if len(switches) != len(resetTypes) {
		t.Errorf("the controllers offer %v and carry out %d commands", resetTypes, len(switches))
	}
}

func TestWireLogForgetsTheOldestAndStillCounts(t *testing.T) {
	var w wire
	for range maxWire + 1 {
		w.add(WireEntry{Power: true})
	}
	if len(w.entries) > maxWire || w.power != maxWire+1 {
		t.Fatalf("%d entries kept, %d counted", len(w.entries), w.power)
	}
}
