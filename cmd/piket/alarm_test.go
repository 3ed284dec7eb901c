package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
)

// troubled runs an alarm for so long; bad says at which second piket cannot work,
// broken which ways do not work at all. It returns who heard what, and when.
func troubled(t *testing.T, span time.Duration, bad func(second int) bool, broken ...string) (heard []string, lives int) {
	t.Helper()
	start := time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)
	clk := clock.Jumping(start)
	second := func() int { return int(clk.Now().Sub(start) / time.Second) }
	a := &alarm{
		clk: clk, log: slog.New(slog.DiscardHandler),
		trouble: func() error {
			if bad(second()) {
				return errors.New("the disk is full")
			}
			return nil
		},
		alive: func(context.Context) error { lives++; return nil },
	}
	var ways []way
	for _, name := range []string{"mail", "webhook"} {
		ways = append(ways, way{name, func(_ context.Context, text string) error {
			if slices.Contains(broken, name) {
				return errors.New("nobody home")
			}
			what := "trouble"
			if strings.Contains(text, "again") {
				what = "over"
			}
			heard = append(heard, fmt.Sprintf("%s %s at %d", name, what, second()))
			return nil
		}})
	}
	a.ways = func() []way { return ways }
	ctx, cancel := context.WithCancel(t.Context())
	var done <-chan struct{}
	<-clk.Go(func() { // the clock stands until this one waits, so both start at start
		done = clk.Go(func() { a.run(ctx) })
		clk.Wait(ctx, start.Add(span), nil)
		cancel()
	})
	<-done
	return heard, lives
}

func TestPeopleAreToldWhenPiketCannotWork(t *testing.T) {
	between := func(from, to int) func(int) bool {
		return func(s int) bool { return s >= from && s < to }
	}
	tests := map[string]struct {
		bad    func(int) bool
		broken []string
		want   []string
	}{
		"never":                         {between(0, 0), nil, nil},
		"a moment":                      {between(60, 80), nil, nil},
		"a while":                       {between(60, 120), nil, []string{"mail trouble at 90", "webhook trouble at 90", "mail over at 120", "webhook over at 120"}},
		"long: it is said again":        {between(60, 4000), nil, []string{"mail trouble at 90", "webhook trouble at 90", "mail trouble at 1890", "webhook trouble at 1890"}},
		"one way is broken":             {between(60, 120), []string{"mail"}, []string{"webhook trouble at 90", "webhook over at 120"}},
		"every way is broken: tried on": {between(60, 120), []string{"mail", "webhook"}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			heard, _ := troubled(t, 50*time.Minute, test.bad, test.broken...)
			if !slices.Equal(heard, test.want) {
				t.Errorf("heard %q, want %q", heard, test.want)
			}
		})
	}
}

func TestWatchdogHearsOnlyOfAPiketThatCanWork(t *testing.T) {
	if _, lives := troubled(t, 9*time.Minute+30*time.Second, func(int) bool { return false }); lives != 10 {
		t.Errorf("%d signs of life in ten minutes, want one a minute", lives)
	}
	if _, lives := troubled(t, 10*time.Minute, func(int) bool { return true }); lives != 0 {
		t.Errorf("%d signs of life of a piket that cannot work", lives)
	}
}

func TestAlarmIsPostedAsText(t *testing.T) {
	var got string
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + string(body)
		w.WriteHeader(status)
	}))
	defer server.Close()
	if err := post(t.Context(), server.URL, `"quoted"`); err != nil || got != `POST {"text":"\"quoted\""}` {
		t.Errorf("%s (%v)", got, err)
	}
	status = http.StatusFound
	if err := post(t.Context(), server.URL, "x"); err == nil {
		t.Error("a redirect counts as having told somebody")
	}
}

// Who moves the webhook and reloads expects the next alarm at the new address.
func TestAReloadReachesTheAlarm(t *testing.T) {
	heard := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard[r.URL.Path]++ }))
	defer server.Close()
	config := func(names ...string) string {
		text := least + "alarm:\n"
		for _, name := range names {
			key, _, _ := strings.Cut(name, "-")
			text += "  " + key + ": " + server.URL + "/" + name + "\n"
		}
		return text
	}
	d := newTestDaemon(t, config("webhook-one"))
	a := d.alarm()
	speak := func() {
		a.tell(t.Context(), "the disk is full")
		if err := a.alive(t.Context()); err != nil {
			t.Error(err)
		}
	}
	speak()
	if err := os.WriteFile(d.path, []byte(config("webhook-two", "watchdog-two")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Reload(); err != nil {
		t.Fatal(err)
	}
	speak()
	if want := map[string]int{"/webhook-one": 1, "/webhook-two": 1, "/watchdog-two": 1}; !maps.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}
