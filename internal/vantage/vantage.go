// Package vantage lets piket look from more than one place. What is silent from
// here and heard elsewhere is not dead: only the majority of those who can see
// makes it so.
//
// In the daemon, a [Hub] hands out what is to be looked at, takes the reports,
// and counts votes for the scheduler:
//
//	hub := vantage.NewHub(vantage.HubParts{Clock: clk, Vantages: configured, …})
//	done := clk.Go(func() { hub.Run(ctx) })
//	votes := hub.Votes("server/web-07")
//
// Elsewhere, an [Agent] looks with the same probes and reports every
// [Interval].
//
// Neither trusts the other with more than it must. The hub takes nothing from
// a report but what it says of targets that the hub itself has handed out; a
// report can make it dial or name nothing. The agent takes nothing from the hub
// but addresses and what to ask them: no command, no file, no secret.
package vantage

import (
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
)

// Vantage is one that may report, as the daemon's configuration names it.
type Vantage struct {
	Name  string     `yaml:"name,required"`
	Token secret.Ref `yaml:"token,secret,required"`
}

// Config is what an agent must know.
type Config struct {
	Name       string                `yaml:"name,required"` // as the daemon's configuration has it
	Main       string                `yaml:"main,required"` // where the daemon is reached: https://piket.example.net
	Token      secret.Ref            `yaml:"token,secret,required"`
	CAFile     string                `yaml:"ca_file"`             // who vouches for the daemon, instead of the system's list
	References []inventory.Reference `yaml:"references,required"` // that show whether this place itself can see
}

// How long is what.
const (
	// Interval is between two reports of a vantage.
	Interval = 2 * time.Second

	// LostAfter is how old a report may be that votes. A request that gets no
	// answer is given up after requestTime, and the next one comes an interval
	// or two later: one such must not cost a vote, two should.
	LostAfter = 10 * time.Second

	// TellAfter is how long a vantage is silent before that is reported. It is
	// more than its process or ours takes to start again, and as much as a
	// vantage gets to report for the first time.
	TellAfter = time.Minute

	// requestTime bounds one report with its answer, and listTime the list, which
	// is larger; both on the machine's own clock.
	requestTime = 5 * time.Second
	listTime    = 30 * time.Second
)

// The paths at which the hub is asked, by GET and by POST. A vantage shows its
// token as a bearer, and says in NameHeader who it is.
const (
	TargetsPath = "/api/v1/vantage/targets"
	ReportPath  = "/api/v1/vantage/report"
	NameHeader  = "Piket-Vantage"
)
