package bmc

import (
	"strings"
	"testing"
	"time"
)

var midday = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The words are those that ipmitool 1.8.19 and controllers on the market print.
func TestEntriesProveABootOrAPanicOrNothing(t *testing.T) {
	for _, tt := range []struct {
		text, kind  string
		boot, panic bool
	}{
		{text: "System Boot Initiated #0x81: Initiated by power up", boot: true},
		{text: "System Boot Initiated #0x81: OS initiated warm reset", boot: true},
		{text: "OS Boot #0x82: C: boot completed", boot: true},
		{text: "System ACPI Power State #0x12: S0/G0: working", boot: true},
		{text: "System ACPI Power State #0x12: S5/G2: soft-off"},
		{text: "System Event #0x40: OEM System boot event", boot: true},
		{text: "System Event #0x40: Timestamp Clock Sync"},
		{text: "Power Unit #0x01: Power cycle", boot: true},
		{text: "Power Unit #0x01: Power off/down"},
		{text: "System Boot Initiated #0x81: Initiated by power up: Deasserted"},
		{text: "OS Stop/Shutdown #0x20: Run-time critical stop", panic: true},
		{text: "OS Critical Stop #0x20: OS graceful shutdown"},
		{text: "Watchdog2 #0x23: Timer expired", panic: true},
		{text: "Watchdog2 #0x23: Hard reset", boot: true, panic: true},
		{text: "Watchdog2 #0x23: Timer interrupt"},
		{text: "The power is on.", kind: " ResourceEvent.1.2.ResourcePoweredOn", boot: true},
		{text: "System is turning on.", kind: " SYS1000", boot: true},
		{text: "System is turning off.", kind: " SYS1001"},
		{text: "Power Supply #0x52: Power Supply AC lost"},
		{text: "The watchdog of the fan controller was reset"},
		{text: "User root logged in; last boot completed? no", boot: true}, // the price of words: it is dated, and a reboot needs more than one sign
		{},
	} {
		e := entry{text: tt.text, kind: tt.kind, at: midday}
		_, boot := e.among(bootSigns)
		_, panicked := e.among(panicSigns)
		if boot != tt.boot || panicked != tt.panic {
			t.Errorf("%q %q: boot %v, panic %v", tt.text, tt.kind, boot, panicked)
		}
	}
}

func TestBootFactsAreAbsentUnlessSomethingProvesThem(t *testing.T) {
	started := entry{text: "System Boot Initiated #0x81: Initiated by power up", at: midday.Add(-10 * time.Minute)}
	booted := entry{text: "OS Boot #0x82: C: boot completed", at: midday.Add(-8 * time.Minute)}
	stop := entry{text: "OS Stop/Shutdown #0x20: Run-time critical stop", at: midday.Add(-16 * time.Minute)}
	undated := entry{text: booted.text}
	future := entry{text: booted.text, at: midday.Add(48 * time.Hour)}
	const event, before = "2026-11-23T11:52:00Z", "2026-11-23T11:50:00Z"
	for name, tt := range map[string]struct {
		log   []entry
		boot  boot
		state State
		want  map[string]any
	}{
		"nothing":                       {want: map[string]any{}},
		"a log without boots":           {log: []entry{{text: "fan", at: midday}}, want: map[string]any{"panic": ""}},
		"the newest counts":             {log: []entry{started, booted}, state: On, want: map[string]any{"boot_event": event, "boot_progress": "osrunning", "panic": ""}},
		"in any order":                  {log: []entry{booted, started}, state: On, want: map[string]any{"boot_event": event, "boot_progress": "osrunning", "panic": ""}},
		"it is off":                     {log: []entry{started}, state: Off, want: map[string]any{"boot_event": before, "boot_progress": "none", "panic": ""}},
		"neither on nor off":            {log: []entry{started}, state: Unknown, want: map[string]any{"boot_event": before, "panic": ""}},
		"no clock":                      {log: []entry{undated}, state: On, want: map[string]any{"panic": ""}},
		"a clock that runs ahead":       {log: []entry{future}, state: On, want: map[string]any{"panic": ""}},
		"an old panic":                  {log: []entry{stop}, state: On, want: map[string]any{"panic": ""}},
		"the BMC's own word goes first": {log: []entry{booted}, boot: boot{progress: "osbootstarted", resetAt: booted.at.Add(-time.Hour)}, state: On, want: map[string]any{"boot_event": event, "boot_progress": "osbootstarted", "panic": ""}},
		"a reset without a log":         {boot: boot{resetAt: booted.at}, state: On, want: map[string]any{"boot_event": event}},
		"a reset in 1970":               {boot: boot{resetAt: time.Unix(0, 0)}, state: On, want: map[string]any{}},
	} {
		s := sight{findings: findings{log: tt.log, logRead: tt.log != nil}, boot: tt.boot, now: midday}
		got := map[string]any{}
		s.bootFacts(got, tt.state)
		if len(got) != len(tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		for fact, want := range tt.want {
			if got[fact] != want {
				t.Errorf("%s: %s is %v, want %v", name, fact, got[fact], want)
			}
		}
	}
	fresh := stop
	fresh.at = midday.Add(-14 * time.Minute)
	got := map[string]any{}
	sight{findings: findings{log: []entry{fresh}, logRead: true}, now: midday}.bootFacts(got, On)
	if text, _ := got["panic"].(string); !strings.HasPrefix(text, "2026-11-23T11:46:00Z OS Stop") {
		t.Errorf("panic is %q", text)
	}
}

// A BMC in another time zone, or set by hand, must not make an old boot new.
func TestDatesAreCorrectedByTheBMCsOwnClock(t *testing.T) {
	const off = 90 * time.Minute
	e := entry{text: "OS Boot #0x82: C: boot completed", at: midday.Add(off - time.Hour)} // an hour ago, by a fast clock
	for name, tt := range map[string]struct {
		clock time.Time
		want  time.Time
	}{
		"fast":       {midday.Add(off), midday.Add(-time.Hour)},
		"right":      {midday.Add(2 * time.Minute), e.at},
		"not told":   {time.Time{}, e.at},
		"never set":  {time.Unix(3600, 0), e.at},
		"just wrong": {midday.Add(-off), e.at.Add(off)},
	} {
		m := &memory{}
		s := m.compare(findings{log: []entry{e}, logRead: true, clock: tt.clock}, midday)
		s.boot.resetAt = e.at
		if at, _ := s.lastBoot(); !at.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", name, at, tt.want)
		}
	}
	for printed, want := range map[string]string{
		"11/23/26 16:17:10 UTC\n": "2026-11-23T16:17:10Z", "11/23/2026 16:17:10\n": "2026-11-23T16:17:10Z",
		"   2 | 11/23/26 | 16:17:10 UTC | x\n": "0001-01-01T00:00:00Z", "Unspecified\n": "0001-01-01T00:00:00Z", "": "0001-01-01T00:00:00Z",
	} {
		if got := parseSELTime(printed).Format(time.RFC3339); got != want {
			t.Errorf("%q: %s, want %s", printed, got, want)
		}
	}
}

