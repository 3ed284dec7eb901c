package silences_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/silences"
)

var (
	night = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
	web01 = inventory.Server{Name: "web-01", Site: "ams1", Rack: "r1", Address: "192.0.2.11", Aliases: []string{"web-01.example.net", "192.0.2.11:9200"}}
)

// manager is an Alertmanager of few words. It says nothing when its body is "".
type manager struct {
	*httptest.Server
	body atomic.Pointer[string]
}

func newManager(t *testing.T, body string) *manager {
	t.Helper()
	m := &manager{}
	m.says(body)
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text := *m.body.Load(); text != "" && r.URL.Path == "/am/api/v2/silences" && r.Method == http.MethodGet {
			_, _ = io.WriteString(w, text)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *manager) says(body string) { m.body.Store(&body) }

// silence is one as Alertmanager tells it, active until two hours after night.
func silence(id, matchers string) string {
	return fmt.Sprintf(`{"id": %q, "createdBy": "anna", "comment": "new disks", "startsAt": "2026-11-23T02:00:00Z", "endsAt": "2026-11-23T05:00:00Z",
		"updatedAt": "2026-11-23T02:00:00Z", "status": {"state": "active"}, "matchers": [%s]}`, id, matchers)
}

func equal(name, value string) string {
	return fmt.Sprintf(`{"name": %q, "value": %q, "isRegex": false, "isEqual": true}`, name, value)
}

// story is a poller on a clock that the test moves.
type story struct {
	*silences.Poller
	t   *testing.T
	clk *clock.Clock
}

func ask(t *testing.T, managers ...*manager) story {
	t.Helper()
	clk := clock.Jumping(night)
	var config silences.Config
	for _, m := range managers {
		config.URL = append(config.URL, m.URL+"/am/")
	}
	return story{silences.New(clk, quiet, func() silences.Config { return config }), t, clk}
}

func (s story) pass(d time.Duration) {
	<-s.clk.Go(func() { s.clk.Wait(s.t.Context(), s.clk.Now().Add(d), nil) })
}

func (s story) want(id string, known bool) {
	s.t.Helper()
	got, ok := s.Of(web01)
	if got.ID != id || ok != known {
		s.t.Fatalf("at %v: silence %q, known %v; want %q, %v", s.clk.Now(), got.ID, ok, id, known)
	}
}

func TestASilenceIsForWhomItsMatchersSay(t *testing.T) {
	for name, c := range map[string]struct {
		matchers string
		silenced bool
	}{
		"the server":            {equal("server", "web-01"), true},
		"another":               {equal("server", "web-02"), false},
		"its rack":              {equal("rack", "r1"), true},
		"its site, other alert": {equal("site", "ams1") + "," + equal("alertname", "DiskFull"), false},
		"its site, this alert":  {equal("site", "ams1") + "," + equal("alertname", "ServerUnreachable"), true},
		"an alias":              {equal("instance", "web-01.example.net"), true},
		"an alias with a port":  {equal("instance", "192.0.2.11:9200"), true},
		"a port nobody knew":    {equal("instance", "web-01:9182"), true},
		"of another machine":    {equal("instance", "web-02:9182"), false},
		"a pattern":             {`{"name": "instance", "value": "web-0[12]:.*", "isRegex": true, "isEqual": true}`, true},
		"a pattern, anchored":   {`{"name": "server", "value": "web", "isRegex": true}`, false},
		"not equal":             {`{"name": "server", "value": "web-02", "isRegex": false, "isEqual": false}`, true},
		"not the pattern":       {`{"name": "server", "value": "web-.*", "isRegex": true, "isEqual": false}`, false},
		"old form":              {`{"name": "server", "value": "web-01", "isRegex": false}`, true},
		"a label that it lacks": {equal("server", "web-01") + "," + equal("job", "node"), false},
	} {
		t.Run(name, func(t *testing.T) {
			s := ask(t, newManager(t, "["+silence("s1", c.matchers)+"]"))
			s.want("", false)
			s.Poll(t.Context())
			want := ""
			if c.silenced {
				want = "s1"
			}
			s.want(want, true)
		})
	}
}

func TestWithoutAnAnswerNothingIsKnownAfterAWhile(t *testing.T) {
	m := newManager(t, "["+silence("s1", equal("server", "web-01"))+"]")
	other := newManager(t, "[]")
	s := ask(t, m, other)
	s.Poll(t.Context())
	s.want("s1", true)
	m.says("")
	s.pass(4 * time.Minute)
	s.Poll(t.Context())
	s.want("s1", true)
	other.says("")
	s.pass(4 * time.Minute)
	s.Poll(t.Context())
	s.want("s1", true) // what was silenced is so; the second one answered 4 minutes ago
	s.pass(2 * time.Minute)
	s.want("s1", false)
	s.pass(2 * time.Hour) // it ended
	s.want("", false)
	m.says("[]")
	s.Poll(t.Context())
	s.want("", true)
}

func TestASilenceEndsWithItsTimeOrWithItsWord(t *testing.T) {
	long := strings.Replace(silence("long", equal("server", "web-01")), "05:00", "06:00", 1)
	pending := strings.NewReplacer("active", "pending", "02:00:00Z\", \"endsAt", "04:00:00Z\", \"endsAt").Replace(silence("later", equal("server", "web-01")))
	expired := strings.Replace(silence("old", equal("server", "web-01")), "active", "expired", 1)
	m := newManager(t, "["+expired+","+pending+"]")
	s := ask(t, m)
	s.Poll(t.Context())
	s.want("", true)
	s.pass(time.Hour)
	s.Poll(t.Context())
	s.want("later", true)
	m.says("[" + silence("short", equal("server", "web-01")) + "," + long + "]")
	s.Poll(t.Context())
	s.want("long", true) // of several the one that ends last
	m.says("[" + expired + "]")
	s.Poll(t.Context())
	s.want("", true)
}

func TestAnAnswerThatIsNotUnderstoodIsNone(t *testing.T) {
	good := silence("s1", equal("server", "web-01"))
	for name, body := range map[string]string{
		"no JSON": "<html>", "an object": "{}", "null": "null", "no matchers": "[" + silence("s1", "") + "]",
		"a state of its own": "[" + strings.Replace(good, "active", "sleeping", 1) + "]",
		"no end":             "[" + strings.Replace(good, "endsAt", "until", 1) + "]",
		"a bad date":         "[" + strings.Replace(good, "2026-11-23T05", "tomorrow", 1) + "]",
		"a bad pattern":      "[" + silence("s1", `{"name": "server", "value": "(", "isRegex": true}`) + "]",
		"too much":           "[" + strings.Repeat(" ", 9<<20) + "]",
		"cut off":            "[" + good,
	} {
		t.Run(name, func(t *testing.T) {
			s := ask(t, newManager(t, body))
			s.Poll(t.Context())
			s.want("", false)
		})
	}
}

func TestNobodyToAskIsNothingSilenced(t *testing.T) {
	s := ask(t)
	s.Poll(t.Context())
	s.want("", true)
	if _, known := s.Silenced(alerts.Labels{"server": "web-01"}); !known {
		t.Error("not known")
	}
}

func TestCommentsOfStrangersAreFitToBeShown(t *testing.T) {
	body := strings.Replace(silence("s1", equal("server", "web-01")), "new disks", `a\u001b[2J\nb`+strings.Repeat("x", 5000), 1)
	s := ask(t, newManager(t, "["+body+"]"))
	s.Poll(t.Context())
	if got, _ := s.Of(web01); strings.ContainsAny(got.Comment, "\x1b\n") || len([]rune(got.Comment)) > 201 || got.By != "anna" {
		t.Errorf("%+v", got)
	}
}

func TestThePollerAsksAtItsInterval(t *testing.T) {
	m := newManager(t, "[]")
	s := ask(t, m)
	ctx, stop := context.WithCancel(t.Context())
	seen := make(chan bool)
	end := s.clk.Go(func() {
		running := s.clk.Go(func() { s.Run(ctx) })
		s.clk.Wait(ctx, night.Add(10*time.Second), nil)
		_, first := s.Of(web01)
		m.says("[" + silence("s1", equal("server", "web-01")) + "]")
		s.clk.Wait(ctx, night.Add(40*time.Second), nil)
		got, _ := s.Of(web01)
		stop()
		go func() { <-running; seen <- first && got.ID == "s1" }()
	})
	if !<-seen {
		t.Error("the second round did not see what the first could not")
	}
	<-end
}
