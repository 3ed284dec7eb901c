package bmc

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

var midnight = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// logOf makes a log out of ages: "2h" before midnight, "-" for no clock.
func logOf(ages string) []entry {
	var log []entry
	for n, age := range strings.Fields(ages) {
		e := entry{id: strconv.Itoa(n + 1), text: age}
		if d, err := time.ParseDuration(age); err == nil {
			e.at = midnight.Add(-d)
		}
		log = append(log, e)
	}
	return log
}

func TestFirstLookTellsTheLastDay(t *testing.T) {
	for name, tt := range map[string]struct {
		log, told string
		fresh     int
	}{
		"empty":                        {"", "", 0},
		"of today and before":          {"72h 25h 23h 10m", "23h 10m", 2},
		"no clock after one of today":  {"72h - 1h -", "1h -", 2},
		"no clock before one of today": {"- - 1h", "1h", 1},
		"no clock, nothing of today":   {"72h -", "", 0},
		"no clock at all":              {"- -", "- -", 2},
		"the future has no clock":      {"1h -48h", "1h -48h", 2},
		"1970 has no clock":            {"498624h", "498624h", 1},
	} {
		t.Run(name, func(t *testing.T) {
			told, fresh := pick(logOf(tt.log), nil, midnight)
			if got := texts(told); got != tt.told || fresh != tt.fresh {
				t.Fatalf("told %q, %d new; want %q, %d", got, fresh, tt.told, tt.fresh)
			}
		})
	}
}

func TestLaterLooksTellWhatIsNewOrYoung(t *testing.T) {
	before := logOf("30h 10h 30m")
	known := map[string]bool{}
	for _, e := range before {
		known[e.key()] = true
	}
	now := append(before, entry{id: "4", text: "new", at: midnight}, entry{id: "5", text: "dateless"})
	told, fresh := pick(now, known, midnight)
	if got := texts(told); got != "30m new dateless" || fresh != 2 {
		t.Fatalf("told %q, %d new", got, fresh)
	}
	// After a clearing the numbers start again: the entry is another one.
	if _, fresh := pick([]entry{{id: "1", text: "cleared", at: midnight}}, known, midnight); fresh != 1 {
		t.Fatal("an entry with the number of an old one passed for it")
	}
	// One that comes back out of the depth, because the log was read further, is old.
	if _, fresh := pick([]entry{{id: "0", text: "deep", at: midnight.Add(-48 * time.Hour)}}, known, midnight); fresh != 0 {
		t.Fatal("an old entry passed for new")
	}
}

func texts(log []entry) string {
	var all []string
	for _, e := range log {
		all = append(all, e.text)
	}
	return strings.Join(all, " ")
}

func TestLineSaysNoClockInsteadOfAWrongDate(t *testing.T) {
	for at, want := range map[time.Time]string{
		{}:                                   "log, no clock: Critical: fan",
		time.Unix(120, 0):                    "log, no clock: Critical: fan",
		midnight.Add(time.Hour):              "log, 2026-11-23 01:00:00 UTC: Critical: fan",
		midnight.AddDate(12, 0, 0):           "log, no clock: Critical: fan",
		midnight.In(time.FixedZone("", 600)): "log, 2026-11-23 00:00:00 UTC: Critical: fan",
	} {
		if got := (entry{at: at, severity: healthCritical, text: "fan"}).line(midnight); got != want {
			t.Errorf("%v: %q, want %q", at, got, want)
		}
	}
}

func TestNewestKeepsTheLastByNumber(t *testing.T) {
	var log []entry
	for n := range 120 {
		log = append(log, entry{id: strconv.Itoa((n*7)%120 + 1)}) // shuffled
	}
	log = newest(log)
	if len(log) != maxLog || log[0].id != "71" || log[maxLog-1].id != "120" {
		t.Fatalf("%d entries from %s to %s", len(log), log[0].id, log[len(log)-1].id)
	}
}

func TestBackoffDoublesToAnHour(t *testing.T) {
	var b backoff
	for n, want := range []time.Duration{20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600} {
		b.fail(midnight, silenceBase, "silent")
		if got := b.until.Sub(midnight); got != want*time.Second {
			t.Errorf("after %d failures: %v, want %v", n+1, got, want*time.Second)
		}
	}
}

func TestPartsAreJudged(t *testing.T) {
	for text, want := range map[string]string{
		`{"Name": "Fan", "Reading": 400, "ReadingUnits": "RPM", "LowerThresholdCritical": 500}`:                             "sensor Fan: 400 RPM, critical below 500 RPM",
		`{"Name": "Fan", "Reading": 400, "ReadingUnits": "RPM", "LowerThresholdCritical": 500, "Status": {"Health": "OK"}}`: "",
		`{"Name": "Fan", "Reading": 0, "LowerThresholdCritical": 500, "Status": {"State": "Absent"}}`:                       "",
		`{"Name": "CPU", "ReadingCelsius": 95, "UpperThresholdNonCritical": 90, "UpperThresholdCritical": 100}`:             "sensor CPU: 95 °C, warning above 90 °C",
		`{"Name": "CPU", "ReadingCelsius": 40, "UpperThresholdCritical": 0}`:                                                "",
		`{"Name": "12V", "ReadingVolts": 10.9, "LowerThresholdNonCritical": 11.4, "LowerThresholdCritical": 10.8}`:          "sensor 12V: 10.9 V, warning below 11.4 V",
		`{"Name": "T", "Reading": 50, "ReadingUnits": "Cel", "Thresholds": {"UpperCritical": {"Reading": 45}}}`:             "sensor T: 50 °C, critical above 45 °C",
		`{"Name": "DIMM", "Status": {"Health": "Critical", "State": "Enabled"}}`:                                            "sensor DIMM: Enabled, critical",
		`{"Name": "odd", "Status": {"Health": "Purple"}}`:                                                                   "",
		`{"Name": "odd", "Status": "fine", "Reading": "400 or so", "LowerThresholdCritical": 500}`:                          "",
	} {
		var p part
		if err := decodeLoosely([]byte(text), &p); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := ""
		if s, out := p.check(); out {
			got = s.line()
		}
		if got != want {
			t.Errorf("%s\ngives %q, want %q", text, got, want)
		}
	}
}

func TestLostPowerSupplies(t *testing.T) {
	for text, want := range map[string]findings{
		`[]`: {},
		`[{"Status": {"Health": "OK"}, "LineInputVoltage": 0}]`:                                             {psus: 1},
		`[{"Status": {"State": "Absent"}}, {"@odata.id": "/redfish/v1/x"}]`:                                 {},
		`[{"Status": {"Health": "OK"}}, {"Status": {"Health": "Critical"}}]`:                                {psus: 2, psuLost: true},
		`[{"Status": {"State": "UnavailableOffline"}}]`:                                                     {psus: 1, psuLost: true},
		`[{"Status": {"State": "Enabled", "Health": "Warning"}, "LineInputStatus": "LossOfInput"}]`:         {psus: 1, psuLost: true},
		`[{"Status": {"State": "Enabled", "Health": "Warning"}, "LineInputVoltage": 229, "Name": "PSU 1"}]`: {psus: 1},
	} {
		var parts []part
		if err := decodeLoosely([]byte(text), &parts); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got findings
		got.supplies(parts)
		if got.psus != want.psus || got.psuLost != want.psuLost {
			t.Errorf("%s: %d supplies, lost %v; want %d, %v", text, got.psus, got.psuLost, want.psus, want.psuLost)
		}
	}
}
