package notify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/rounds"
	"github.com/spinware/piket/internal/store"
)

var start = time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)

// office is a store with one incident, an outbox, and a real mail server.
type office struct {
	t      *testing.T
	clk    *clock.Clock
	store  *store.Store
	id     string
	server *mailServer
	out    *notify.Outbox
	counts map[string]int
}

func newOffice(t *testing.T) *office {
	t.Helper()
	clk := clock.Jumping(start)
	s, err := store.Open(t.TempDir(), clk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	o := &office{t: t, clk: clk, store: s, server: newMailServer(t, options{}), counts: map[string]int{}}
	o.out = &notify.Outbox{
		Store: s, Clock: clk, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Ways: map[incident.Way]notify.Sender{
			incident.ByMail: notify.SMTP{From: "piket@example.net", Server: o.server.address, TLS: "none"}.Send,
		},
		Sign:  func(path string) string { return path + "/token" },
		Count: func(purpose, result string) { o.counts[purpose+" "+result]++ },
	}
	inc, err := s.Create(t.Context(), event(incident.Opened{Title: "t", Subject: incident.Subject{Kind: "server", Name: "web-07"}}))
	if err != nil {
		t.Fatal(err)
	}
	o.id = inc.ID
	return o
}

func event(p incident.Payload) incident.Event { return incident.Event{Actor: "piket", Payload: p} }

// queue writes down a message to send.
func (o *office) queue(n int, purpose string) {
	o.t.Helper()
	_, err := o.store.Record(o.t.Context(), o.id, event(incident.MessageQueued{
		Message: fmt.Sprintf("%s/M%d", o.id, n), Purpose: purpose, Customer: "acme", To: []string{"it@acme.example.net"}, Subject: "Outage", Body: "w\n"}))
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) message(n int) *incident.Message {
	o.t.Helper()
	inc, err := o.store.Load(o.t.Context(), o.id)
	if err != nil {
		o.t.Fatal(err)
	}
	return inc.Message(fmt.Sprintf("%s/M%d", o.id, n))
}

// run makes rounds until every message has arrived or is given up.
func (o *office) run() {
	o.t.Helper()
	ctx, stop := context.WithCancel(o.t.Context())
	defer stop()
	ward := rounds.NewWard("test", o.store, o.clk, o.out.Log)
	r := rounds.New("notify", ward, func(ctx context.Context, id string) (time.Time, error) {
		next, err := o.out.Visit(ctx, id)
		if inc, _ := o.store.Load(ctx, id); inc != nil && !slices.ContainsFunc(inc.Messages, func(m *incident.Message) bool { return !m.Delivered && !m.GivenUp }) {
			stop()
		}
		return next, err
	})
	watch := o.clk.Go(func() { ward.Run(ctx) })
	<-o.clk.Go(func() { r.Run(ctx) })
	<-watch
}

var busy = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again\nlater"}

func TestMessageIsDeliveredOnceAndWrittenDown(t *testing.T) {
	o := newOffice(t)
	o.queue(2, "first")
	o.queue(3, "page A1")
	o.run()
	for range 3 {
		if next, err := o.out.Visit(t.Context(), o.id); err != nil || !next.IsZero() {
			t.Errorf("after delivery: %v, %v", next, err)
		}
	}
	if got := o.server.mails(t); len(got) != 2 {
		t.Errorf("%d mails arrived", len(got))
	}
	if m := o.message(2); !m.Delivered || m.Tries != 1 {
		t.Errorf("got %+v", m)
	}
	if fmt.Sprint(o.counts) != "map[first delivered:1 page delivered:1]" {
		t.Errorf("counted %v", o.counts)
	}
}

// A server that refuses for now is asked again at growing intervals.
func TestRefusedMessageIsTriedAgainAtTheStatedTimes(t *testing.T) {
	o := newOffice(t)
	var tries []time.Duration
	o.server.refuse = func(n int) error {
		tries = append(tries, o.clk.Now().Sub(start))
		if n < 8 {
			return busy
		}
		return nil
	}
	o.queue(2, "first")
	o.run()
	m, h := time.Minute, time.Hour
	if want := []time.Duration{0, m, 2 * m, 4 * m, 9 * m, 19 * m, 49 * m, h + 49*m}; !slices.Equal(tries, want) {
		t.Errorf("tried at %v, want %v", tries, want)
	}
	if got := o.message(2); !got.Delivered || got.Tries != 8 {
		t.Errorf("got %+v", got)
	}
	ids := map[string]bool{}
	for _, mail := range o.server.mails(t) {
		ids[mail.Header.Get("Message-ID")] = true
	}
	if len(ids) != 1 || len(o.server.raw) != 1 {
		t.Errorf("arrived as %v", ids)
	}
}

func TestMessageIsGivenUpAfterTheLastTryAndThatIsSaid(t *testing.T) {
	o := newOffice(t)
	var tries []time.Duration
	o.server.refuse = func(int) error {
		tries = append(tries, o.clk.Now().Sub(start))
		return busy
	}
	o.queue(2, "update")
	o.run()
	h := time.Hour
	if len(tries) != 12 || tries[11] != 23*h+49*time.Minute {
		t.Errorf("tried at %v", tries)
	}
	if m := o.message(2); m.Delivered || !m.GivenUp || m.Tries != 12 {
		t.Errorf("got %+v", m)
	}
	events, err := o.store.Events(t.Context(), o.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-2].Payload.Text()
	if !strings.HasPrefix(last, "Message "+o.id+"/M2 was not delivered and is given up: send mail through "+o.server.address) || !strings.Contains(last, "451") {
		t.Errorf("the timeline says %q", last)
	}
	if fmt.Sprint(o.counts) != "map[update failed:11 update given_up:1]" {
		t.Errorf("counted %v", o.counts)
	}
}

// Somebody must tell the customer, or the technician, in another way. A page
// that is given up calls for nobody: the call would be a page again.
func TestMailThatIsGivenUpCallsForAPersonUnlessItIsAPage(t *testing.T) {
	for _, purpose := range []string{"first", "summary", "work-order", "page open", "page open, relapse 1"} {
		o := newOffice(t)
		o.server.refuse = func(int) error { return busy }
		o.queue(2, purpose)
		o.run()
		events, err := o.store.Events(t.Context(), o.id, 0)
		if err != nil {
			t.Fatal(err)
		}
		var calls []incident.Payload
		for _, e := range events {
			if call, ok := e.Payload.(incident.Attention); ok {
				calls = append(calls, call)
			}
		}
		var want []incident.Payload
		if !strings.HasPrefix(purpose, "page") {
			want = []incident.Payload{incident.Attention{Topic: "undelivered-" + o.id + "/M2",
				Why: "the message by mail (" + purpose + ") to it@acme.example.net could not be delivered in 12 tries; tell them in another way"}}
		}
		if !slices.Equal(calls, want) {
			t.Errorf("%s: got %v", purpose, calls)
		}
	}
}

func TestOneBadMessageDoesNotHoldUpTheOthers(t *testing.T) {
	o := newOffice(t)
	o.server.refuse = func(n int) error {
		if n == 1 {
			return busy
		}
		return nil
	}
	o.queue(2, "first")
	o.queue(3, "update")
	if _, err := o.out.Visit(t.Context(), o.id); err != nil {
		t.Fatal(err)
	}
	if first, second := o.message(2), o.message(3); first.Delivered || !second.Delivered {
		t.Errorf("first %v, second %v", first.Delivered, second.Delivered)
	}
	next, err := o.out.Visit(t.Context(), o.id)
	if err != nil || !next.Equal(start.Add(time.Minute)) || len(o.server.raw) != 1 {
		t.Errorf("next %v, %v; %d arrived", next, err, len(o.server.raw))
	}
}

// piket is stopped, or dies, after the mail server has said yes and before
// that is written down.
func TestCrashBetweenSendingAndRecordingSendsTheSameMessageAgain(t *testing.T) {
	o := newOffice(t)
	o.queue(2, "first")
	ctx, die := context.WithCancel(t.Context())
	send := o.out.Ways[incident.ByMail]
	o.out.Ways[incident.ByMail] = func(c context.Context, m notify.Mail) (string, error) {
		defer die()
		return send(c, m)
	}
	if _, err := o.out.Visit(ctx, o.id); err == nil {
		t.Fatal("a visit that was cut off went well")
	}
	if m := o.message(2); m.Delivered || m.Tries != 0 {
		t.Fatalf("got %+v", m)
	}
	o.out.Ways[incident.ByMail] = send
	<-o.clk.Go(func() { o.clk.Wait(t.Context(), start.Add(time.Hour), nil) }) // until piket runs again
	o.run()
	got := o.server.mails(t)
	if len(got) != 2 || got[0].Header.Get("Message-ID") != got[1].Header.Get("Message-ID") || got[0].Header.Get("Message-ID") == "" {
		t.Errorf("%d mails arrived, which a mail program cannot tell to be one", len(got))
	}
	if m := o.message(2); !m.Delivered {
		t.Errorf("got %+v", m)
	}
}

func TestRetrySurvivesARestart(t *testing.T) {
	o := newOffice(t)
	o.server.refuse = func(n int) error {
		if n == 1 {
			return busy
		}
		return nil
	}
	o.queue(2, "first")
	if _, err := o.out.Visit(t.Context(), o.id); err != nil {
		t.Fatal(err)
	}
	o.run() // another run begins with what the timeline says
	if m := o.message(2); !m.Delivered || m.Tries != 2 || !o.clk.Now().Equal(start.Add(time.Minute)) {
		t.Errorf("at %v: %+v", o.clk.Now(), m)
	}
}

func TestMissingIncidentAndUnwritableStoreAreErrors(t *testing.T) {
	o := newOffice(t)
	if _, err := o.out.Visit(t.Context(), "INC-2026-9999"); err == nil {
		t.Error("an incident that is not there was visited")
	}
	o.queue(2, "first")
	o.out.Ways[incident.ByMail] = func(context.Context, notify.Mail) (string, error) {
		o.store.Close()
		return "accepted by the test", nil
	}
	if _, err := o.out.Visit(t.Context(), o.id); err == nil {
		t.Error("a delivery that could not be written down went well")
	}
}

func TestALinkIsSignedWhenTheMailLeavesAndNotBefore(t *testing.T) {
	o := newOffice(t)
	const link = "/confirm/INC-2026-0001/acme/1768450680"
	_, err := o.store.Record(t.Context(), o.id, event(incident.MessageQueued{
		Message: o.id + "/M1", Purpose: "confirm", Customer: "acme", To: []string{"it@acme.example.net"}, Subject: "Does it work?",
		Body: "Here: https://piket.example.net" + link + "\n", Link: link}))
	if err != nil {
		t.Fatal(err)
	}
	o.run()
	body, err := io.ReadAll(o.server.mails(t)[0].Body)
	if err != nil || !strings.Contains(strings.ReplaceAll(string(body), "=\r\n", ""), link+"/token") {
		t.Errorf("the mail says %q (%v)", body, err)
	}
	if kept := o.message(1).Body; strings.Contains(kept, "token") {
		t.Errorf("the store holds %q", kept)
	}
}

func TestAWayThatNothingCarriesIsSaidAndTriedAgain(t *testing.T) {
	o := newOffice(t)
	_, err := o.store.Record(t.Context(), o.id, event(incident.MessageQueued{
		Message: "M1", Purpose: "first", Way: "pigeon", To: []string{"loft"}, Subject: "s", Body: "b",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.out.Visit(t.Context(), o.id); err != nil {
		t.Fatal(err)
	}
	inc, err := o.store.Load(t.Context(), o.id)
	if err != nil {
		t.Fatal(err)
	}
	if m := inc.Message("M1"); m.Tries != 1 || m.RetryAt.IsZero() {
		t.Errorf("after one try: %+v", m)
	}
	events, err := o.store.Events(t.Context(), o.id, 0)
	if err != nil {
		t.Fatal(err)
	}
	if last := events[len(events)-1].Payload.Text(); !strings.Contains(last, "nothing carries messages by pigeon") {
		t.Errorf("the timeline says %q", last)
	}
}

// told queues a notice to a receiver.
func (o *office) told(n int, address string, over bool) {
	o.t.Helper()
	m := incident.MessageQueued{Message: fmt.Sprintf("%s/M%d", o.id, n), Purpose: "page open", Way: incident.ByReceiver, To: []string{address},
		Subject: "s", Body: "b", Notice: incident.Notice{Labels: map[string]string{"n": fmt.Sprint(n)}, StartsAt: start}}
	if over {
		m.Notice.EndsAt = start.Add(time.Hour)
	}
	if _, err := o.store.Record(o.t.Context(), o.id, event(m)); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) visit() time.Time {
	o.t.Helper()
	next, err := o.out.Visit(o.t.Context(), o.id)
	if err != nil {
		o.t.Fatal(err)
	}
	return next
}

func TestADefiniteRefusalIsGivenUpAtOnceAndCallsForAPerson(t *testing.T) {
	o := newOffice(t)
	o.out.Ways[incident.ByReceiver] = func(context.Context, notify.Mail) (string, error) {
		return "", fmt.Errorf("%w: no such channel", notify.ErrRefused)
	}
	o.told(1, "chat/slack[0]", false)
	if next := o.visit(); !next.IsZero() || !o.message(1).GivenUp {
		t.Errorf("next %v, %+v", next, o.message(1))
	}
	inc, err := o.store.Load(t.Context(), o.id)
	if err != nil {
		t.Fatal(err)
	}
	if why := inc.Reasons["undelivered-chat/slack[0]"]; !strings.Contains(why, "no such channel") {
		t.Errorf("reasons %v", inc.Reasons)
	}
}

// A pager that was down while the trouble came and went is told that it is over,
// and not of the trouble after that; nor of the end once it has come back.
func TestWhatIsOvertakenIsNotTold(t *testing.T) {
	o := newOffice(t)
	var said []string
	down := true
	o.out.Ways[incident.ByReceiver] = func(_ context.Context, m notify.Mail) (string, error) {
		if down {
			return "", errors.New("503")
		}
		said = append(said, fmt.Sprint(m.To[0], " ", m.Notice.Labels["n"], " ", m.Notice.Resolved()))
		return "accepted", nil
	}
	o.told(1, "pager", false)
	o.visit()
	o.told(2, "pager", true)
	o.visit()
	o.told(3, "other", false)
	down = false
	<-o.clk.Go(func() { o.clk.Wait(t.Context(), start.Add(time.Hour), nil) })
	o.visit()
	if want := "[pager 2 true other 3 false]"; fmt.Sprint(said) != want {
		t.Errorf("told %v, want %s", said, want)
	}
	if m := o.message(1); m.Delivered || !m.GivenUp {
		t.Errorf("the first is %+v", m)
	}
	said, down = nil, true
	o.told(4, "other", true)
	o.visit()
	o.told(5, "other", false)
	down = false
	<-o.clk.Go(func() { o.clk.Wait(t.Context(), start.Add(2*time.Hour), nil) })
	o.visit()
	if want := "[other 5 false]"; fmt.Sprint(said) != want {
		t.Errorf("after it came back: told %v, want %s", said, want)
	}
}

func TestABusyReceiverCostsNoTry(t *testing.T) {
	o := newOffice(t)
	o.out.Ways[incident.ByReceiver] = func(context.Context, notify.Mail) (string, error) { return "", notify.ErrBusy }
	o.told(1, "chat", false)
	if next := o.visit(); !next.Equal(o.clk.Now().Add(time.Second)) || o.message(1).Tries != 0 {
		t.Errorf("next %v, %+v", next, o.message(1))
	}
}

// A chat that does not answer holds back no mail, not even of the same incident.
func TestASlowChatHoldsBackNoMail(t *testing.T) {
	o := newOffice(t)
	chats := *o.out
	hangs := make(chan struct{})
	chats.Ways = map[incident.Way]notify.Sender{incident.ByReceiver: func(ctx context.Context, _ notify.Mail) (string, error) {
		close(hangs)
		<-ctx.Done()
		return "", ctx.Err()
	}}
	chats.Mine = func(w incident.Way) bool { return w == incident.ByReceiver }
	o.out.Mine = func(w incident.Way) bool { return w != incident.ByReceiver }
	o.told(1, "chat", false)
	o.queue(2, "page open")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := chats.Visit(ctx, o.id)
		ended <- err
	}()
	<-hangs
	o.visit()
	if !o.message(2).Delivered || o.message(1).Delivered || o.message(1).Tries != 0 {
		t.Errorf("the mail is %+v, the chat %+v", o.message(2), o.message(1))
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCrashBetweenTellingAReceiverAndRecordingTellsItTheSameAgain(t *testing.T) {
	o := newOffice(t)
	var heard []notify.Mail
	ctx, die := context.WithCancel(t.Context())
	o.out.Ways[incident.ByReceiver] = func(_ context.Context, m notify.Mail) (string, error) {
		heard = append(heard, m)
		die()
		return "accepted", nil
	}
	o.told(1, "pager", false)
	if _, err := o.out.Visit(ctx, o.id); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	o.visit()
	if len(heard) != 2 || heard[0].Incident != heard[1].Incident || heard[0].ID != heard[1].ID || !o.message(1).Delivered {
		t.Errorf("heard %+v", heard)
	}
}