func TestRawAnswersAreReadStrictly(t *testing.T) {
	for printed, want := range map[string]told{
		" 01 00 00\n": {"", true}, " 01 01 00\n": {"a serial console over LAN", true}, " 0f 00 80\n": {"a serial console over LAN", true},
		"": {}, " 01 00\n": {}, " 01 00 00 00\n": {}, "Unable to send RAW command": {}, "zz": {},
		"RAW REQ (channel=0x0 netfn=0x6 lun=0x0 cmd=0x4a data_len=1)\nRAW REQUEST (1 bytes)\n 01\nRAW RSP (3 bytes)\n 01 01 00\n": {"a serial console over LAN", true},
	} {
		if got := parseSOL(printed); got != want {
			t.Errorf("%q: %+v, want %+v", printed, got, want)
		}
	}
	const running = "a firmware upgrade (HPM.1)"
	for printed, want := range map[string]told{
		" 00 00 00\n": {"", true}, " 00 35 00\n": {"", true}, " 00 32 80\n": {running, true}, " 00 35 80 10\n": {running, true},
		" 00 32 00\n": {running, true}, " 00 31 00\n": {running, true}, " 00 33 00\n": {}, " 01 00 00\n": {}, " 00 00\n": {}, "": {}, " 00 00 00 00 00\n": {},
	} {
		if got := parseUpgrade(printed); got != want {
			t.Errorf("%q: %+v, want %+v", printed, got, want)
		}
	}
}

// FuzzStanding: whatever a BMC lists of jobs, sessions and boots, or ipmitool
// prints of them, it comes out fit to be shown.
func FuzzStanding(f *testing.F) {
	for _, seed := range []string{
		`{"Members": [{"Id": "1", "Name": "Update", "TaskState": "Running"}, {"JobState": "New"}, {"SessionType": "KVMIP", "UserName": "\u001b[2J"}]}`,
		`{"LastResetTime": "2026-11-23T01:00:00Z", "BootProgress": {"LastState": "OSRunning"}}`,
		`{"LastResetTime": 1, "BootProgress": [], "Members": {}}`, `{"Members": [null, 1, []]}`, ` 00 32 80`, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var jobs collection[job]
		var logins collection[login]
		stands := standing{task: parseUpgrade(string(raw)), console: parseSOL(string(raw))}
		if decodeLoosely(raw, &jobs) == nil && decodeLoosely(raw, &logins) == nil {
			stands.task, stands.console = told{liveJob(jobs.Members), true}, told{openConsole(logins.Members), true}
		}
		s := sight{boot: parseBoot(raw), standing: stands, now: midday}
		for name, fact := range s.facts(On) {
			text, ok := fact.(string)
			if !ok {
				t.Fatalf("fact %s is %v", name, fact)
			}
			shown(t, text)
		}
		shown(t, s.reason(On))
	})
}
