package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// cast are the people of a headless demo: an engineer, a service desk, a
// technician. They act through the API with their own tokens, as people do.
type cast struct {
	demo     *demo
	story    scenario
	repaired sync.Map // incidents to which somebody went by hand
}

// How long people take, in the story's time.
const (
	toAcknowledge = time.Minute
	toAnswer      = 2 * time.Minute
	toCall        = 3 * time.Minute
	toTakeOrder   = 6 * time.Minute
	toArrive      = 40 * time.Minute
	toReachIn     = 2 * time.Minute
	toLeave       = 30 * time.Second
	toRepair      = 20 * time.Minute
	toConfirm     = 3 * time.Minute
	toClose       = 5 * time.Minute
)

// errand is something a person does once its time has come.
type errand struct {
	at   time.Time
	who  string
	verb string
	body any
	hand func() error // what hands do before it is reported; nil for nothing
	link string       // the path of a link that somebody was given, instead of a verb; "" for none
	form string       // what they press behind it
}

// Visit lets whoever is due do one thing. It is a rounds.Visit.
func (c *cast) Visit(ctx context.Context, id string) (time.Time, error) {
	inc, err := c.demo.daemon.store.Load(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	now := c.demo.clk.Now()
	var next time.Time
	list := c.story.circle.errands(inc)
	if inc.Ongoing() {
		list = c.errands(inc)
	}
	for _, e := range list {
		if now.Before(e.at) {
			if next.IsZero() || e.at.Before(next) {
				next = e.at
			}
			continue
		}
		return now, c.run(ctx, id, e)
	}
	return next, nil
}

// errands lists what there is to do on an incident.
func (c *cast) errands(inc *incident.Incident) []errand {
	var list []errand
	if inc.Owner == "" {
		list = append(list, errand{at: inc.OpenedAt.Add(toAcknowledge), who: "noor", verb: "acknowledge"})
	}
	if a := inc.Approval; a != nil && a.GrantedBy == "" && c.story.answer != "" {
		verb := map[string]string{"yes": "approve", "no": "deny"}[c.story.answer]
		who, at := "noor", c.since(inc, "approval_requested").Add(toAnswer)
		if slices.Contains(a.Yes, who) { // two must agree
			who, at = "ravi", at.Add(toAnswer)
		}
		list = append(list, errand{at: at, who: who, verb: verb,
			body: map[string]string{"approval": a.Approval, "plan_hash": a.PlanHash, "reason": ""}})
	}
	for _, t := range inc.CallTasks {
		if t.Outcome == "" {
			list = append(list, errand{at: t.Due.Add(toCall), who: c.story.circle.caller(), verb: "call", body: map[string]string{"task": t.Task, "outcome": "reached"}})
		}
	}
	if o := inc.Order; o != nil {
		list = append(list, c.orderErrand(inc, o)...)
	}
	if at, ok := inc.Attentions["ladder-used-up"]; ok {
		if _, done := c.repaired.Load(inc.ID); !done {
			list = append(list, errand{at: at.Add(toRepair), who: "noor", verb: "note", body: map[string]string{"words": "Repaired by hand."},
				hand: func() error { c.repaired.Store(inc.ID, true); return c.demo.lab.Repair(inc.Subject.Name) }})
		}
	}
	list = append(list, confirmErrands(inc)...)
	if inc.Closure != nil && inc.Closure.Passed && inc.Confirmed() {
		draft := desk.Draft(inc)
		list = append(list, errand{at: inc.RestoredAt.Add(toClose), who: c.story.circle.closer(), verb: "close",
			body: map[string]string{"cause": draft.Cause, "solution": draft.Solution, "prevention": "We watch it more closely."}})
	}
	return list
}

// confirmErrands are the customers' yes, by the links that they were mailed.
func confirmErrands(inc *incident.Incident) []errand {
	if inc.Confirmation == nil || inc.Confirmation.AskedAt.IsZero() {
		return nil
	}
	var list []errand
	for _, name := range inc.Unconfirmed() {
		for _, m := range inc.Messages {
			if m.Customer == name && m.Purpose == "confirm" {
				list = append(list, errand{at: inc.Confirmation.AskedAt.Add(toConfirm), who: name, link: m.Link, form: "answer=yes&words=All+is+well+again."})
				break
			}
		}
	}
	return list
}

// orderErrand is the next thing that the technician presses on the page behind their
// link: taken, on site, hands in the rack, hands out of it, done.
func (c *cast) orderErrand(inc *incident.Incident, o *incident.Order) []errand {
	press := func(at time.Time, form string, hand func() error) []errand {
		return []errand{{at: at, who: o.To, link: o.Link, form: form, hand: hand}}
	}
	switch {
	case o.State == incident.OrderSent, o.State == incident.OrderUnanswered:
		return press(o.ChangedAt.Add(toTakeOrder), "act=acknowledged", nil)
	case o.State == incident.OrderAcknowledged:
		return press(o.ChangedAt.Add(toArrive), "act=on_site", nil)
	case o.State != incident.OrderOnSite:
		return nil
	case o.HandsBy == "":
		return press(o.ChangedAt.Add(toReachIn), "act=hands_in", nil)
	case len(o.Parts) == 0 && !o.HandsIn.IsZero():
		return press(o.HandsIn.Add(toRepair), "act=part&part=power+supply&old=PS-0417&new=PS-0991", func() error {
			if inc.Subject.Kind != "server" {
				return nil
			}
			return c.demo.lab.Repair(inc.Subject.Name)
		})
	case !o.HandsIn.IsZero():
		return press(c.since(inc, "part_replaced").Add(toLeave), "act=hands_out", nil)
	}
	return press(c.since(inc, "hands_in_rack").Add(toLeave), "act=done&words=replaced+the+power+supply+and+pressed+the+button", nil)
}

// since returns when the newest event of a kind was written.
func (c *cast) since(inc *incident.Incident, kind incident.Kind) time.Time {
	events, err := c.demo.daemon.store.Events(context.Background(), inc.ID, 0)
	at := inc.OpenedAt
	for _, e := range events {
		if err == nil && e.Payload.Kind() == kind {
			at = e.At
		}
	}
	return at
}

// run does an errand through the API.
func (c *cast) run(ctx context.Context, id string, e errand) error {
	if e.hand != nil {
		if err := e.hand(); err != nil {
			return err
		}
	}
	if e.link != "" {
		return c.press(ctx, e)
	}
	return c.demo.say(ctx, e.who, fmt.Sprintf("/api/incidents/%s/%s", id, e.verb), e.body)
}

// say posts to the API as a person.
func (d *demo) say(ctx context.Context, who, path string, what any) error {
	token, err := os.ReadFile(d.lab.TokenFile(who))
	if err != nil {
		return err
	}
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusConflict {
		return store.ErrConflict // somebody was quicker: look at the incident again
	}
	if response.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return fmt.Errorf("%s %s: status %d: %s", who, path, response.StatusCode, answer)
	}
	return nil
}

// press has somebody press a button on the page behind their link.
func (c *cast) press(ctx context.Context, e errand) error {
	form := strings.NewReader(e.form)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.demo.url+c.demo.daemon.links.Sign(e.link), form)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK { // after the redirect
		return fmt.Errorf("%s answers by link: status %d", e.who, response.StatusCode)
	}
	return nil
}
