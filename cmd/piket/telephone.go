package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/telephone"
)

// newTelephone is what rings people, by what the configuration says at each time.
func (d *Daemon) newTelephone() *telephone.Telephone {
	config := func() telephone.Config { return d.settings.Load().config.Telephone }
	external := func() string { return d.settings.Load().config.Web.ExternalURL }
	return &telephone.Telephone{
		Store: d.store, Clock: d.clk, Log: d.log, Inventory: d.roster.Inventory, Config: config, Count: d.metrics.call,
		Line: func(c telephone.Config) telephone.Line {
			return telephone.NewLine(c, d.clk, d.log, external(), d.links)
		},
		Alone:    func() bool { return !d.store.Shared() && config().Twilio.Account == "" },
		External: external, Links: d.links,
	}
}

// telephoneAlarm tells people, past the telephone, that it would not ring. Nothing
// else of piket stops with it.
func (d *Daemon) telephoneAlarm() *alarm {
	a := d.alarm()
	a.trouble, a.means = d.phone.Trouble, "Machines are looked after as before; people are mailed and not rung."
	a.alive = func(context.Context) error { return nil }
	return a
}

func declareTelephone(c *cli) {
	phone := c.app.Command("telephone", "The telephone that rings.")
	var config, person string
	cmd := c.add(phone, "ring", "Call somebody now, to see that it works before the night in which it must; nothing is recorded.", func(ctx context.Context, io console) error {
		return ringPerson(ctx, io, config, person)
	})
	cmd.Flag("config.file", "Configuration file.").Default("piket.yml").StringVar(&config)
	cmd.Arg("person", "Who is called, by their name in the inventory.").Required().StringVar(&person)
}

// testRing is what is said of a test call.
type testRing struct {
	Person    string               `json:"person"`
	Telephone string               `json:"telephone"`
	By        string               `json:"by"`
	Outcome   incident.RingOutcome `json:"outcome"`
	Detail    string               `json:"detail,omitempty"`
	Answer    string               `json:"answer,omitempty"` // of the other side
	Keys      string               `json:"keys"`
	Rang      float64              `json:"rang_seconds"`
	Talked    float64              `json:"talked_seconds"`
	Spoken    float64              `json:"spoken_seconds"` // of voice that was sent
}

const testScript = "This is piket, with a test of the telephone. Nothing is wrong."

// ringPerson calls somebody by the configured way. It is an error when nobody
// took it up.
func ringPerson(ctx context.Context, io console, path, name string) error {
	config, inv, err := LoadConfig(path)
	if err != nil {
		return err
	}
	person, ok := inv.Person(name)
	switch {
	case !config.Telephone.Enabled():
		return withHint(errors.New("piket has no telephone"), "write telephone: in "+path)
	case !ok:
		return withHint(fmt.Errorf("there is no person %q in the inventory", name), "see people: in the inventory")
	case person.Telephone == "":
		return withHint(fmt.Errorf("%s has no telephone in the inventory", name), "give them telephone: in the inventory")
	}
	t := config.Telephone
	result := telephone.NewLine(t, clock.Real(), slog.New(slog.DiscardHandler), config.Web.ExternalURL, signed.Key{}).Call(ctx, telephone.Call{
		Number: telephone.Dial(person.Telephone), Language: "en", Script: testScript, Keys: "Press 1 if you can hear this, 2 to hear it again.",
		RingFor: t.Ring, Until: time.Now().Add(10 * time.Minute), Press: pressTest,
	})
	said := testRing{
		Person: name, Telephone: telephone.Dial(person.Telephone), By: wayOf(t), Outcome: result.Outcome, Detail: result.Detail, Answer: result.Code,
		Keys: strings.Join(result.Pressed, ""), Rang: result.Rang.Seconds(), Talked: result.Talked.Seconds(), Spoken: result.Spoken.Seconds(),
	}
	if err := said.print(io); err != nil {
		return err
	}
	if result.Outcome != incident.RingAnswered {
		return withHint(fmt.Errorf("nobody is known to have taken up the call to %s: %s", name, said.Outcome), "see the detail above; in the night it would have gone on to the next person")
	}
	return nil
}

// pressTest answers the keys of a test call.
func pressTest(_ context.Context, key string) telephone.Answer {
	if key == incident.KeyRepeat {
		return telephone.Answer{}
	}
	return telephone.Answer{Say: "Thank you. Key " + key + " arrived.", Over: true}
}

func wayOf(t telephone.Config) string {
	if t.Twilio.Account != "" {
		return "Twilio account " + t.Twilio.Account
	}
	return "SIP trunk " + t.SIP.Server + " over " + t.SIP.Transport
}

func (r testRing) print(io console) error {
	if io.json {
		answer, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return io.say(answer, "")
	}
	keys := r.Keys
	if keys == "" {
		keys = "none"
	}
	_, err := fmt.Fprintf(io.out, "Called   %s at %s\nBy       %s\nOutcome  %s (%s)\nAnswer   %s, after %.1f s\nVoice    %.1f s of it sent, the line was open for %.1f s\nKeys     %s\n",
		r.Person, r.Telephone, r.By, r.Outcome, r.Detail, r.Answer, r.Rang, r.Spoken, r.Talked, keys)
	return err
}
