package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const oneTeam = `people:
  - {name: noor}
teams:
  - {name: network-and-server, members: [noor], on_duty: [noor], receivers: [chat]}
`

func TestCheckSaysWhichReceiversTellNobody(t *testing.T) {
	path := write(t, least+"receivers: [{name: chat, webhook_configs: [{url: 'https://chat.example.net/x'}]}, {name: old}]\n", oneTeam)
	var out strings.Builder
	_ = check(path, &out) // the shipped runbooks ask for more people
	for _, want := range []string{
		"WARNING: 1 receiver is in no team: old: nobody is told by it\n", "WARNING: 1 receiver has no integration: old: nothing is sent to it\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, out.String())
		}
	}
}

// A pager must not be left ringing by a test.
func TestATestIsMarkedAndTakenBack(t *testing.T) {
	var mu sync.Mutex
	var bodies []struct {
		Status, GroupKey  string
		CommonAnnotations map[string]string
	}
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, struct {
			Status, GroupKey  string
			CommonAnnotations map[string]string
		}{})
		if err := json.NewDecoder(r.Body).Decode(&bodies[len(bodies)-1]); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	path := write(t, least+"receivers: [{name: chat, webhook_configs: [{url: '"+s.URL+"'}]}]\n", oneTeam)
	var out, errs strings.Builder
	if code := run([]string{"receivers", "test", "chat", "--config.file", path}, &out, &errs); code != 0 {
		t.Fatalf("status %d: %s%s", code, out.String(), errs.String())
	}
	if len(bodies) != 2 || bodies[0].Status != "firing" || bodies[1].Status != "resolved" || bodies[0].GroupKey != bodies[1].GroupKey ||
		!strings.HasPrefix(bodies[0].CommonAnnotations["summary"], "[TEST] ") {
		t.Errorf("the receiver got %+v", bodies)
	}
	if got := out.String(); strings.Count(got, "ok      chat/webhook[0] ") != 2 || !strings.Contains(got, "accepted by the receiver chat/webhook[0]") {
		t.Errorf("it says\n%s", got)
	}
	status = http.StatusForbidden
	out.Reset()
	if code := run([]string{"receivers", "test", "chat", "--config.file", path}, &out, &errs); code != 1 ||
		!strings.Contains(out.String(), "FAILED  chat/webhook[0] firing") || !strings.Contains(out.String(), "unexpected status code 403") {
		t.Errorf("status %d:\n%s%s", code, out.String(), errs.String())
	}
	if code := run([]string{"receivers", "test", "cat", "--config.file", path}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "it has: chat") {
		t.Errorf("status %d:\n%s", code, errs.String())
	}
}

func TestReceiversAreListedWithTheirTeams(t *testing.T) {
	path := write(t, least+"receivers: [{name: chat, webhook_configs: [{url: 'https://chat.example.net/SECRET'}]}]\n", oneTeam)
	var out, errs strings.Builder
	if code := run([]string{"receivers", "list", "--config.file", path, "--output", "json"}, &out, &errs); code != 0 {
		t.Fatal(errs.String())
	}
	if want := `[{"receiver":"chat","integration":"chat/webhook[0]","send_resolved":true,"teams":["network-and-server"]}]` + "\n"; out.String() != want {
		t.Errorf("got %s", out.String())
	}
}
