package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

func declareCheck(c *cli) {
	var path string
	cmd := c.add(c.app, "check", "Check a configuration file with all it names; that of a vantage, too.", func(_ context.Context, io console) error {
		if isVantage(path) {
			return checkVantage(path, io.out)
		}
		return check(path, io.out)
	})
	cmd.Arg("file", "Configuration file.").Default("piket.yml").StringVar(&path)
}

func declareRunbook(c *cli) {
	group := c.app.Command("runbook", "Check, explain and try out runbooks.")
	var files []string
	cmd := c.add(group, "check", "Report every mistake in runbook files.", func(_ context.Context, io console) error { return checkRunbooks(files, io) })
	cmd.Arg("file", "Runbook files.").Required().StringsVar(&files)

	var explained string
	cmd = c.add(group, "explain", "Say in plain words what a runbook does.", func(_ context.Context, io console) error {
		book, err := findBook(explained)
		if err != nil {
			return err
		}
		fmt.Fprint(io.out, book.Explain())
		return nil
	})
	cmd.Arg("runbook", "A file, or the name of a shipped runbook.").Required().StringVar(&explained)

	var s simulateFlags
	cmd = c.add(group, "simulate", "Play a runbook on a pretend server that does not answer; nothing is sent anywhere.", func(_ context.Context, io console) error { return s.simulate(io) })
	cmd.Arg("runbook", "A file, or the name of a shipped runbook.").Required().StringVar(&s.book)
	cmd.Flag("fact", "What is found, as CHECK.FACT=VALUE: power.state=off, shell.ok=true. May be given several times.").StringsVar(&s.facts)
	cmd.Flag("answer", "How people answer: yes, no or none.").Default("yes").EnumVar(&s.answer, "yes", "no", "none")
	cmd.Flag("cures", "What brings service back: the id of a remedy, technician, or nothing.").Default("technician").StringVar(&s.cures)
}

func checkRunbooks(files []string, io console) error {
	var problems yamlpos.Problems
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return withHint(fmt.Errorf("read runbook: %w", err), "name the files to check")
		}
		book, err := runbooks.Parse(file, data)
		if err != nil {
			problems.Join(err)
			continue
		}
		fmt.Fprintf(io.out, "%s: ok, runbook %s, version %.12s\n", file, book.Name, book.Hash)
	}
	return problems.Err()
}

// findBook reads a runbook from a file, or takes a shipped one by its name.
func findBook(name string) (*runbooks.Runbook, error) {
	library, err := runbooks.Load()
	if err != nil {
		return nil, err
	}
	if book, ok := library.Book(name); ok {
		return book, nil
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		var names []string
		for _, b := range library.Books {
			names = append(names, b.Name)
		}
		hint := fmt.Sprintf("shipped runbooks are %v", names)
		if near, ok := yamlpos.Nearest(name, names); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, withHint(fmt.Errorf("there is neither a file nor a shipped runbook %q", name), hint)
	}
	if err != nil {
		return nil, fmt.Errorf("read runbook: %w", err)
	}
	return runbooks.Parse(name, data)
}

// simulateFlags are what `runbook simulate` is told.
type simulateFlags struct {
	book, answer, cures string
	facts               []string
}

// pretend is the one-server world of `runbook simulate`, with the two people
// whom a runbook may ask.
func pretend(book *runbooks.Runbook) (*inventory.Inventory, error) {
	nowhere := secret.Ref{Env: "PIKET_SIMULATION"}
	people := []string{"engineer-1", "engineer-2"}
	teams := []inventory.Team{{Name: book.Assign, Members: people, OnDuty: people}}
	for _, r := range book.Remedies {
		if r.Approve != nil && r.Approve.By != inventory.OnDutyPeople && !slices.ContainsFunc(teams, func(t inventory.Team) bool { return t.Name == r.Approve.By }) {
			teams = append(teams, inventory.Team{Name: r.Approve.By, Members: people, OnDuty: people})
		}
	}
	engineer := []inventory.Role{inventory.Engineer}
	return inventory.New(inventory.Inventory{
		People: []inventory.Person{{Name: people[0], Email: "one@example.net", Roles: engineer}, {Name: people[1], Email: "two@example.net", Roles: engineer}},
		Teams:  teams,
		Sites: []inventory.Site{{
			Name: "site-01", Gateway: &inventory.Endpoint{Check: "icmp", Address: "192.0.2.1"},
			StatusPage:  &inventory.StatusPage{URL: "https://status.example.net"},
			RemoteHands: &inventory.RemoteHands{Name: "remote hands", Email: []string{"hands@example.net"}},
		}},
		Servers: []inventory.Server{{
			Name: "server-01", Site: "site-01", Address: "192.0.2.11",
			Serial: "SIM0000001", UUID: "6f1c1c6e-2f0a-4c55-9d3c-5a1f0d3b7e11",
			BMC: &inventory.BMC{Protocol: inventory.Redfish, Address: "192.0.2.111", Username: "piket", Password: nowhere},
			SSH: &inventory.SSH{User: "piket", Key: nowhere, HostKeys: []string{
				"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHSwXmBeJwKZJxOqYrE8zwOCSXlVS4mta0xZbDWwLJ3m"}},
			Services: []inventory.Service{{Name: "service", Unit: "service.service",
				Probe: inventory.Endpoint{Check: "tcp", Address: "192.0.2.11:80"}}},
		}},
	})
}

