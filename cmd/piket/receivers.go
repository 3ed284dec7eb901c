package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/receivers"
)

// receivers reads what Alertmanager's reader reads, and holds the teams against
// it.
func (c *configChecker) receivers(inv *inventory.Inventory) {
	told, err := receivers.Read(receivers.Source{
		Global: c.config.Global, Templates: c.config.Templates, Receivers: c.config.Receivers,
		ExternalURL: strings.TrimRight(c.config.Web.ExternalURL, "/"),
	})
	c.problems.Join(err)
	if err != nil || inv == nil {
		return
	}
	c.config.told = told
	c.problems.Join(inv.CheckReceivers(told.Names()))
}

// receiverWarnings lists the receivers that tell nobody.
func (c *Config) receiverWarnings(inv *inventory.Inventory) []string {
	var unused, empty []string
	for _, name := range c.told.Names() {
		if !slices.ContainsFunc(inv.Teams, func(t inventory.Team) bool { return slices.Contains(t.Receivers, name) }) {
			unused = append(unused, name)
		}
		if !slices.ContainsFunc(c.told.Integrations(), func(i receivers.Integration) bool { return i.Receiver == name }) {
			empty = append(empty, name)
		}
	}
	var found []string
	if len(unused) > 0 {
		found = append(found, fmt.Sprintf("%s: %s: nobody is told by it", count(len(unused), "receiver is in no team", "receivers are in no team"), some(unused)))
	}
	if len(empty) > 0 {
		found = append(found, fmt.Sprintf("%s: %s: nothing is sent to it", count(len(empty), "receiver has no integration", "receivers have no integration"), some(empty)))
	}
	return found
}

// channels are the receivers as the desk knows them.
func channels(told *receivers.Set) map[string][]desk.Channel {
	list := map[string][]desk.Channel{}
	for _, i := range told.Integrations() {
		list[i.Receiver] = append(list[i.Receiver], desk.Channel{Address: i.Address, Resolved: i.Resolved})
	}
	return list
}

// chats is the outbox for what is not mail, a loop of its own: however slow a
// chat is, and however many wait for it, the mails go.
func (d *Daemon) chats(mails *notify.Outbox) *notify.Outbox {
	o := *mails
	o.Ways = map[incident.Way]notify.Sender{incident.ByReceiver: d.tell, incident.ByPush: d.push}
	o.Mine = func(w incident.Way) bool { return o.Ways[w] != nil }
	mails.Mine = func(w incident.Way) bool { return o.Ways[w] == nil } // and what nobody carries, which it says
	return &o
}

// tell carries a message to one integration of a receiver, by what the
// configuration says now.
func (d *Daemon) tell(ctx context.Context, m notify.Mail) (string, error) {
	if len(m.To) != 1 {
		return "", fmt.Errorf("%w: a message to a receiver names one integration, not %d", notify.ErrRefused, len(m.To))
	}
	began := time.Now()
	accepted, err := d.settings.Load().config.told.Send(ctx, m.To[0], receivers.Message{
		Group: m.Incident, Labels: m.Notice.Labels, Annotations: m.Notice.Annotations, StartsAt: m.Notice.StartsAt, EndsAt: m.Notice.EndsAt,
	})
	switch {
	case errors.Is(err, receivers.ErrBusy):
		return "", notify.ErrBusy
	case errors.Is(err, receivers.ErrRefused):
		d.metrics.told(m.To[0], "refused", time.Since(began))
		return "", fmt.Errorf("%w: %w", notify.ErrRefused, err)
	case err != nil:
		d.metrics.told(m.To[0], "failed", time.Since(began))
		return "", err
	}
	d.metrics.told(m.To[0], "delivered", time.Since(began))
	return accepted, nil
}

func declareReceivers(c *cli) {
	group := c.app.Command("receivers", "The receivers that teams are told by.")
	var path, name string
	list := c.add(group, "list", "List what each receiver of a configuration consists of.", func(_ context.Context, io console) error {
		config, inv, err := LoadConfig(path)
		if err != nil {
			return err
		}
		return listReceivers(config, inv, io)
	})
	list.Flag("config.file", "The configuration.").Default("piket.yml").StringVar(&path)
	test := c.add(group, "test", "Send a message that is marked as a test to a receiver, and then that it is over.", func(ctx context.Context, io console) error {
		config, _, err := LoadConfig(path)
		if err != nil {
			return err
		}
		return testReceiver(ctx, config, name, io)
	})
	test.Arg("name", "The receiver.").Required().StringVar(&name)
	test.Flag("config.file", "The configuration.").Default("piket.yml").StringVar(&path)
}

