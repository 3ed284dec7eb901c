package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// shown is what the API tells of one incident.
type shown struct {
	Incident struct {
		ID       string            `json:"id"`
		Title    string            `json:"title"`
		Status   incident.Status   `json:"status"`
		Doing    string            `json:"doing"`
		Priority incident.Priority `json:"priority"`
		Team     string            `json:"team"`
		Owner    string            `json:"owner"`
		Approval *question         `json:"approval"`
	} `json:"incident"`
	Events []struct {
		Seq   int       `json:"seq"`
		At    time.Time `json:"at"`
		Actor string    `json:"actor"`
		Text  string    `json:"text"`
	} `json:"events"`
}

func declareIncident(c *cli) {
	group := c.app.Command("incident", "Incidents and their timelines.")
	declareIncidentReads(c, group)
	declareReport(c, group)
	declareSays(c, group)
}

func declareIncidentReads(c *cli, group *kingpin.CmdClause) {
	var lister, shower client
	var all bool
	cmd := c.add(group, "list", "List incidents, newest first.", func(ctx context.Context, io console) error { return listIncidents(ctx, &lister, all, io) })
	lister.declare(cmd)
	cmd.Flag("all", "Closed ones, too.").BoolVar(&all)

	var id string
	cmd = c.add(group, "show", "Show one incident and its timeline.", func(ctx context.Context, io console) error { return showIncident(ctx, &shower, id, io) })
	shower.declare(cmd)
	cmd.Arg("incident", "Its number, such as INC-2026-0001.").Required().StringVar(&id)
}

func listIncidents(ctx context.Context, c *client, all bool, io console) error {
	var answer struct {
		Incidents []store.Summary `json:"incidents"`
	}
	path := "/api/incidents?ongoing=true"
	if all {
		path = "/api/incidents"
	}
	if err := c.do(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return err
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(answer.Incidents)
	}
	if len(answer.Incidents) == 0 {
		fmt.Fprintln(io.out, "nothing is open")
	}
	for _, m := range answer.Incidents {
		fmt.Fprintf(io.out, "%s  %s  %-8s  %s  %s\n", m.ID, m.Priority, m.Status, m.Opened.Local().Format("2006-01-02 15:04"), m.Title)
	}
	return nil
}

func showIncident(ctx context.Context, c *client, id string, io console) error {
	if io.json {
		var raw json.RawMessage
		if err := c.do(ctx, http.MethodGet, incidentPath(id, ""), nil, &raw); err != nil {
			return err
		}
		_, err := fmt.Fprintln(io.out, string(raw))
		return err
	}
	var s shown
	if err := c.do(ctx, http.MethodGet, incidentPath(id, ""), nil, &s); err != nil {
		return err
	}
	inc := s.Incident
	fmt.Fprintf(io.out, "%s  %s %s  %s\n%s\n%s\n", inc.ID, inc.Priority, inc.Priority.Word(), inc.Status, inc.Title, inc.Doing)
	if inc.Owner != "" {
		fmt.Fprintf(io.out, "taken by %s, team %s\n", inc.Owner, inc.Team)
	}
	fmt.Fprintln(io.out)
	for _, e := range s.Events {
		fmt.Fprintf(io.out, "%s  %-14s %s\n", e.At.Local().Format("15:04:05"), strings.TrimPrefix(e.Actor, "person:"), e.Text)
	}
	if a := inc.Approval; a != nil && a.GrantedBy == "" {
		fmt.Fprintf(io.out, "\nAsked of %s, until %s: may piket %s? (%s)%s\n  yes: piket approve %s --plan %.12s\n  no:  piket deny %s --reason WHY\n",
			a.By, a.Expires.Local().Format("15:04:05"), a.Action, a.Why, a.so(), inc.ID, a.PlanHash, inc.ID)
	}
	return nil
}

func incidentPath(id, verb string) string {
	path := "/api/incidents/" + url.PathEscape(strings.ToUpper(id))
	if verb != "" {
		path += "/" + verb
	}
	return path
}

// declareReport declares how first-line support takes a report.
func declareReport(c *cli, group *kingpin.CmdClause) {
	var at client
	var report struct {
		Impact      string `json:"impact,omitempty"`
		Urgency     string `json:"urgency,omitempty"`
		Server      string `json:"server,omitempty"`
		Site        string `json:"site,omitempty"`
		Customer    string `json:"customer,omitempty"`
		Summary     string `json:"summary"`
		Contact     string `json:"contact,omitempty"`
		Unreachable bool   `json:"unreachable,omitempty"`
	}
	cmd := c.add(group, "open", "Report trouble: it opens an incident, or joins the one that is open.", func(ctx context.Context, io console) error {
		var answer json.RawMessage
		if err := at.do(ctx, http.MethodPost, "/api/incidents", report, &answer); err != nil {
			return err
		}
		if io.json {
			fmt.Fprintln(io.out, string(answer))
			return nil
		}
		var became struct {
			Incident, Tell string
			Joined         bool
		}
		if err := json.Unmarshal(answer, &became); err != nil || became.Incident == "" {
			fmt.Fprintln(io.out, "reported")
			return nil
		}
		how := "reported as"
		if became.Joined {
			how = "it joins"
		}
		fmt.Fprintf(io.out, "%s %s\ntell the caller: %s\n", how, became.Incident, became.Tell)
		return nil
	})
	at.declare(cmd)
	cmd.Flag("server", "What it is about.").StringVar(&report.Server)
	cmd.Flag("site", "What it is about, if it is a whole site.").StringVar(&report.Site)
	cmd.Flag("customer", "Whose trouble it is, by their name in the inventory.").StringVar(&report.Customer)
	cmd.Flag("summary", "The symptoms, in a line.").Required().StringVar(&report.Summary)
	cmd.Flag("contact", "Who reports it, and how to reach them.").StringVar(&report.Contact)
	cmd.Flag("impact", "How far it hurts: high (many customers, or all of one's business), medium (a part), low (a detail). Goes with --urgency.").StringVar(&report.Impact)
	cmd.Flag("urgency", "Whether they can work meanwhile: high (no), medium (with difficulty), low (yes).").StringVar(&report.Urgency)
	cmd.Flag("unreachable", "Nothing on the server answers: take it as a P1.").BoolVar(&report.Unreachable)
}

