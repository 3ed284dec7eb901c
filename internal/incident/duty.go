package incident

import (
	"slices"
	"time"
)

// DutyStage is one report that the NIS2 directive asks for.
type DutyStage string

// The stages of article 23(4) of directive (EU) 2022/2555.
const (
	EarlyWarning DutyStage = "early-warning" // 24 hours after becoming aware
	Notification DutyStage = "notification"  // 72 hours after becoming aware
	FinalReport  DutyStage = "final-report"  // one month
)

// DutyStages lists the stages in their order.
var DutyStages = []DutyStage{EarlyWarning, Notification, FinalReport}

// Significant says whether a person holds the incident for one that the
// authority must hear of, and since when they have been aware of it.
type Significant struct {
	Is    bool      `json:"is"`
	Aware time.Time `json:"aware,omitzero"`
	Why   string    `json:"why"`
	By    string    `json:"by"`
}

func (Significant) Kind() Kind { return "significant" }
func (p Significant) Text() string {
	if !p.Is {
		return sentence("Not significant after all, says %s: %s", p.By, p.Why)
	}
	return sentence("Significant under NIS2, says %s, aware since %s: %s", p.By, p.Aware.UTC().Format(Moment), p.Why)
}

// DutyReported says that a person sent one stage to the authority.
type DutyReported struct {
	Stage     DutyStage `json:"stage"`
	Reference string    `json:"reference,omitempty"` // that the authority gave
	By        string    `json:"by"`
}

func (DutyReported) Kind() Kind { return "duty_reported" }
func (p DutyReported) Text() string {
	text := "The " + string(p.Stage) + " was sent to the authority, says " + p.By
	if p.Reference != "" {
		text += ", reference " + p.Reference
	}
	return sentence("%s.", text)
}

// Duty is what the authority must hear of a significant incident.
type Duty struct {
	Significant
	Reported   map[DutyStage]DutyReported
	ReportedAt map[DutyStage]time.Time
}

// Due is when a stage must have been sent. The directive counts the final report
// from the notification; counted from becoming aware it is never too late.
func (d *Duty) Due(stage DutyStage) time.Time {
	switch stage {
	case EarlyWarning:
		return d.Aware.Add(24 * time.Hour)
	case Notification:
		return d.Aware.Add(72 * time.Hour)
	}
	return nextMonth(d.Aware)
}

// nextMonth is the same day of the next month, or its last where it has no such
// day: a month after 31 January is 28 February.
func nextMonth(t time.Time) time.Time {
	next := t.AddDate(0, 1, 0)
	if next.Day() != t.Day() {
		next = next.AddDate(0, 0, -next.Day())
	}
	return next
}

// Missing returns the stages that were not sent yet.
func (d *Duty) Missing() []DutyStage {
	if d == nil || !d.Is {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(DutyStages), func(s DutyStage) bool { _, sent := d.Reported[s]; return sent })
}

// Open reports whether the authority must still hear something.
func (d *Duty) Open() bool { return len(d.Missing()) > 0 }

// dutiful books what was said of the duty to report.
func (i *Incident) dutiful(e Event) {
	if i.Duty == nil {
		i.Duty = &Duty{}
	}
	switch p := e.Payload.(type) {
	case Significant:
		i.Duty.Significant = p
	case DutyReported:
		if i.Duty.Reported == nil {
			i.Duty.Reported, i.Duty.ReportedAt = map[DutyStage]DutyReported{}, map[DutyStage]time.Time{}
		}
		i.Duty.Reported[p.Stage], i.Duty.ReportedAt[p.Stage] = p, e.At
	}
}
