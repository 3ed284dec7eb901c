package web

import (
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// headView is the top of an incident: what, how bad, where it stands, since
// when.
type headView struct {
	ID, Title    string
	Priority     incident.Priority
	PriorityWord string
	Judged       string // impact and urgency in words
	Standing     standing
	Verdict      string // where the trouble lies, with its reason
	Subject      string
	Server       string // path of the page of the server that it is about; "" when it is about none
	Site         string
	Team, Owner  string
	Started      time.Time
	Ended        time.Time // zero while it lasts
	Lasted       string
	Next         time.Time // when customers must hear again
	Phases       []phase
	Relapses     int
	MergedInto   string
	MayTake      bool
	Drill        bool
	Until        time.Time // when a drill ends by itself
	MayStop      bool      // that drill

	MayJudge        bool
	Impact, Urgency incident.Level
	Levels          []incident.Level
	Priorities      []incident.Priority
	JudgedBy        string // the person who did last, "" when a runbook did
}

func headOf(h history, s setting) headView {
	inc := h.inc
	v := headView{
		ID: inc.ID, Title: inc.Title, Priority: inc.Priority, PriorityWord: inc.Priority.Word(),
		Judged:   "impact " + string(inc.Impact) + ", urgency " + string(inc.Urgency),
		Standing: standingOf(h), Subject: subjectWords(inc.Subject), Site: siteName(inc.Site, s.inv),
		Team: teamName(inc.Team, s.inv), Owner: personName(inc.Owner, s.inv),
		Started: inc.StartedAt,
		Next:    nextUpdate(inc, s.updates), Phases: phases(h), Relapses: inc.Relapses, MergedInto: inc.MergedInto,
		MayTake:  inc.Ongoing() && engineer.admits(s.me) && inc.Owner != s.me.Name,
		MayJudge: inc.Ongoing() && judge.admits(s.me), Impact: inc.Impact, Urgency: inc.Urgency,
		Levels: incident.Levels, Priorities: incident.Priorities, JudgedBy: personName(inc.JudgedBy, s.inv),
	}
	if inc.IsDrill() {
		v.Drill, v.Until, v.MayStop = true, inc.Drill.Until, inc.Ongoing() && warden.admits(s.me)
	}
	if _, ours := s.inv.Server(inc.Subject.Name); ours && inc.Subject.Kind == "server" {
		v.Server = serverPath(inc.Subject.Name)
	}
	if inc.Verdict.Verdict != "" {
		v.Verdict = verdictWords(inc.Verdict.Verdict) + ": " + inc.Verdict.Reason + "."
	}
	v.Ended = inc.RestoredAt
	if v.Ended.IsZero() {
		v.Ended = inc.ClosedAt
	}
	if !v.Ended.IsZero() {
		v.Lasted = inWords(v.Ended.Sub(v.Started))
	}
	return v
}

func subjectWords(s incident.Subject) string {
	if s.Kind == "alert" {
		return "no server, rack or site of ours"
	}
	return s.Kind + " " + s.Name
}

func siteName(name string, inv *inventory.Inventory) string {
	if site, ok := inv.Site(name); ok && site.Title != "" {
		return site.Title
	}
	return name
}

func teamName(name string, inv *inventory.Inventory) string {
	if team, ok := inv.Team(name); ok && team.Title != "" {
		return team.Title
	}
	return name
}

func personName(name string, inv *inventory.Inventory) string {
	if p, ok := inv.Person(name); ok {
		return nameOf(p)
	}
	return name
}