// sayFlag is one thing that is said, by its name in the API.
type sayFlag struct {
	name, help string
	optional   bool
}

// says lists what a person can say of an incident on the command line.
var says = []struct {
	name, help, done string
	flags            []sayFlag
}{
	{"acknowledge", "Take an incident.", "it is yours", nil},
	{"note", "Add a remark.", "noted", []sayFlag{{name: "words", help: "The remark."}}},
	{"close", "Close it, with its full description.", "closed", []sayFlag{
		{name: "cause", help: "What caused it."}, {name: "solution", help: "What solved it."},
		{name: "measures", help: "What was done; without it, what the timeline tells.", optional: true},
		{name: "prevention", help: "What keeps it from happening again, or why nothing can.", optional: true},
		{name: "unconfirmed", help: "Why it is closed although not every customer has said that everything works.", optional: true},
		{name: "unchecked", help: "Why it is closed although nothing can check it any more, such as a server that is gone.", optional: true}}},
	{"order", "Say what becomes of a work order.", "recorded", []sayFlag{
		{name: "order", help: "Number of the work order."},
		{name: "state", help: "One of " + strings.Join(incident.OrderStates, ", ") + "; hands_in or hands_out of the rack; agreed (a manager, to its cost); arrived or not_arrived (when nobody knows whether it did)."},
		{name: "hash", help: "Of the order whose cost is agreed to; incident show --output json tells it.", optional: true},
		{name: "words", help: "Findings; the receiver's number, when it arrived.", optional: true}}},
	{"vendor", "Ask a vendor of the inventory for a part or for its people.", "they are asked", []sayFlag{
		{name: "vendor", help: "Their name in the inventory."}, {name: "words", help: "What is asked."},
		{name: "part", help: "Spare part.", optional: true}}},
	{"call", "Report what came of a telephone task.", "recorded", []sayFlag{
		{name: "task", help: "Number of the task."},
		{name: "outcome", help: "One of " + strings.Join(incident.CallOutcomes, ", ") + "."}}},
	{"take", "Say that you telephone a customer now, so that nobody else does.", "it is yours for ten minutes", []sayFlag{{name: "task", help: "Number of the task."}}},
	{"classify", "Judge impact and urgency anew; the priority follows.", "judged", []sayFlag{
		{name: "impact", help: "How far it hurts: high, medium or low. As it is when left out.", optional: true},
		{name: "urgency", help: "How fast it must be solved: high, medium or low. As it is when left out.", optional: true},
		{name: "priority", help: "P1 to P4, in spite of what impact and urgency amount to.", optional: true},
		{name: "reason", help: "Why."}}},
	{"confirm", "Record what a customer says on the telephone: whether everything works again.", "recorded", []sayFlag{
		{name: "customer", help: "Their name in the inventory."}, {name: "answer", help: "yes or no. A no opens the incident again."},
		{name: "words", help: "Their words.", optional: true}}},
	{"settle", "Say what was found about a customer's no.", "settled", []sayFlag{
		{name: "customer", help: "Their name in the inventory."}, {name: "words", help: "What was found."}}},
	{"nod", "Let an update to customers go.", "it goes", []sayFlag{
		{name: "draft", help: "Number of the update; incident show --output json tells it."},
		{name: "words", help: "What customers read besides the facts.", optional: true}}},
	{"assign", "Give a person a role on it.", "assigned", []sayFlag{
		{name: "role", help: "manager (incident manager), specialist or communications (communications manager)."},
		{name: "to", help: "Their name in the inventory."}}},
	{"release", "Say that a technical specialist is needed on it no more.", "released", []sayFlag{
		{name: "role", help: "specialist; the other roles are assigned to somebody else instead."},
		{name: "to", help: "Their name in the inventory."}}},
	{"over", "Say that what was reported by a person no longer is.", "recorded", nil},
}

func declareSays(c *cli, group *kingpin.CmdClause) {
	for _, s := range says {
		var at client
		var id string
		body := map[string]*string{}
		cmd := c.add(group, s.name, s.help, func(ctx context.Context, io console) error {
			var answer json.RawMessage
			if err := at.do(ctx, http.MethodPost, incidentPath(id, s.name), body, &answer); err != nil {
				return err
			}
			return io.say(answer, "%s: %s", id, s.done)
		})
		at.declare(cmd)
		cmd.Arg("incident", "Its number.").Required().StringVar(&id)
		for _, flag := range s.flags {
			f := cmd.Flag(flag.name, flag.help)
			if !flag.optional {
				f = f.Required()
			}
			body[flag.name] = f.String()
		}
	}
}
