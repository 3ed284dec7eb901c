package bmc

import (
	"testing"
	"time"
)

func TestSELIsReadInEachForm(t *testing.T) {
	const printed = `   1 |  Pre-Init  |0000013302| Power Supply #0x02 | Power Supply AC lost | Asserted
   a | 11/23/26 | 16:17:10 UTC | Fan #0x01 | Lower Critical going low  | Deasserted
   b | 11/23/2026 | 16:17:10 | Fan #0x01 | Lower Critical going low  | Asserted
   c | 11/23/26 | 16:17:10 UTC | OEM record df | 002b00 | 0102
   d | OEM record e0 | 000137
SEL has no entries
 x y | nonsense | more
`
	at := time.Date(2026, 11, 23, 16, 17, 10, 0, time.UTC)
	want := []entry{
		{id: "1", text: "Power Supply #0x02: Power Supply AC lost"},
		{id: "a", at: at, text: "Fan #0x01: Lower Critical going low: Deasserted"},
		{id: "b", at: at, text: "Fan #0x01: Lower Critical going low"},
		{id: "c", at: at, text: "OEM record df: 002b00: 0102"},
		{id: "d", text: "OEM record e0: 000137"},
	}
	got := parseSEL(printed)
	if len(got) != len(want) {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for n := range want {
		if got[n] != want[n] {
			t.Errorf("entry %d is %+v, want %+v", n, got[n], want[n])
		}
	}
	name(got, []reading{{name: "Fan 1a", number: "#0x01"}})
	if got[1].named != "Fan 1a: Lower Critical going low: Deasserted" || got[0].named != got[0].text {
		t.Errorf("named %q and %q", got[1].named, got[0].named)
	}
}

func TestSensorsAreReadAndJudged(t *testing.T) {
	const printed = `Fan 1a           | 01h | lcr | 30.1 | 500 RPM
Inlet            | 02h | ok  | 55.1 | 24 degrees C
VBAT             | 03h | unc | 40.1 | 3.4 Volts
Fan 2            | 04h | ns  | 30.2 | No Reading
PS1 Status       | 51h | ok  | 10.1 | Presence detected, Power Supply AC lost
PS2 Status       | 52h | ok  | 10.2 | Presence detected
PS1 Temp         | 53h | ok  | 10.1 | 40 degrees C
`
	var f findings
	f.weigh(parseSDR(printed))
	if f.health != healthCritical || f.psus != 2 || !f.psuLost {
		t.Errorf("health %s, %d supplies, lost %v", f.health, f.psus, f.psuLost)
	}
	var got string
	for _, s := range f.worst() {
		got += s.line() + "\n"
	}
	const want = "sensor Fan 1a: 500 RPM, critical\nsensor PS1 Status: Presence detected, Power Supply AC lost, critical\nsensor VBAT: 3.4 Volts, warning\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLimitsAreThoseThatArePassed(t *testing.T) {
	const printed = `Locating sensor record...
Sensor ID              : Fan 1a (0x1)
 Status                : Lower Critical
 Lower Critical        : 600.000
 Lower Non-Critical    : 800.000
 Upper Critical        : na

Sensor ID              : VBAT (0x3)
 Status                : Upper Non-Critical
 Upper Non-Critical    : 3.350
 Upper Critical        : 3.600
`
	got := parseLimits(printed)
	if len(got) != 2 || got["Fan 1a"] != "below 600" || got["VBAT"] != "above 3.35" {
		t.Fatalf("got %q", got)
	}
}

func TestChassisFlags(t *testing.T) {
	const printed = "System Power         : on\nPower Overload       : false\nMain Power Fault     : true\nDrive Fault          : true\n"
	got := chassisStatus(printed)
	if !got.told || len(got.faults) != 2 || got.faults[0] != "main power fault" {
		t.Errorf("got %+v", got)
	}
	if chassisStatus("Error: Unable to establish IPMI v2 / RMCP+ session").told {
		t.Error("an error passed for an answer")
	}
	for printed, want := range map[string]bool{"Record Count : 3": true, "Record Count                        : 0": false, "": false, "Record Count : many": false} {
		if hasRecords(printed) != want {
			t.Errorf("%q: %v, want %v", printed, !want, want)
		}
	}
}