func (s simulateFlags) simulate(io console) error {
	book, err := findBook(s.book)
	if err != nil {
		return err
	}
	inv, err := pretend(book)
	if err != nil {
		return fmt.Errorf("the pretend inventory: %w", err)
	}
	found, err := remediation.ParseFound(book, s.facts)
	if err != nil {
		return err
	}
	cures := []string{"technician", "nothing"}
	for _, r := range book.Remedies {
		cures = append(cures, r.ID)
	}
	if !slices.Contains(cures, s.cures) {
		return withHint(fmt.Errorf("nothing is called %q in runbook %s", s.cures, book.Name), fmt.Sprintf("--cures is one of %v", cures))
	}
	start := time.Date(2026, 1, 1, 3, 0, 0, 0, time.UTC)
	result, err := remediation.Simulate(book, inv, "server-01", remediation.Script{Found: found, Answer: s.answer, Cures: s.cures}, start)
	if err != nil {
		return err
	}
	return printSimulation(io, result, start)
}

func printSimulation(io console, result remediation.Simulated, start time.Time) error {
	if io.json {
		return json.NewEncoder(io.out).Encode(struct {
			Ended   incident.Status     `json:"ended"`
			Sends   []incident.Intended `json:"sends"`
			Seconds int                 `json:"simulated_seconds"`
			Events  []incident.Event    `json:"events"`
		}{result.Ended, result.Sends, int(result.Took.Seconds()), result.Events})
	}
	for _, e := range result.Events {
		fmt.Fprintf(io.out, "%8s  %s\n", e.At.Sub(start).Round(time.Second), e.Payload.Text())
	}
	fmt.Fprintf(io.out, "\nEnded %s after %s; sent to the server: %d.\n", result.Ended, result.Took.Round(time.Second), len(result.Sends))
	return nil
}

// checkTeams holds the runbooks against the inventory: whom they assign to and
// whom they ask must be there.
func checkTeams(library *runbooks.Library, inv *inventory.Inventory) error {
	for _, book := range library.Books {
		if _, ok := inv.Team(book.Assign); !ok {
			return withHint(fmt.Errorf("runbook %s is assigned to the team %q, which the inventory does not have", book.Name, book.Assign),
				"add the team to the inventory, or a runbook of the same name with another team")
		}
		for _, r := range book.Remedies {
			if r.Approve == nil {
				continue
			}
			if first, rest := inv.Asked(r.Approve.By, book.Assign); r.Approve.Persons > len(first)+len(rest) {
				return withHint(fmt.Errorf("runbook %s, step %s: %d people must agree, and only %d engineers may answer for %q", book.Name, r.ID, r.Approve.Persons, len(first)+len(rest), r.Approve.By),
					"it would never be done: add engineers to the team, or name another one")
			}
			if r.Approve.By == inventory.OnDutyPeople {
				continue
			}
			_, person := inv.Person(r.Approve.By)
			_, team := inv.Team(r.Approve.By)
			if !person && !team {
				return withHint(fmt.Errorf("runbook %s, step %s: %q may approve, and is neither a person nor a team of the inventory", book.Name, r.ID, r.Approve.By),
					"name a person, a team, or on-duty")
			}
		}
	}
	return nil
}
