package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// message is one server-sent event.
type message struct{ id, event, data string }

// follow opens a live connection and returns what comes, until the test ends.
func (s *site) follow(path string, headers ...string) <-chan message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokenOf("noor"))
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		s.t.Fatalf("%s is %s", path, kind)
	}
	s.t.Cleanup(func() { cancel(); answer.Body.Close() })
	messages := make(chan message)
	go func() {
		defer close(messages)
		var m message
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				m.data = value
			case "":
				if m.event == "" {
					continue
				}
				select {
				case messages <- m:
				case <-ctx.Done():
					return
				}
				m = message{}
			}
		}
	}()
	return messages
}

// until returns the first message that fits, and the ids of the lines before.
func until(t *testing.T, messages <-chan message, fits func(message) bool) (message, []string) {
	t.Helper()
	var ids []string
	for m := range messages {
		if fits(m) {
			return m, ids
		}
		if m.event == "line" {
			ids = append(ids, m.id)
		}
	}
	t.Fatal("the connection ended before it came")
	return message{}, nil
}

func html(t *testing.T, m message) string {
	t.Helper()
	var data struct{ ID, HTML string }
	if err := json.Unmarshal([]byte(m.data), &data); err != nil {
		t.Fatalf("%q: %v", m.data, err)
	}
	return data.HTML
}

func TestALivePageGetsWhatHappensAfterItWasOpened(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	messages := s.follow("/incidents/" + id + "/stream?after=" + versionOf(s, id))
	if m, _ := until(t, messages, func(m message) bool { return true }); m.event != "clock" || !strings.Contains(m.data, `"now":1795402800000`) {
		t.Fatalf("first comes %+v", m)
	}
	s.happen(id, incident.Note{By: "sam", Words: "the baker telephoned"})
	m, before := until(t, messages, func(m message) bool { return m.event == "line" })
	if len(before) > 0 || m.id != versionOf(s, id) || !strings.Contains(html(t, m), "the baker telephoned") {
		t.Errorf("came %+v after %v", m, before)
	}
	s.question(id)
	m, _ = until(t, messages, func(m message) bool { return m.event == "panel" && strings.Contains(m.data, `"question"`) })
	if !strings.Contains(html(t, m), "power cycle web-07") {
		t.Errorf("the question came as %s", m.data)
	}
}

func TestAPageThatComesBackGetsWhatItMissedAndNothingTwice(t *testing.T) {
	s := newSite(t)
	id := s.unreachable()
	at := versionOf(s, id)
	s.happen(id, incident.Note{By: "sam", Words: "one"}, incident.Note{By: "sam", Words: "two"})
	messages := s.follow("/incidents/"+id+"/stream?after=1", "Last-Event-ID", at)
	m, before := until(t, messages, func(m message) bool { return m.id == versionOf(s, id) })
	if len(before) != 1 || !strings.Contains(html(t, m), "two") {
		t.Errorf("came %v and %s", before, m.data)
	}
}

func TestTheBoardIsLive(t *testing.T) {
	s := newSite(t)
	messages := s.follow("/stream")
	first, _ := until(t, messages, func(m message) bool { return m.event == "panel" && strings.Contains(m.data, `"board"`) })
	if !strings.Contains(html(t, first), "Nothing is open") {
		t.Fatalf("the empty board is %s", first.data)
	}
	id := s.unreachable()
	m, _ := until(t, messages, func(m message) bool { return m.event == "panel" })
	if !strings.Contains(html(t, m), id) {
		t.Errorf("the board came as %s", m.data)
	}
}

func TestALiveConnectionEndsWithItsRequest(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokenOf("noor"))
	done := make(chan struct{})
	handler := s.server.Handler()
	go func() {
		defer close(done)
		handler.ServeHTTP(discard{http.Header{}}, r)
	}()
	cancel()
	select {
	case <-done:
	case <-t.Context().Done():
		t.Fatal("it goes on")
	}
}

// discard is a connection that takes everything.
type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
func (discard) Flush()                      {}

func TestAStreamOfAnIncidentThatIsNotThereIsNotFound(t *testing.T) {
	s := newSite(t)
	if answer := s.as("noor", "GET", "/incidents/INC-2026-0009/stream", ""); answer.status != 404 {
		t.Errorf("answered %d", answer.status)
	}
}

func versionOf(s *site, id string) string {
	text, err := json.Marshal(s.load(id).Version)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
