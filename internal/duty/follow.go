package duty

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/oneline"
	"github.com/spinware/piket/internal/trusted"
)

const (
	followEvery = 15 * time.Minute // how often another tool's calendar is read
	followWait  = 20 * time.Second // for its answer
	staleAfter  = 24 * time.Hour   // without one, a person is called
	hops        = 3                // redirects, on the same host

	planBack  = 31 * 24 * time.Hour // more than a calendar of ours shows
	planAhead = 92 * 24 * time.Hour
)

// Followed keeps what the calendars of other tools say of who is on duty, in
// teams whose rotation names one. It decides who is asked, and gives nobody a
// say. What was read last holds until something newer can be read, also after a
// restart. Every field must be set.
type Followed struct {
	Clock   *clock.Clock
	Source  func() *inventory.Inventory
	Dir     string // keeps the last good copy of each
	Receive func(ctx context.Context, batch []alerts.Alert, cut uint64) error
	Log     *slog.Logger

	mu    sync.Mutex
	teams map[string]*followed
}

// followed is one team's calendar.
type followed struct {
	from   inventory.ICal
	text   []byte // the last good copy, nil while there is none
	read   time.Time
	plan   plan
	why    string        // why it could not be read the last time, "" when it could
	firing *alerts.Alert // that a person is needed for it
	before *alerts.Alert // what an earlier run of piket may have told so
}

// Covers lists a team's shifts by its calendar, none where it has none.
func (f *Followed) Covers(team inventory.Team) []inventory.Cover {
	if f == nil || team.Rotation == nil || team.Rotation.ICal == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.teams[team.Name]
	if known == nil || known.from != *team.Rotation.ICal {
		return nil
	}
	var covers []inventory.Cover
	for _, s := range known.plan.shifts {
		covers = append(covers, inventory.Cover{Team: team.Name, Shift: s, Planned: true})
	}
	return covers
}

// Watch reads the calendars again and again until ctx ends, and calls changed
// after each time.
func (f *Followed) Watch(ctx context.Context, changed func(context.Context) error) {
	for ctx.Err() == nil {
		f.Refresh(ctx)
		if err := changed(ctx); err != nil && ctx.Err() == nil {
			f.Log.Warn("who covers for whom could not be read; what is known holds", "err", err)
		}
		f.Clock.Wait(ctx, f.Clock.Now().Add(followEvery), nil)
	}
}

// Refresh reads every calendar once. What is wrong with one is told through the
// door for alerts.
func (f *Followed) Refresh(ctx context.Context) {
	for _, team := range f.Source().Teams {
		if team.Rotation == nil || team.Rotation.ICal == nil {
			continue
		}
		now := f.Clock.Now()
		known := f.of(team, now)
		text, err := fetch(ctx, *team.Rotation.ICal)
		f.mu.Lock()
		known.take(f.Source(), team, text, err, now)
		told, fresh := known.alert(team.Name, now), known.why == ""
		f.mu.Unlock()
		if fresh {
			f.keep(team.Name, text, now)
		} else if ctx.Err() == nil {
			f.Log.Warn("the calendar of a team's duty could not be read; what is known holds", "team", team.Name, "err", known.why)
		}
		if told == nil {
			continue
		}
		if err := f.Receive(ctx, []alerts.Alert{*told}, 0); err != nil {
			f.Log.Warn("trouble with a team's calendar could not be told; it is tried again", "team", team.Name, "err", err)
			continue
		}
		f.mu.Lock()
		known.firing, known.before = told, nil
		if told.Status == alerts.Resolved {
			known.firing = nil
		}
		f.mu.Unlock()
	}
}

// of returns what is known of a team's calendar, with the copy of an earlier run.
func (f *Followed) of(team inventory.Team, now time.Time) *followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.teams[team.Name]; known != nil && known.from == *team.Rotation.ICal {
		return known
	}
	known := &followed{from: *team.Rotation.ICal}
	if before := f.teams[team.Name]; before != nil {
		known.firing = before.firing
	} else if text, err := readFile(f.path(team.Name)); err == nil {
		known.text = text
		if info, err := os.Stat(f.path(team.Name)); err == nil && info.ModTime().Before(now) {
			known.read = info.ModTime()
			if now.Sub(known.read) >= staleAfter {
				known.before = trouble(team.Name, "", known.read.Add(staleAfter))
			}
		}
	}
	if f.teams == nil {
		f.teams = map[string]*followed{}
	}
	f.teams[team.Name] = known
	return known
}

func (f *Followed) path(team string) string { return filepath.Join(f.Dir, team+".ics") }

