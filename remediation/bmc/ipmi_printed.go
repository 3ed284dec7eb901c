package bmc

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// chassisFlags is what Get Chassis Status tells beside the power. told is false
// when the text is no such answer.
type chassisFlags struct {
	told   bool
	faults []string
}

// chassisFaults are the flags that mean trouble, in ipmitool's words.
var chassisFaults = []string{"Power Overload", "Main Power Fault", "Power Control Fault", "Drive Fault", "Cooling/Fan Fault"}

func chassisStatus(printed string) chassisFlags {
	values := fields(printed)
	_, told := values["System Power"]
	flags := chassisFlags{told: told}
	for _, name := range chassisFaults {
		if values[name] == "true" {
			flags.faults = append(flags.faults, strings.ToLower(name))
		}
	}
	return flags
}

// fields reads lines of the form "name : value"; the first of a name counts.
func fields(printed string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(printed) {
		name, value, found := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, seen := values[name]; found && !seen {
			values[name] = strings.TrimSpace(value)
		}
	}
	return values
}

// hasRecords reports whether the repository of sensor records has any, by
// "sdr info".
func hasRecords(printed string) bool {
	n, err := strconv.Atoi(fields(printed)["Record Count"])
	return err == nil && n > 0
}

// columns splits a line of a table of at least least columns; nil for another
// line.
func columns(line string, least int) []string {
	cells := strings.Split(line, "|")
	if len(cells) < least {
		return nil
	}
	for n, c := range cells {
		cells[n] = strings.TrimSpace(c)
	}
	return cells
}

// parseSEL reads what "sel list" prints in UTC:
//
//	1 |  Pre-Init  |0000013302| Power Supply #0x02 | Power Supply AC lost | Asserted
//	2 | 11/23/26 | 16:17:10 UTC | Power Supply #0x02 | Power Supply AC lost | Asserted
//
// Records of a vendor's own kind have other columns: all words are kept. Newer
// entries come last.
func parseSEL(printed string) []entry {
	const least = 3
	var log []entry
	for line := range strings.Lines(printed) {
		cells := columns(line, least)
		if cells == nil {
			continue
		}
		if _, err := strconv.ParseUint(cells[0], 16, 16); err != nil {
			continue
		}
		e := entry{id: cells[0]}
		words := cells[1:]
		if at, err := selTime(cells[1], cells[2]); err == nil {
			e.at, words = at, cells[3:]
		} else if cells[1] == "Pre-Init" {
			words = cells[3:]
		}
		if last := len(words) - 1; last > 0 && words[last] == "Asserted" {
			words = words[:last]
		}
		e.text = clause(strings.Join(words, ": "))
		log = append(log, e)
	}
	return log[max(0, len(log)-maxLog):]
}

// selTime reads a date with two digits for the year, or four as ipmitool before
// 1.8.19 printed it.
func selTime(date, hour string) (time.Time, error) {
	hour, _, _ = strings.Cut(hour, " ") // the zone: we set it
	at, err := time.Parse("01/02/06 15:04:05", date+" "+hour)
	if err != nil {
		return time.Parse("01/02/2006 15:04:05", date+" "+hour)
	}
	return at, nil
}

// parseSELTime reads what "sel time get" prints in UTC, a line of its own; the
// zero time is none.
func parseSELTime(printed string) time.Time {
	const words = 2
	for line := range strings.Lines(printed) {
		if found := strings.Fields(line); len(found) >= words && len(found) <= words+1 {
			if at, err := selTime(found[0], found[1]); err == nil {
				return at
			}
		}
	}
	return time.Time{}
}

// reading is one line of "sdr elist all".
type reading struct {
	name   string
	number string // "#0x02", as the log writes it
	status string // "ok", "ns" (no reading), or which limit it is beyond
	entity string // "10.1": the first power supply
	value  string // "500 RPM", or the states that a sensor without a scale reports
}

