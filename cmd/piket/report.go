package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spinware/piket/internal/report"
)

// documentFormats are what --output may be for commands that print a document,
// beside text and json.
var documentFormats = []string{"csv", "md", "html", "pdf"}

// declareReports declares the figures over a period and the review of one
// incident.
func declareReports(c *cli) {
	group := c.app.Command("report", "Figures over a period: counts, times, promises kept, what helped.")
	for _, kind := range report.PeriodKinds {
		var at client
		var of string
		cmd := c.add(group, kind, "Figures of one "+kind+".", func(ctx context.Context, io console) error {
			return printDocument(ctx, &at, "/api/v1/reports/"+kind+"/"+of, io)
		})
		at.declare(cmd)
		cmd.Flag("of", "Which, such as "+report.At(kind, time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC)).Of+"; the one that is not over yet when left out.").Default("now").StringVar(&of)
		c.documents[cmd.FullCommand()] = true
	}

	var at client
	var id string
	cmd := c.add(c.app, "review", "The review of an incident, as far as it is written.", func(ctx context.Context, io console) error {
		return printDocument(ctx, &at, incidentPath(id, "review"), io)
	})
	at.declare(cmd)
	cmd.Arg("incident", "Its number.").Required().StringVar(&id)
	c.documents[cmd.FullCommand()] = true
}

// printDocument prints what piket answers, in the format that was asked for.
func printDocument(ctx context.Context, at *client, path string, io console) error {
	document, err := at.fetch(ctx, http.MethodGet, path+"?format="+io.format, nil)
	if err != nil {
		return err
	}
	if _, err := io.out.Write(document); err != nil {
		return fmt.Errorf("print the document: %w", err)
	}
	return nil
}
