package bmc

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/remediation"
)

// sight is what a look tells beside the power: what was found, and what of the
// log is worth telling.
type sight struct {
	findings
	boot
	standing
	starts told      // from what the machine starts next
	now    time.Time // when it was read
	told   []entry
	fresh  int
	ahead  time.Duration // how much the BMC's clock is wrong, when that is more than maxAhead
	stale  bool          // read a moment ago, for another look
}

// again is s for a look that comes too soon after it. What was new then was
// told then.
func (s sight) again() sight {
	s.stale, s.fresh = true, 0
	return s
}

// facts are for the conditions of a runbook. What was not learned is absent.
func (s sight) facts(state State) map[string]any {
	facts := map[string]any{"state": string(state)}
	if s.health != healthNone {
		facts["health"] = s.health
	}
	if s.psus > 0 {
		facts["psu_lost"] = s.psuLost
	}
	if s.logRead && !s.stale {
		facts["sel_new"] = s.fresh
	}
	s.bootFacts(facts, state)
	s.standing.facts(facts)
	if s.starts.known {
		facts["boot_override"] = clause(s.starts.text)
	}
	return facts
}

// reason is one clause: the power, and what is not as it should be.
func (s sight) reason(state State) string {
	text := fmt.Sprintf("the BMC says that the power is %s", state)
	more := s.standing.words()
	if s.starts.known && s.starts.text != fromDisk {
		more = append(more, "it is set to start from "+clause(s.starts.text))
	}
	if severities[s.health] > severities[healthOK] {
		more = append(more, "health is "+s.health)
	}
	if s.psuLost {
		more = append(more, "a power supply is lost")
	}
	if worst := s.worst(); len(worst) > 0 {
		more = append(more, fmt.Sprintf("%s is out of range", worst[0].name))
	}
	switch {
	case s.fresh == 1:
		more = append(more, "1 new entry in its log")
	case s.fresh > 1:
		more = append(more, fmt.Sprintf("%d new entries in its log", s.fresh))
	}
	if cause := s.cause(); cause != "" {
		more = append(more, `its log says "`+cause+`"`)
	}
	if len(more) > 0 {
		text += "; " + strings.Join(more, ", ")
	}
	return clause(text)
}

// maxQuoted bounds what a reason quotes of the log.
const maxQuoted = 120

// cause is the newest entry worth telling that means trouble: a critical one
// when there is one, and none that says that something is over.
func (s sight) cause() string {
	cause, rank := "", 0
	for _, e := range s.told {
		over := e.severity == healthOK || strings.HasSuffix(e.text, "Deasserted")
		if !over && severities[e.severity] >= rank {
			cause, rank = cmp.Or(e.named, e.text), severities[e.severity]
		}
	}
	return remediation.Clause(cause, maxQuoted)
}

// evidence is for a person: the health, the worst sensors, the log oldest
// first, and what could not be read.
func (s sight) evidence() []string {
	var lines []string
	if s.health != healthNone {
		lines = append(lines, "health "+s.health)
	}
	worst := s.worst()
	for _, w := range worst {
		lines = append(lines, w.line())
	}
	if rest := len(s.sensors) - len(worst); rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d more sensors out of range", rest))
	}
	for _, e := range s.told {
		lines = append(lines, e.line(s.now))
	}
	return append(append(lines, s.standing.gaps...), s.findings.gaps...)
}
