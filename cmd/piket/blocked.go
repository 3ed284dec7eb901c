package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// blockedShown is what the API tells of what piket is not doing.
type blockedShown struct {
	Frozen  string `json:"frozen"`
	Idle    string `json:"idle"`
	Blocked []struct {
		Incident string    `json:"incident"`
		Subject  about     `json:"subject"`
		Step     string    `json:"step"`
		Guard    string    `json:"guard"`
		Why      string    `json:"why"`
		Since    time.Time `json:"since"`
		NextLook time.Time `json:"next_look"`
	} `json:"blocked"`
	Questions []struct {
		Incident string    `json:"incident"`
		Action   string    `json:"action"`
		Who      []string  `json:"who"`
		Yes      []string  `json:"yes"`
		Needed   int       `json:"needed"`
		Since    time.Time `json:"since"`
		Until    time.Time `json:"until"`
	} `json:"questions"`
	More int `json:"more"`
}

type about struct {
	Name string `json:"name"`
}

func declareBlocked(c *cli) {
	var at client
	cmd := c.add(c.app, "blocked", "List what piket is not doing, and why: what guards hold back, and what waits for an answer.",
		func(ctx context.Context, io console) error { return listBlocked(ctx, &at, io) })
	at.declare(cmd)
}

func listBlocked(ctx context.Context, c *client, io console) error {
	var answer json.RawMessage
	if err := c.do(ctx, http.MethodGet, "/api/v1/blocked", nil, &answer); err != nil {
		return err
	}
	if io.json {
		return io.say(answer, "")
	}
	var all blockedShown
	if err := json.Unmarshal(answer, &all); err != nil {
		return withHint(fmt.Errorf("read piket's answer: %w", err), "is it a piket that answers at "+c.base+"?")
	}
	all.print(io)
	return nil
}

func (b blockedShown) print(io console) {
	at := func(t time.Time) string { return t.Local().Format("15:04:05") }
	if b.Frozen != "" {
		fmt.Fprintf(io.out, "frozen: %s\n", b.Frozen)
	}
	if b.Idle != "" {
		fmt.Fprintf(io.out, "no machine is touched: %s\n", b.Idle)
	}
	for _, q := range b.Questions {
		who := "nobody who could agree"
		if len(q.Who) > 0 {
			who = strings.Join(q.Who, " or ")
		}
		fmt.Fprintf(io.out, "%s  %s: waits for %s since %s, until %s", q.Incident, q.Action, who, at(q.Since), at(q.Until))
		if q.Needed > 1 {
			fmt.Fprintf(io.out, " (%d of %d have agreed)", len(q.Yes), q.Needed)
		}
		fmt.Fprintln(io.out)
	}
	for _, h := range b.Blocked {
		step := h.Step
		if step == "" {
			step = "every step"
		}
		next := "waiting does not help"
		if !h.NextLook.IsZero() {
			next = "next look " + at(h.NextLook)
		}
		fmt.Fprintf(io.out, "%s  %s on %s: %s: %s (since %s, %s)\n", h.Incident, step, h.Subject.Name, h.Guard, h.Why, at(h.Since), next)
	}
	if b.More > 0 {
		fmt.Fprintf(io.out, "%d more incidents, less pressing, are ongoing and were not gone through; the metric piket_blocked counts all.\n", b.More)
	}
	if len(b.Questions)+len(b.Blocked)+b.More == 0 {
		fmt.Fprintln(io.out, "Nothing is held back, and nobody is asked anything.")
	}
}
