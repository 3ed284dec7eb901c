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

	"github.com/spinware/piket/internal/clock"
)

// dutyShown is what the API tells of who is on duty.
type dutyShown struct {
	Teams []struct {
		Name   string   `json:"name"`
		Now    []string `json:"now"`
		Shifts []struct {
			Person string    `json:"person"`
			From   time.Time `json:"from"`
			Until  time.Time `json:"until"`
		} `json:"shifts"`
		Covers []struct {
			Cover  string    `json:"cover"`
			Person string    `json:"person"`
			From   time.Time `json:"from"`
			Until  time.Time `json:"until"`
			Why    string    `json:"why"`
			By     string    `json:"by"`
		} `json:"covers"`
	} `json:"teams"`
}

func declareDuty(c *cli) {
	group := c.app.Command("duty", "Who is on duty, now and in the weeks to come, and who takes over.")
	var shower client
	cmd := c.add(group, "show", "List who is asked first in each team.", func(ctx context.Context, io console) error { return showDuty(ctx, &shower, io) })
	shower.declare(cmd.Default())
	declareCover(c, group)
}

func declareCover(c *cli, group *kingpin.CmdClause) {
	var at client
	var team string
	var from, until string
	body := map[string]string{}
	var person, why string
	cmd := c.add(group, "cover", "Let somebody take over a team's duty for a while.", func(ctx context.Context, io console) error {
		for name, text := range map[string]string{"from": from, "until": until} {
			moment, err := readMoment(name, text)
			if err != nil {
				return err
			}
			body[name] = moment.Format(time.RFC3339)
		}
		body["person"], body["why"] = person, why
		return sayDuty(ctx, &at, team, "cover", body, io)
	})
	at.declare(cmd)
	cmd.Arg("team", "Whose duty.").Required().StringVar(&team)
	cmd.Arg("person", "Who takes it over; a member of the team.").Required().StringVar(&person)
	cmd.Flag("from", "From when, as 2026-01-05T18:00 on this machine's clock or with a zone; now when left out.").Default("now").StringVar(&from)
	cmd.Flag("until", "Until when, likewise.").Required().StringVar(&until)
	cmd.Flag("why", "Why, such as a swap.").StringVar(&why)

	var backAt client
	var backTeam, cover string
	cmd = c.add(group, "uncover", "Take a cover back.", func(ctx context.Context, io console) error {
		return sayDuty(ctx, &backAt, backTeam, "uncover", map[string]string{"cover": cover}, io)
	})
	backAt.declare(cmd)
	cmd.Arg("team", "Whose duty.").Required().StringVar(&backTeam)
	cmd.Arg("cover", "Its number, as piket duty shows it.").Required().StringVar(&cover)
}

// readMoment reads a moment of a flag; "now" is one, too.
func readMoment(name, text string) (time.Time, error) {
	if text == "now" {
		return time.Now(), nil
	}
	t, err := clock.Read(text, time.Local)
	if err != nil {
		return t, withHint(fmt.Errorf("--%s=%q is not a time", name, text), "write 2026-01-05T18:00, or 2026-01-05T18:00:00+01:00")
	}
	return t, nil
}

func sayDuty(ctx context.Context, c *client, team, verb string, body map[string]string, io console) error {
	var answer json.RawMessage
	if err := c.do(ctx, http.MethodPost, "/api/v1/duty/"+url.PathEscape(team)+"/"+verb, body, &answer); err != nil {
		return err
	}
	return io.say(answer, "%s: recorded", team)
}

// calendarFormat is what --output may be for the duty, beside text and json.
const calendarFormat = "ical"

func showDuty(ctx context.Context, c *client, io console) error {
	if io.format == calendarFormat {
		return printDocument(ctx, c, "/api/v1/duty/calendar", io)
	}
	var answer json.RawMessage
	if err := c.do(ctx, http.MethodGet, "/api/v1/duty", nil, &answer); err != nil {
		return err
	}
	if io.json {
		return io.say(answer, "")
	}
	var all dutyShown
	if err := json.Unmarshal(answer, &all); err != nil {
		return withHint(fmt.Errorf("read piket's answer: %w", err), "is it a piket that answers at "+c.base+"?")
	}
	all.print(io)
	return nil
}

func (d dutyShown) print(io console) {
	at := func(t time.Time) string { return t.Local().Format("Mon 2006-01-02 15:04") }
	for _, team := range d.Teams {
		now := "nobody"
		if len(team.Now) > 0 {
			now = strings.Join(team.Now, ", then ")
		}
		fmt.Fprintf(io.out, "%s: %s\n", team.Name, now)
		for _, s := range team.Shifts {
			person := s.Person
			if person == "" {
				person = "NOBODY"
			}
			fmt.Fprintf(io.out, "  %s  until  %s  %s\n", at(s.From), at(s.Until), person)
		}
		for _, c := range team.Covers {
			fmt.Fprintf(io.out, "  %s takes over from %s until %s (%s, said by %s%s)\n", c.Person, at(c.From), at(c.Until), c.Cover, c.By, because(c.Why))
		}
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
