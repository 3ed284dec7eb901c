package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// declareDrill declares the exercises of people [5.1].
func declareDrill(c *cli) {
	group := c.app.Command("drill", "Exercises: real people, a pretended machine, DRILL on every word.")
	declareDrillList(c, group)
	declareDrillStart(c, group)

	var at client
	var id string
	cmd := c.add(group, "stop", "End a drill.", func(ctx context.Context, io console) error {
		var answer json.RawMessage
		if err := at.do(ctx, http.MethodPost, incidentPath(id, "stop"), nil, &answer); err != nil {
			return err
		}
		return io.say(answer, "%s: the drill is over", id)
	})
	at.declare(cmd)
	cmd.Arg("incident", "Its number.").Required().StringVar(&id)
}

func declareDrillList(c *cli, group *kingpin.CmdClause) {
	var at client
	cmd := c.add(group, "list", "List the drills that were held, newest first.", func(ctx context.Context, io console) error {
		var answer struct {
			Drills []store.Summary `json:"drills"`
		}
		if err := at.do(ctx, http.MethodGet, "/api/v1/drills", nil, &answer); err != nil {
			return err
		}
		if io.json {
			return json.NewEncoder(io.out).Encode(answer.Drills)
		}
		if len(answer.Drills) == 0 {
			fmt.Fprintln(io.out, "no drill was held")
		}
		for _, m := range answer.Drills {
			fmt.Fprintf(io.out, "%s  %-8s  %s  %s\n", m.ID, m.Status, m.Opened.Local().Format("2006-01-02 15:04"), m.Title)
		}
		return nil
	})
	at.declare(cmd)
}

func declareDrillStart(c *cli, group *kingpin.CmdClause) {
	var at client
	var wanted struct {
		Server    string `json:"server"`
		Story     string `json:"story"`
		Customers bool   `json:"customers"`
		Lasts     string `json:"lasts"`
	}
	cmd := c.add(group, "start", "Begin one. No machine is touched; no customer hears of it unless you say so.", func(ctx context.Context, io console) error {
		var answer json.RawMessage
		if err := at.do(ctx, http.MethodPost, "/api/v1/drills", wanted, &answer); err != nil {
			return err
		}
		var begun struct{ Incident string }
		if err := json.Unmarshal(answer, &begun); err != nil {
			return fmt.Errorf("read piket's answer: %w", err)
		}
		return io.say(answer, "the drill is %s; end it with: piket drill stop %s", begun.Incident, begun.Incident)
	})
	at.declare(cmd)
	cmd.Flag("server", "The server that is pretended to be in trouble.").Required().StringVar(&wanted.Server)
	stories := slices.Sorted(maps.Keys(incident.Stories))
	cmd.Flag("story", "What is pretended: "+strings.Join(stories, ", ")+".").Required().EnumVar(&wanted.Story, stories...)
	cmd.Flag("tell-customers", "Customers hear of it as well, with DRILL on every message.").BoolVar(&wanted.Customers)
	cmd.Flag("lasts", "After which it ends by itself, such as 2h; 4h when left out.").StringVar(&wanted.Lasts)
}