// parseSDR reads what "sdr elist all" prints:
//
//	Fan 1a           | 01h | lcr | 30.1 | 500 RPM
//	PS1 Status       | 02h | ok  | 10.1 | Presence detected, Power Supply AC lost
func parseSDR(printed string) []reading {
	const width = 5
	var all []reading
	for line := range strings.Lines(printed) {
		cells := columns(line, width)
		if cells == nil {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(cells[1], "h"), 16, 8)
		if err != nil || !strings.HasSuffix(cells[1], "h") {
			continue
		}
		all = append(all, reading{
			name: clause(cells[0]), number: "#0x" + hex2(n), status: cells[2], entity: cells[3], value: clause(strings.Join(cells[4:], "|")),
		})
	}
	return all
}

func hex2(n uint64) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[n>>4&0xf], digits[n&0xf]})
}

// beyond says what ipmitool's short words for a passed limit mean; "cr", "nc"
// and "nr" are those of "sensor".
var beyond = map[string]string{
	"lnc": healthWarning, "unc": healthWarning, "nc": healthWarning,
	"lcr": healthCritical, "ucr": healthCritical, "cr": healthCritical,
	"lnr": healthCritical, "unr": healthCritical, "nr": healthCritical,
}

// health judges a reading by its limits, a power supply by its states.
func (r reading) health() string {
	if r.isSupply() && r.present() && r.lost() {
		return healthCritical
	}
	return beyond[r.status]
}

// supplyEntity is the IPMI entity of power supplies (IPMI 2.0, table 43-13).
const supplyEntity = "10."

// isSupply reports whether r is the state of a power supply. Its temperatures
// and fans belong to the same entity, and have a scale.
func (r reading) isSupply() bool {
	return strings.HasPrefix(r.entity, supplyEntity) && strings.Contains(r.value, "Presence detected") ||
		strings.Contains(r.value, "Power Supply AC lost")
}

func (r reading) present() bool { return r.status == "ok" && r.value != "" }

// losses are the states of a power supply without power, in ipmitool's words
// (sensor type 08h, offsets 1, 3 and 4).
var losses = []string{"Failure detected", "Power Supply AC lost", "AC lost or out-of-range"}

func (r reading) lost() bool {
	for _, l := range losses {
		if strings.Contains(r.value, l) {
			return true
		}
	}
	return false
}

// name puts the names of sensors where the log has their numbers.
func name(log []entry, readings []reading) {
	names := map[string]string{}
	for _, r := range readings {
		if r.name != "" {
			names[r.number] = r.name
		}
	}
	for n := range log {
		log[n].named = numbered.ReplaceAllStringFunc(log[n].text, func(found string) string {
			number := numbered.FindStringSubmatch(found)[1]
			if known := names[number]; known != "" {
				return known + ":"
			}
			return found
		})
	}
}

// numbered is a sensor as "sel list" writes it: its type and number.
var numbered = regexp.MustCompile(`^[^#:]*(#0x[0-9a-f]{2}):`)

// limitNames are the lines of "sensor get" that bear a limit, critical first.
var limitNames = []struct{ name, side string }{
	{"Lower Critical", "below"}, {"Upper Critical", "above"},
	{"Lower Non-Recoverable", "below"}, {"Upper Non-Recoverable", "above"},
	{"Lower Non-Critical", "below"}, {"Upper Non-Critical", "above"},
}

// parseLimits reads what "sensor get" prints of each sensor, and returns by
// name the limit that its status says it is beyond.
func parseLimits(printed string) map[string]string {
	limits := map[string]string{}
	for _, block := range strings.Split(printed, "Sensor ID") {
		values := fields("Sensor ID" + block)
		sensor, _, _ := strings.Cut(values["Sensor ID"], " (0x")
		for _, l := range limitNames {
			bound, err := strconv.ParseFloat(values[l.name], 64)
			if err != nil || !strings.Contains(values["Status"], l.name) {
				continue
			}
			limits[clause(sensor)] = l.side + " " + number{value: bound}.String()
		}
	}
	return limits
}