// keep writes the last good copy down. Where that fails, a restart has to wait for
// the next answer.
func (f *Followed) keep(team string, text []byte, now time.Time) {
	path := f.path(team)
	err := os.MkdirAll(f.Dir, 0o700)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Chtimes(path+".new", now, now)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		f.Log.Warn("the calendar of a team's duty could not be kept for a restart", "team", team, "err", err)
	}
}

// take judges what was read, or that nothing was. What was read before is worked
// out anew, too: time has passed.
func (k *followed) take(inv *inventory.Inventory, team inventory.Team, text []byte, failed error, now time.Time) {
	var people []inventory.Person
	for _, name := range team.Members {
		if p, ok := inv.Person(name); ok {
			people = append(people, p)
		}
	}
	work := func(text []byte) (plan, error) {
		return readPlan(text, people, team.Rotation.Zone(), now.Add(-planBack), now.Add(planAhead))
	}
	k.why = ""
	if failed == nil {
		var p plan
		if p, failed = work(text); failed == nil {
			k.text, k.read, k.plan = text, now, p
			return
		}
	}
	k.why = oneline.Of(failed.Error(), 300)
	if k.text != nil {
		if p, err := work(k.text); err == nil {
			k.plan = p
		}
	}
}

// alert returns what begins or ends now, nil when nothing does.
func (k *followed) alert(team string, now time.Time) *alerts.Alert {
	why, since := "", now
	switch {
	case k.text == nil:
		why = "the calendar could not be read once: " + k.why
	case k.why != "" && now.Sub(k.read) >= staleAfter:
		why = fmt.Sprintf("the calendar could not be read since %s: %s", k.read.UTC().Format(incident.Moment), k.why)
		since = k.read.Add(staleAfter) // the same after a restart
	case len(k.plan.unknown) > 0:
		why = "the calendar names nobody of the team with: " + strings.Join(k.plan.unknown[:min(len(k.plan.unknown), 5)], "; ")
	}
	switch {
	case k.firing == nil && why != "":
		return trouble(team, why, since)
	case (k.firing != nil || k.before != nil) && why == "":
		resolved := *cmp.Or(k.firing, k.before)
		resolved.Status, resolved.EndsAt = alerts.Resolved, now
		return &resolved
	}
	return nil
}

func trouble(team, why string, since time.Time) *alerts.Alert {
	labels := alerts.Labels{"alertname": alerts.DutyCalendarTrouble, "team": team}
	return &alerts.Alert{
		Source: "probe", Status: alerts.Firing, Labels: labels, StartsAt: since.UTC(), Fingerprint: labels.Fingerprint(),
		Annotations: alerts.Labels{"summary": "Duty of the team " + team + ": " + why},
	}
}

// fetch reads a calendar where it lies. The address of a calendar may be a secret:
// no error has more of it than its host.
func fetch(ctx context.Context, from inventory.ICal) ([]byte, error) {
	if from.File != "" {
		return readFile(from.File)
	}
	address := from.URL
	if address == "" {
		secret, err := from.SecretURL.Read()
		if err != nil {
			return nil, fmt.Errorf("read the address of the calendar: %w", err)
		}
		address = strings.TrimSpace(secret.Reveal())
	}
	u, err := url.Parse(address)
	if err != nil || !inventory.CalendarAddress(u) {
		return nil, errors.New("the address of the calendar is none that begins with https://")
	}
	ctx, cancel := context.WithTimeout(ctx, followWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the address of the calendar cannot be asked")
	}
	answer, err := client(u).Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address
		}
		return nil, fmt.Errorf("ask %s: %w", u.Host, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: %s", u.Host, answer.Status)
	}
	return bounded(answer.Body)
}

// client keeps to one host, and inside our own network only if the inventory names
// the very address.
func client(u *url.URL) *http.Client {
	dialer := net.Dialer{Timeout: followWait}
	if !trusted.NamesAddress(u.Hostname()) {
		dialer.Control = func(_, dialled string, _ syscall.RawConn) error {
			return refusePrivate(dialled)
		}
	}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, ResponseHeaderTimeout: followWait, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if first := before[0].URL; next.URL.Host != first.Host || next.URL.Scheme != first.Scheme || next.URL.User != nil {
				return errors.New("it redirects to another host, " + next.URL.Host)
			}
			if len(before) > hops {
				return fmt.Errorf("it redirects more than %d times", hops)
			}
			return nil
		},
	}
}

func refusePrivate(dialled string) error {
	to, err := netip.ParseAddrPort(dialled)
	if err != nil {
		return err
	}
	if !trusted.Public(to.Addr()) {
		return fmt.Errorf("it has a private address, %s (to mean it, write that address in the url)", to.Addr())
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return bounded(file)
}

func bounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFeedBytes+1))
	if err == nil && len(text) > maxFeedBytes {
		err = fmt.Errorf("the calendar is larger than %d bytes", maxFeedBytes)
	}
	return text, err
}
