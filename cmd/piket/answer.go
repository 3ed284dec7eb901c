package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
)

// question is what the API tells of what is asked.
type question struct {
	incident.ApprovalRequested
	Yes       []string `json:"yes"`
	GrantedBy string   `json:"granted_by"`
}

// declareAnswer declares yes and no. A yes names the plan that was read, so
// that it cannot be for another one.
func declareAnswer(c *cli) {
	var yes, no client
	var id, plan, denied, reason string
	cmd := c.add(c.app, "approve", "Answer yes to what an incident asks.", func(ctx context.Context, io console) error {
		return approve(ctx, &yes, id, plan, io)
	})
	yes.declare(cmd)
	cmd.Arg("incident", "Its number.").Required().StringVar(&id)
	cmd.Flag("plan", "First characters (8 or more) of the plan that you agree to; without it the question is only shown.").StringVar(&plan)

	cmd = c.add(c.app, "deny", "Answer no to what an incident asks.", func(ctx context.Context, io console) error {
		var s shown
		if err := no.do(ctx, http.MethodGet, incidentPath(denied, ""), nil, &s); err != nil {
			return err
		}
		a := s.Incident.Approval
		if a == nil || a.GrantedBy != "" {
			return withHint(fmt.Errorf("%s asks nothing now", denied), "see it with: piket incident show "+denied)
		}
		return answer(ctx, &no, denied, "deny", a.Approval, a.PlanHash, reason, io)
	})
	no.declare(cmd)
	cmd.Arg("incident", "Its number.").Required().StringVar(&denied)
	cmd.Flag("reason", "Why not; it is written down.").StringVar(&reason)
}

// minPlan is how many characters of a plan's hash tell it from every other.
const minPlan = 8

func approve(ctx context.Context, c *client, id, plan string, io console) error {
	var s shown
	if err := c.do(ctx, http.MethodGet, incidentPath(id, ""), nil, &s); err != nil {
		return err
	}
	a := s.Incident.Approval
	switch {
	case a == nil || a.GrantedBy != "":
		return withHint(fmt.Errorf("%s asks nothing now", id), "see it with: piket incident show "+id)
	case plan == "":
		a.print(io, id)
		return withHint(errors.New("nothing was approved"), fmt.Sprintf("if you agree to exactly this: piket approve %s --plan %.12s", id, a.PlanHash))
	case len(plan) < minPlan || !strings.HasPrefix(a.PlanHash, plan):
		return withHint(fmt.Errorf("what is asked now is plan %.12s, not %q", a.PlanHash, plan), "read it again with: piket approve "+id)
	}
	return answer(ctx, c, id, "approve", a.Approval, a.PlanHash, "", io)
}

// print shows everything that a yes would be for.
func (a question) print(io console, id string) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(io.out, "  %-9s %s\n", name, value)
		}
	}
	fmt.Fprintf(io.out, "%s asks %s, until %s: may piket %s?\n", id, a.By, a.Expires.Local().Format("15:04:05"), a.Action)
	line("WIPES", a.Wipes)
	line("why", a.Why)
	line("serial", a.Serial)
	var facts []string
	for _, name := range slices.Sorted(maps.Keys(a.Facts)) {
		facts = append(facts, name+" "+a.Facts[name])
	}
	line("found", strings.Join(facts, ", "))
	line("until now", a.Record)
	if a.Needed() > 1 {
		line("people", strings.TrimPrefix(a.so(), " "))
	}
	line("silence", "it is not done: "+a.Else)
	line("plan", a.PlanHash)
}

// so says how many must agree and who has, "" where one is enough.
func (a question) so() string {
	if a.Needed() < 2 {
		return ""
	}
	text := fmt.Sprintf(" %d different people must agree", a.Needed())
	if a.Because != "" {
		text += " (" + a.Because + ")"
	}
	if len(a.Yes) > 0 {
		return text + fmt.Sprintf("; %s has, %d of %d", strings.Join(a.Yes, " and "), len(a.Yes), a.Needed())
	}
	return text + "; nobody has yet"
}

func answer(ctx context.Context, c *client, id, verb, approval, plan, reason string, io console) error {
	body := map[string]string{"approval": approval, "plan_hash": plan, "reason": reason}
	var said json.RawMessage
	if err := c.do(ctx, http.MethodPost, incidentPath(id, verb), body, &said); err != nil {
		return err
	}
	done := map[string]string{"approve": "approved", "deny": "denied"}[verb]
	var now shown
	if json.Unmarshal(said, &now) == nil && verb == "approve" && now.Incident.Approval != nil && now.Incident.Approval.GrantedBy == "" {
		a := now.Incident.Approval
		done += fmt.Sprintf(", %d of %d: somebody else must agree, too", len(a.Yes), a.Needed())
	}
	return io.say(said, "%s: %s", id, done)
}
