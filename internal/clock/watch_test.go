package clock

import (
	"testing"
	"time"
)

// machine is a machine whose clock somebody sets, and which may be suspended.
type machine struct {
	wall time.Time
	boot time.Duration
}

func (m *machine) pass(d time.Duration) { m.wall, m.boot = m.wall.Add(d), m.boot+d }
func (m *machine) set(by time.Duration) { m.wall = m.wall.Add(by) }
func (m *machine) clock() *Clock        { return Following(m.now, m.since) }
func (m *machine) now() time.Time       { return m.wall }
func (m *machine) since() time.Duration { return m.boot }
func newMachine() *machine              { return &machine{wall: time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)} }

func TestStopwatchDoesNotFollowWhoSetsTheClock(t *testing.T) {
	m := newMachine()
	watch := m.clock().Stopwatch()
	m.pass(20 * time.Second)
	m.set(-time.Hour)
	m.pass(10 * time.Second)
	if got := watch(); got != 30*time.Second {
		t.Errorf("the watch says %v, want 30s", got)
	}
}

func TestClockThatWasSetIsNotTrustedForAWhile(t *testing.T) {
	for _, c := range []struct {
		name    string
		by      time.Duration
		trusted bool
	}{
		{"not at all", 0, true},
		{"slewed by NTP", 2 * time.Second, true},
		{"a leap second smeared badly", time.Second, true},
		{"forward", time.Minute, false},
		{"back", -time.Minute, false},
		{"a year forward", 365 * 24 * time.Hour, false},
		{"an hour, by somebody who does DST by hand", -time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine()
			steady := m.clock().Steady()
			m.pass(time.Minute)
			m.set(c.by)
			if got := steady.Why() == ""; got != c.trusted {
				t.Errorf("trusted %v (%q), want %v", got, steady.Why(), c.trusted)
			}
			m.pass(settleFor - time.Second)
			if got := steady.Why() == ""; got != c.trusted {
				t.Errorf("shortly before its time, trusted %v, want %v", got, c.trusted)
			}
			m.pass(time.Second)
			if why := steady.Why(); why != "" {
				t.Errorf("after its time: %q", why)
			}
		})
	}
}

func TestItIsRememberedHowTheClockWasSetAhead(t *testing.T) {
	m := newMachine()
	steady := m.clock().Steady()
	for _, by := range []time.Duration{25 * time.Hour, -time.Hour, time.Second, time.Minute} {
		m.pass(time.Hour)
		steady.Why()
		m.set(by)
		steady.Why()
	}
	got := steady.Ahead()
	if len(got) != 2 || got[0].By.Round(time.Second) != 25*time.Hour || got[1].By.Round(time.Second) != time.Minute {
		t.Fatalf("%+v", got)
	}
	if now := m.clock().Now(); !got[1].At.Equal(now) || !got[0].At.Before(got[1].At) {
		t.Errorf("the last step was at %v, now it is %v", got[1].At, now)
	}
	m.pass(rememberSteps - 2*time.Hour)
	if steady.Why(); len(steady.Ahead()) != 1 {
		t.Errorf("two days after the first: %+v", steady.Ahead())
	}
}

func TestSuspendedMachineIsNoClockThatWasSet(t *testing.T) {
	m := newMachine()
	steady := m.clock().Steady()
	m.pass(8 * time.Hour) // both go on
	if why := steady.Why(); why != "" {
		t.Error(why)
	}
}

func TestRealClockIsSteady(t *testing.T) {
	clk := Real()
	watch, steady := clk.Stopwatch(), clk.Steady()
	if why := steady.Why(); why != "" || watch() < 0 || watch() > time.Minute {
		t.Errorf("%q after %v", why, watch())
	}
}
