package push_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/push/pushtest"
)

var now = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

func newSender(t *testing.T) (push.Sender, *pushtest.Browser, incident.Subscribed) {
	t.Helper()
	b := pushtest.New(t, func() time.Time { return now })
	s := push.Sender{Config: push.Config{Services: []string{b.Host()}, CAFile: b.CAFile(t.TempDir())}, Key: push.NewKey(), Contact: "mailto:piket@example.net"}
	return s, b, b.Subscription()
}

func TestABrowserReadsWhatWasPushed(t *testing.T) {
	s, b, to := newSender(t)
	note := push.Note{Title: "[INC-2026-0001] P1 Server web-07 does not answer", Path: "/incidents/INC-2026-0001", Tag: "INC-2026-0001/M7"}
	if err := s.Send(t.Context(), to, note, now); err != nil {
		t.Fatal(err)
	}
	want := `{"title":"[INC-2026-0001] P1 Server web-07 does not answer","path":"/incidents/INC-2026-0001","tag":"INC-2026-0001/M7"}`
	if got := b.Notes(); len(got) != 1 || got[0] != want {
		t.Errorf("it reads %q", got)
	}
}

func TestWhatAPushServiceAnswersDecidesWhetherItIsTriedAgain(t *testing.T) {
	s, b, to := newSender(t)
	for status, want := range map[int]error{404: push.ErrGone, 410: push.ErrGone, 400: push.ErrRefused, 403: push.ErrRefused, 413: push.ErrRefused, 307: push.ErrRefused, 429: nil, 500: nil, 503: nil} {
		b.Answer(status)
		err := s.Send(t.Context(), to, push.Note{Title: "t"}, now)
		if err == nil || want != nil && !errors.Is(err, want) || want == nil && (errors.Is(err, push.ErrGone) || errors.Is(err, push.ErrRefused)) {
			t.Errorf("%d: got %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "/push/abc") {
			t.Errorf("%d: the error shows the address: %v", status, err)
		}
	}
}

// A name of a listed service that leads into a private network is not called.
func TestANameThatLeadsIntoAPrivateNetworkIsNotCalled(t *testing.T) {
	s, b, to := newSender(t)
	to.Endpoint = strings.Replace(to.Endpoint, "127.0.0.1", "localhost", 1)
	s.Config.Services = []string{strings.Replace(b.Host(), "127.0.0.1", "localhost", 1)}
	err := s.Send(t.Context(), to, push.Note{Title: "t"}, now)
	if err == nil || !strings.Contains(err.Error(), "private address") || len(b.Notes()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestAServiceThatIsNotListedAnyMoreIsNotCalled(t *testing.T) {
	s, b, to := newSender(t)
	s.Config.Services = push.DefaultServices
	if err := s.Send(t.Context(), to, push.Note{Title: "t"}, now); !errors.Is(err, push.ErrRefused) || len(b.Notes()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestACertificateThatNobodyVouchesForIsNotTaken(t *testing.T) {
	s, b, to := newSender(t)
	s.Config.CAFile = ""
	if err := s.Send(t.Context(), to, push.Note{Title: "t"}, now); err == nil || !strings.Contains(err.Error(), "certificate") || len(b.Notes()) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestAKeyComesBackAsItWasKeptAndPrintsAsStars(t *testing.T) {
	k := push.NewKey()
	again, err := push.ParseKey(k.Reveal() + "\n")
	if err != nil || again.Public() != k.Public() {
		t.Errorf("got %v", err)
	}
	if k.String() != "***" || k.GoString() != "***" {
		t.Error("it prints")
	}
	for _, bad := range []string{"", "x", "AAAA", strings.Repeat("A", 43)} {
		if _, err := push.ParseKey(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
