package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/spinware/piket/internal/yamlpos"
)

// command is one leaf of the command line. It returns what went wrong; run
// prints it.
type command func(ctx context.Context, io console) error

// console is where a command writes, and how.
type console struct {
	out, err io.Writer
	json     bool
	format   string // what --output says: "text", "json", or one of documentFormats
}

// say prints what piket answered, as JSON or in a line.
func (c console) say(answer json.RawMessage, format string, args ...any) error {
	if c.json {
		_, err := fmt.Fprintln(c.out, string(answer))
		return err
	}
	_, err := fmt.Fprintf(c.out, format+"\n", args...)
	return err
}

// cli is the command line under construction: kingpin's tree and what each
// leaf runs.
type cli struct {
	app  *kingpin.Application
	runs map[string]command

	documents map[string]bool // commands that print a document, in more formats than the others
}

// add declares a leaf; its full name ("incident list") finds it again.
func (c *cli) add(parent interface {
	Command(name, help string) *kingpin.CmdClause
}, name, help string, run command) *kingpin.CmdClause {
	clause := parent.Command(name, help)
	c.runs[clause.FullCommand()] = run
	return clause
}

// run is the whole program: it returns the exit status, 2 for a command line
// that makes no sense and 1 for anything else that went wrong.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &cli{app: kingpin.New("piket", "Answers first when a server in a datacenter stops answering."), runs: map[string]command{}, documents: map[string]bool{}}
	c.app.UsageWriter(stdout).ErrorWriter(stderr).Version(version.Print("piket"))
	c.app.HelpFlag.Short('h')
	ended, status := false, 0
	c.app.Terminate(func(code int) { ended, status = true, code })
	output := c.app.Flag("output", "How to print results: text or json; reports and reviews also as csv, md, html or pdf, the duty as ical.").Default("text").Enum(append([]string{"text", "json", calendarFormat}, documentFormats...)...)
	for _, declare := range []func(*cli){
		declareServe, declareCheck, declareRunbook, declareIncident, declareAnswer, declareBlocked, declareDuty, declareReceivers,
		declareFreeze, declareTimeline, declareProbe, declarePower, declareDemo, declareBench, declareVantage, declareExecutor, declareSimulate,
		declareBackup, declareReports, declareDrill, declareBacktest, declareTelephone,
	} {
		declare(c)
	}
	selected, err := c.app.Parse(args)
	switch {
	case ended:
		return status
	case err != nil:
		complain(stderr, withHint(err, "see piket --help"))
		return 2
	case slices.Contains(documentFormats, *output) && !c.documents[selected], *output == calendarFormat && selected != "duty show":
		complain(stderr, withHint(fmt.Errorf("piket %s cannot be printed as %s", selected, *output), "use --output text or --output json"))
		return 2
	}
	if err := c.runs[selected](ctx, console{out: stdout, err: stderr, json: *output == "json", format: *output}); err != nil {
		complain(stderr, err)
		return 1
	}
	return 0
}

// hinted is an error with what to do now.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// withHint adds what to do now to an error; nil stays nil.
func withHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return hinted{err, hint}
}

// complain prints an error for a person: what, then what to do now. Mistakes
// in files stand a line each, as file:line:col: what.
func complain(w io.Writer, err error) {
	var problems yamlpos.Problems
	if errors.As(err, &problems) {
		fmt.Fprintln(w, problems.Error())
		fmt.Fprintf(w, "error: %s\n", mistakes(err))
	} else {
		fmt.Fprintf(w, "error: %v\n", err)
	}
	var h hinted
	if errors.As(err, &h) {
		fmt.Fprintf(w, "hint: %s\n", h.hint)
	}
}
