package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
)

// saidOfReview is what a person says when they look back on an incident, or of
// what the authority must hear.
type saidOfReview struct {
	Version   int                   `json:"version"` // that the person had before them, 0 for none
	Causes    string                `json:"causes"`
	WentWell  string                `json:"went_well"`
	WentBadly string                `json:"went_badly"`
	Actions   []incident.ActionItem `json:"actions"`

	ID string `json:"id"` // of an action item that is done

	Is        bool   `json:"is"`    // significant
	Aware     string `json:"aware"` // since when: RFC 3339, or a time on the wall as a form sends it; now when empty
	Why       string `json:"why"`
	Stage     string `json:"stage"`
	Reference string `json:"reference"`
}

func (m moment) writeReview(s said) ([]incident.Payload, error) {
	return desk.WriteReview(m.incident, m.inventory, m.by, incident.ReviewWritten{
		Version: s.Version, Causes: s.Causes, WentWell: s.WentWell, WentBadly: s.WentBadly, Actions: s.Actions,
	})
}

// shareReview mails the review as the timeline and the people have it now.
func (m moment) shareReview() ([]incident.Payload, error) {
	events, err := m.events()
	if err != nil {
		return nil, err
	}
	text := report.NewReview(events, m.config.updates(), m.now).Document(m.config.zone()).Text()
	return desk.ShareReview(m.incident, m.inventory, m.by, text, m.config.ExternalURL)
}

func (m moment) markSignificant(s said) ([]incident.Payload, error) {
	if !m.config.NIS2 {
		return nil, fmt.Errorf("significant: %w: nis2 is off in the configuration", desk.ErrNotNow)
	}
	aware, err := m.config.readTime("aware", s.Aware)
	if err != nil {
		return nil, err
	}
	return desk.MarkSignificant(m.incident, m.by, incident.Significant{Is: s.Is, Aware: aware, Why: s.Why}, m.now)
}

// readTime reads the moment of a field; the zero time when there is none.
func (c Config) readTime(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := clock.Read(s, c.zone())
	if err != nil {
		return t, fmt.Errorf("%s: %w: %v, found %q", field, desk.ErrIncomplete, err, s)
	}
	return t, nil
}

func saidOfReviewInForm(r *http.Request) saidOfReview {
	f := r.PostFormValue
	version, err := strconv.Atoi(f("version"))
	if err != nil {
		version = -1 // none that there is
	}
	s := saidOfReview{
		Version: version, Causes: f("causes"), WentWell: f("went_well"), WentBadly: f("went_badly"), ID: f("id"),
		Is: f("is") == "yes", Aware: f("aware"), Why: f("why"), Stage: f("stage"), Reference: f("reference"),
	}
	what, owner, due, ids := r.PostForm["action_what"], r.PostForm["action_owner"], r.PostForm["action_due"], r.PostForm["action_id"]
	for n := range min(len(what), len(owner), len(due), len(ids)) {
		if what[n] != "" || due[n] != "" {
			s.Actions = append(s.Actions, incident.ActionItem{ID: ids[n], What: what[n], Owner: owner[n], Due: due[n]})
		}
	}
	return s
}

func stages(inc *incident.Incident, now time.Time, zone *time.Location) []stageView {
	if inc.Duty == nil || !inc.Duty.Is {
		return nil
	}
	var list []stageView
	for _, stage := range incident.DutyStages {
		due := inc.Duty.Due(stage)
		v := stageView{Stage: stage, Due: due.In(zone).Format(incident.Moment), Draft: desk.DutyDraft(inc, stage, now, zone)}
		if sent, ok := inc.Duty.Reported[stage]; ok {
			v.Sent, v.Reference = inc.Duty.ReportedAt[stage].In(zone).Format(incident.Moment)+" by "+sent.By, sent.Reference
		} else {
			v.Late = !now.Before(due)
		}
		list = append(list, v)
	}
	return list
}
