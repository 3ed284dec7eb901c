package telephone_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emiago/diago"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/telephone"
)

// sipConfig calls through a peer, with the speech of a program that is a file.
func sipConfig(t *testing.T, server string) telephone.Config {
	t.Helper()
	c := telephone.Default()
	c.SIP.Server, c.Caller, c.Ring = server, "+31200000100", 2*time.Second
	c.Speech = []string{"cat", "testdata/speech.wav"}
	return c
}

// call makes one call and returns what came of it with the keys that arrived.
func call(t *testing.T, ctx context.Context, c telephone.Config) (telephone.Result, []string) {
	t.Helper()
	var pressed []string
	result := telephone.NewLine(c, clock.Real(), nil, "", signed.Key{}).Call(ctx, telephone.Call{
		Incident: "INC-2026-0001", Ring: "R7", Number: "+31200000123", Language: "en", Script: "a server is down", Staff: true,
		RingFor: c.Ring, Until: time.Now().Add(time.Minute),
		Press: func(_ context.Context, key string) telephone.Answer {
			pressed = append(pressed, key)
			return telephone.Answer{Say: "thank you", Over: key == "1"}
		},
	})
	return result, pressed
}

func TestWhatBecomesOfACall(t *testing.T) {
	for name, c := range map[string]struct {
		does    answers
		outcome incident.RingOutcome
		detail  string
		keys    []string
	}{
		"they press 1":            {takesUp(time.Second, '1'), incident.RingAnswered, "", []string{"1"}},
		"they press 2, then 1":    {takesUp(1500*time.Millisecond, '2', '1'), incident.RingAnswered, "", []string{"2", "1"}},
		"they hang up":            {hangsUp, incident.RingAnswered, "they hung up", nil},
		"they are busy":           {refuses(486, "Busy Here"), incident.RingBusy, "486 Busy Here", nil},
		"they decline":            {refuses(603, "Decline"), incident.RingRefused, "603 Decline", nil},
		"there is no such number": {refuses(404, "Not Found"), incident.RingRefused, "404 Not Found", nil},
		"they are not to be had":  {refuses(480, "Temporarily Unavailable"), incident.RingNoAnswer, "480", nil},
		"the trunk is full":       {refuses(503, "Service Unavailable"), incident.RingFailed, "503", nil},
		"the trunk forbids it":    {refuses(403, "Forbidden"), incident.RingFailed, "403", nil},
		"the trunk wants a login": {refuses(407, "Proxy Authentication Required"), incident.RingFailed, "407", nil},
		"it rings for ever":       {ringsForEver, incident.RingNoAnswer, "nobody took it up", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, "udp", c.does)
			result, keys := call(t, t.Context(), sipConfig(t, p.server))
			if result.Outcome != c.outcome || !strings.Contains(result.Detail, c.detail) || !slices.Equal(keys, c.keys) {
				t.Errorf("got %+v and the keys %q", result, keys)
			}
			if got := p.asked(); !slices.Equal(got, []string{"+31200000123 by +31200000100"}) {
				t.Errorf("it was called for %q", got)
			}
		})
	}
}

func hangsUp(p *peer, d *diago.DialogServerSession) {
	if err := d.Answer(); err != nil {
		return
	}
	reader, err := d.AudioReader()
	if err != nil {
		return
	}
	p.listens(reader, d, time.Second)
	_ = d.Hangup(context.Background())
}

func TestATrunkThatIsAwayIsAFailureAndNotSomebodyWhoDoesNotAnswer(t *testing.T) {
	c := sipConfig(t, "127.0.0.1:9")
	c.SIP.Transport = "tcp"
	result, _ := call(t, t.Context(), c)
	if result.Outcome != incident.RingFailed || result.Detail == "" {
		t.Errorf("got %+v", result)
	}
	if err := telephone.NewLine(c, clock.Real(), nil, "", signed.Key{}).Check(t.Context()); err == nil {
		t.Error("and it is found in order")
	}
}