// shownIntegration is one integration, for people and programs.
type shownIntegration struct {
	Receiver string   `json:"receiver"`
	Address  string   `json:"integration"`
	Resolved bool     `json:"send_resolved"`
	Teams    []string `json:"teams"`
}

func listReceivers(config *Config, inv *inventory.Inventory, io console) error {
	list := []shownIntegration{}
	for _, i := range config.told.Integrations() {
		shown := shownIntegration{Receiver: i.Receiver, Address: i.Address, Resolved: i.Resolved, Teams: []string{}}
		for _, t := range inv.Teams {
			if slices.Contains(t.Receivers, i.Receiver) {
				shown.Teams = append(shown.Teams, t.Name)
			}
		}
		list = append(list, shown)
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(list)
	}
	for _, s := range list {
		teams := "no team"
		if len(s.Teams) > 0 {
			teams = strings.Join(s.Teams, ", ")
		}
		fmt.Fprintf(io.out, "%-40s  %s\n", s.Address, teams)
	}
	return nil
}

// tested is what came of one message of a test.
type tested struct {
	Integration string `json:"integration"`
	Said        string `json:"said"` // "firing" or "resolved"
	Accepted    bool   `json:"accepted"`
	Detail      string `json:"detail"`
	Took        string `json:"took"`
}

// testReceiver sends what an incident would, marked as a test, and takes it back
// where the receiver wants to hear that: a pager must not be left ringing.
func testReceiver(ctx context.Context, config *Config, name string, io console) error {
	if !slices.Contains(config.told.Names(), name) {
		return withHint(fmt.Errorf("the configuration has no receiver %q", name), "it has: "+strings.Join(config.told.Names(), ", "))
	}
	now := time.Now()
	m := receivers.Message{
		Group: fmt.Sprintf("piket-test-%d", now.Unix()), StartsAt: now,
		Labels: map[string]string{"alertname": "PiketTest", "incident": "TEST", "priority": "P4", "severity": "info"},
		Annotations: map[string]string{
			"summary":     "[TEST] This is a test of piket's receiver " + name,
			"description": "Nothing is wrong and nothing needs to be done. Somebody at " + hostName() + " asked for it.\n",
			"link":        config.Web.ExternalURL,
		},
	}
	results := []tested{}
	failed := 0
	for _, i := range config.told.Integrations() {
		if i.Receiver != name {
			continue
		}
		said := []string{"firing"}
		if i.Resolved {
			said = append(said, "resolved")
		}
		for _, word := range said {
			if m.EndsAt = (time.Time{}); word == "resolved" {
				m.EndsAt = time.Now()
			}
			result := tellOnce(ctx, config, i, word, m)
			if results = append(results, result); !result.Accepted {
				failed++
				break
			}
		}
	}
	if err := printTested(io, results); err != nil {
		return err
	}
	switch {
	case len(results) == 0:
		return fmt.Errorf("the receiver %q has no integration: nothing is sent to it", name)
	case failed > 0:
		return withHint(fmt.Errorf("%s of the receiver %q did not accept it", count(failed, "integration", "integrations"), name), "the reason stands above, as the service gave it")
	}
	return nil
}

func tellOnce(ctx context.Context, config *Config, i receivers.Integration, said string, m receivers.Message) tested {
	began := time.Now()
	accepted, err := config.told.Send(ctx, i.Address, m)
	result := tested{Integration: i.Address, Said: said, Accepted: err == nil, Detail: accepted, Took: time.Since(began).Round(time.Millisecond).String()}
	if err != nil {
		result.Detail = err.Error()
	}
	return result
}

func printTested(io console, results []tested) error {
	if io.json {
		return json.NewEncoder(io.out).Encode(results)
	}
	for _, r := range results {
		word := "FAILED"
		if r.Accepted {
			word = "ok"
		}
		fmt.Fprintf(io.out, "%-6s  %s %s, %s: %s\n", word, r.Integration, r.Said, r.Took, r.Detail)
	}
	return nil
}
