package bmc

import (
	"strings"
	"testing"
	"time"
	"unicode"
)

// shown fails for a line that must not reach a person.
func shown(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if len([]rune(line)) > maxClause || strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Fatalf("line of %d letters: %q", len([]rune(line)), line)
		}
	}
}

// FuzzRedfishLog: whatever a log says, its lines are fit to be shown, in bounds,
// and their number is too.
func FuzzRedfishLog(f *testing.F) {
	for _, seed := range []string{
		`{"Members@odata.count": 2, "Members": [{"@odata.id": "/a/1", "Id": "1", "Created": "2026-11-23T01:00:00Z", "Message": "m", "Severity": "Critical"}, {"Id": "2"}]}`,
		`{"Members@odata.count": "x", "Members": [{"Id": 1, "Message": {}, "Created": "0001-01-01T00:00:00"}]}`,
		`{"Members": null}`, `[]`, `{`, `{"Members": [[], 1, null, {"Message": "\u001b\u0000"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var page collection[logLine]
		if decodeLoosely(raw, &page) != nil {
			return
		}
		oldestFirst(page.Members)
		var log []entry
		for _, l := range page.Members {
			log = append(log, l.entry())
		}
		log = newest(log)
		told, fresh := pick(log, nil, midnight)
		if len(told) > maxLog || fresh > len(told) {
			t.Fatalf("%d told, %d new", len(told), fresh)
		}
		shown(t, sight{findings: findings{log: log}, told: told, fresh: fresh, now: midnight}.evidence()...)
	})
}

// FuzzRedfishParts: likewise for sensors and power supplies, and a sensor that is
// said to be well is never out of range.
func FuzzRedfishParts(f *testing.F) {
	for _, seed := range []string{
		`[{"Name": "Fan", "Reading": 400, "LowerThresholdCritical": 500, "Status": {"State": "Enabled", "Health": "Critical"}}]`,
		`[{"Name": "x", "Reading": "NaN", "UpperThresholdCritical": 1e400, "LineInputVoltage": 0}]`,
		`[{"ReadingCelsius": null, "Thresholds": {"UpperCritical": {"Reading": "1"}}}, {}]`, `{}`, `[[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var parts []part
		if decodeLoosely(raw, &parts) != nil {
			return
		}
		for _, p := range parts {
			if _, out := p.check(); out && p.Status.Health == healthOK {
				t.Fatalf("%+v is well and out of range", p)
			}
		}
		var found findings
		found.check(parts)
		found.supplies(parts)
		s := sight{findings: found}
		shown(t, s.evidence()...)
		shown(t, s.reason(On))
		if _, known := severities[found.health]; !known {
			t.Fatalf("health %q", found.health)
		}
	})
}

// FuzzIPMITool: whatever ipmitool prints.
func FuzzIPMITool(f *testing.F) {
	for _, seed := range []string{
		"   1 |  Pre-Init  |0000013302| Power Supply #0x02 | Power Supply AC lost | Asserted\n",
		"   2 | 11/23/26 | 16:17:10 UTC | Fan #0x01 | Lower Critical going low | Deasserted\n",
		"Fan 1a | 01h | lcr | 30.1 | 500 RPM\nPS1 | 02h | ok | 10.1 | Presence detected, Failure detected\n",
		"Sensor ID              : Fan 1a (0x1)\n Status : Lower Critical\n Lower Critical : 600.000\n",
		"System Power : on\nMain Power Fault : true\nRecord Count : 7\n", "|||||\n", "f\xffF | 01h | nr | 3 | \x1b[2J",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, printed string) {
		log, readings := parseSEL(printed), parseSDR(printed)
		name(log, readings)
		found := findings{log: log, logRead: true}
		for _, fault := range chassisStatus(printed).faults {
			found.outOfRange(sensor{name: "chassis", reading: fault, health: healthCritical})
		}
		found.weigh(readings)
		limits := parseLimits(printed)
		for n, s := range found.sensors {
			found.sensors[n].limit = limits[s.name]
		}
		told, fresh := pick(log, map[string]bool{}, time.Now())
		s := sight{findings: found, told: told, fresh: fresh}
		if hasRecords(printed) && len(log) > maxLog {
			t.Fatal("more entries than a look may tell")
		}
		shown(t, s.evidence()...)
		shown(t, s.reason(Off))
	})
}