func TestAPiketThatIsStoppedEndsTheCallAndHasItMadeAgain(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := newPeer(t, "udp", func(p *peer, d *diago.DialogServerSession) {
		if d.Answer() != nil {
			return
		}
		stop()
		<-d.Context().Done()
	})
	result, _ := call(t, ctx, sipConfig(t, p.server))
	if result.Outcome != incident.RingFailed || !strings.Contains(result.Detail, "piket was stopped") {
		t.Errorf("got %+v", result)
	}
}

func TestVoiceArrivesAsItWasSpokenOverEveryTransport(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			p := newPeer(t, transport, takesUp(2*time.Second, '1'))
			c := sipConfig(t, p.server)
			c.SIP.Transport = transport
			result, keys := call(t, t.Context(), c)
			if result.Outcome != incident.RingAnswered || !slices.Equal(keys, []string{"1"}) {
				t.Fatalf("got %+v and %q", result, keys)
			}
			// The file has 1.5 s of voice, said after 0.8 s and once more as thanks.
			if v := p.voice(); v.Length() < 2*time.Second || loudness(v[8000:]) < 1000 {
				t.Errorf("%v of voice arrived, as loud as %.0f", v.Length(), loudness(v))
			}
			if result.Spoken < 2*time.Second || result.Spoken > 6*time.Second {
				t.Errorf("%v of voice was sent", result.Spoken)
			}
		})
	}
}

func TestOurOwnPeopleAreCalledByTonesWhenNothingSpeaks(t *testing.T) {
	p := newPeer(t, "udp", takesUp(2*time.Second, '1'))
	c := sipConfig(t, p.server)
	c.Speech = []string{"espeak-ng-that-is-not-there"}
	result, keys := call(t, t.Context(), c)
	if result.Outcome != incident.RingAnswered || !strings.Contains(result.Detail, "only tones were sent") || len(keys) != 1 || loudness(p.voice()) < 1000 {
		t.Errorf("got %+v, %q, as loud as %.0f", result, keys, loudness(p.voice()))
	}
	result = telephone.NewLine(c, clock.Real(), nil, "", signed.Key{}).Call(t.Context(), telephone.Call{Number: "1", RingFor: c.Ring})
	if result.Outcome != incident.RingFailed || len(p.asked()) != 1 {
		t.Errorf("a customer was called: %+v", result)
	}
}

func TestSpeechIsAProgramWithTextAsItsInput(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) telephone.Speaker {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return telephone.Speaker{Command: []string{path, "${language}"}}
	}
	hostile := "$(touch " + dir + "/shell) `id`; -o --stdout\nsecond line"
	good := script("good", `printf '%s ' "$1" >`+dir+`/said; cat >>`+dir+"/said; cat "+mustAbs(t, "testdata/speech.wav"))
	if pcm, err := good.Speak(t.Context(), "nl", hostile); err != nil || pcm.Length() < time.Second {
		t.Fatalf("%v of voice (%v)", pcm.Length(), err)
	}
	said, err := os.ReadFile(dir + "/said")
	if err != nil || string(said) != "nl "+strings.ReplaceAll(hostile, "\n", " ")+"\n" {
		t.Errorf("it was told %q (%v)", said, err)
	}
	if _, err := os.Stat(dir + "/shell"); err == nil {
		t.Error("a shell read the text")
	}
	for name, c := range map[string]struct{ text, want string }{
		"fails":   {"echo no voice of that name >&2; exit 1", "no voice of that name"},
		"is mute": {"head -c 44 " + mustAbs(t, "testdata/speech.wav"), "silent"},
		"garbage": {"head -c 5000 /dev/urandom", "not a WAV file"},
		"floods":  {"cat /dev/zero", "writes too much"},
	} {
		if _, err := script("bad", c.text).Speak(t.Context(), "en", "a"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := script("hangs", "sleep 60").Speak(ctx, "en", "a"); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("it hangs: %v", err)
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
