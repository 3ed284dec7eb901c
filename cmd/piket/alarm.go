package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/notify"
)

// alarm is the second way out: when piket cannot do its work, people are told
// without the store, the outbox and the timeline, because those may be what is
// broken. Telling fails open; touching machines fails closed.
type alarm struct {
	clk     *clock.Clock
	log     *slog.Logger
	trouble func() error                // why piket cannot do its work, nil when it can
	means   string                      // what that means for who reads it; everythingStops when empty
	ways    func() []way                // as they are at the moment
	alive   func(context.Context) error // tells somebody outside that piket is alive, if there is somebody
}

// everythingStops is what it means that piket cannot do its work.
const everythingStops = "It touches no machine; look after your servers yourself."

// way is one way to tell people.
type way struct {
	name string
	tell func(ctx context.Context, text string) error
}

// How often piket asks itself whether it can work, how long it must have been
// unable before people are told, and how often they are told again.
const (
	alarmEvery  = 10 * time.Second
	alarmAfter  = 30 * time.Second
	alarmAgain  = 30 * time.Minute
	alarmBudget = 20 * time.Second // for one try on one way
	aliveEvery  = time.Minute
)

// run watches until ctx ends. Call it from a goroutine of the clock's Go.
func (a *alarm) run(ctx context.Context) {
	var since, told, lived time.Time
	for ctx.Err() == nil {
		now := a.clk.Now()
		switch err := a.trouble(); {
		case err == nil && !told.IsZero():
			a.tell(ctx, "piket can do its work again since "+now.Format(time.RFC3339)+".")
			since, told = time.Time{}, time.Time{}
		case err == nil:
			since = time.Time{}
		case since.IsZero():
			since = now
		case now.Sub(since) >= alarmAfter && (told.IsZero() || now.Sub(told) >= alarmAgain):
			if a.tell(ctx, fmt.Sprintf("piket has not been able to do its work since %s: %v. %s", since.Format(time.RFC3339), err, cmp.Or(a.means, everythingStops))) {
				told = now
			}
		}
		if since.IsZero() && now.Sub(lived) >= aliveEvery {
			if err := a.try(ctx, a.alive); err != nil {
				a.log.Warn("the watchdog outside cannot be told that piket is alive", "err", err)
			}
			lived = now
		}
		a.clk.Wait(ctx, now.Add(alarmEvery), nil)
	}
}

// tell uses every way there is; it reports whether any of them worked, so that
// the rest is tried again until somebody knows.
func (a *alarm) tell(ctx context.Context, text string) (heard bool) {
	a.log.Error("alarm", "text", text)
	for _, w := range a.ways() {
		if err := a.try(ctx, func(ctx context.Context) error { return w.tell(ctx, text) }); err != nil {
			a.log.Error("an alarm could not be given", "way", w.name, "err", err)
			continue
		}
		heard = true
	}
	return heard
}

func (a *alarm) try(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, alarmBudget)
	defer cancel()
	return f(ctx)
}

// post sends a small JSON object to an address of the configuration. Every chat
// and every paging service takes one in: {"text": …}.
func post(ctx context.Context, url, text string) error {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// alarm is the second way out, by what the configuration says at each time.
func (d *Daemon) alarm() *alarm {
	now := func() Alarm { return d.settings.Load().config.Alarm }
	return &alarm{
		clk: d.clk, log: d.log, trouble: d.trouble,
		ways: func() []way {
			ways := []way{{"mail", d.mailOnDuty}}
			if to := now().Webhook; to != "" {
				ways = append(ways, way{"webhook", func(ctx context.Context, text string) error { return post(ctx, to, text) }})
			}
			return ways
		},
		alive: func(ctx context.Context) error {
			if to := now().Watchdog; to != "" {
				return post(ctx, to, "piket is alive")
			}
			return nil
		},
	}
}

// mailOnDuty mails everybody on duty, past the store and its outbox.
func (d *Daemon) mailOnDuty(ctx context.Context, text string) error {
	inv := d.roster.Inventory()
	var to []string
	for _, team := range inv.Teams {
		for _, p := range inv.OnDuty(team.Name) {
			if p.Email != "" && !slices.Contains(to, p.Email) {
				to = append(to, p.Email)
			}
		}
	}
	if len(to) == 0 {
		return errors.New("nobody who can be mailed is on duty")
	}
	now := d.clk.Now()
	_, err := d.send(ctx, notify.Mail{ID: fmt.Sprintf("alarm-%d", now.UnixNano()), To: to, Subject: "piket itself needs you", Body: text + "\n", At: now})
	return err
}
