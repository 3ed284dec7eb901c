package telephone

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/emiago/diago"

	"github.com/spinware/piket/internal/incident"
)

// talk is one conversation: text, a wait for a key, text again.
type talk struct {
	call    Call
	dialog  *diago.DialogClientSession
	keys    chan string
	speech  PCM
	speaker Speaker

	result Result
}

// How a conversation goes.
const (
	breath    = 800 * time.Millisecond // from taking up a telephone to having it at one's ear
	keyWait   = 7 * time.Second        // from the last word to saying it all again
	maxRounds = 3                      // of the text without a key
	maxKeys   = 20                     // in one call
)

// run has the conversation and hangs up.
func (t *talk) run(ctx context.Context) Result {
	began := time.Now()
	t.result.Outcome = incident.RingAnswered
	talking, cancel := context.WithTimeout(ctx, maxTalk)
	defer cancel()
	go listen(t.dialog, t.keys) // ends with the dialog, which the caller closes
	ended, stopped := t.rounds(talking), ctx.Err() != nil
	t.result.Talked = time.Since(began)
	if ended {
		t.result.Detail = fmt.Sprintf("they hung up after %.0f s", t.result.Talked.Seconds())
		return t.result
	}
	hangingUp, stop := context.WithTimeout(context.WithoutCancel(ctx), hangUpTime)
	defer stop()
	_ = t.dialog.Hangup(hangingUp) // without it the trunk ends the call when nothing comes any more
	if stopped && len(t.result.Pressed) == 0 && !t.result.Heard {
		t.result.Outcome, t.result.Detail = incident.RingFailed, "piket was stopped while it talked"
		return t.result
	}
	t.result.Detail = fmt.Sprintf("%.0f s", t.result.Talked.Seconds())
	return t.result
}

// rounds says the text until somebody has answered it; it reports whether they
// hung up.
func (t *talk) rounds(ctx context.Context) (ended bool) {
	for range maxRounds {
		key, ended := t.say(ctx, append(make(PCM, int(breath.Seconds()*rate)), t.speech...))
		if ended {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if key == "" {
			t.result.Heard = true
			key, ended = t.wait(ctx, keyWait)
		}
		for key != "" && !ended {
			var over bool
			if key, over, ended = t.answer(ctx, key); over {
				return ended
			}
		}
		if ended || ctx.Err() != nil {
			return ended
		}
	}
	return false
}

// answer does what a key wants and returns the next, if there is one.
func (t *talk) answer(ctx context.Context, key string) (next string, over, ended bool) {
	t.result.Pressed, t.result.Heard = append(t.result.Pressed, key), true
	answer := t.call.Press(ctx, key)
	if answer.Say != "" {
		next, ended = t.saySomething(ctx, answer.Say)
	}
	over = answer.Over || len(t.result.Pressed) >= maxKeys
	if next == "" && !ended && !over {
		next, ended = t.again(ctx)
	}
	return next, over, ended
}

// again says the text once more after a key, and waits for the next.
func (t *talk) again(ctx context.Context) (key string, ended bool) {
	if key, ended = t.say(ctx, t.speech); key != "" || ended {
		return key, ended
	}
	return t.wait(ctx, keyWait)
}

// saySomething says a short text; what cannot be said is left out.
func (t *talk) saySomething(ctx context.Context, text string) (key string, ended bool) {
	speech, err := t.speaker.Speak(ctx, t.call.Language, text)
	if err != nil {
		speech = tones()
	}
	return t.say(ctx, speech)
}

// say sends speech until a key is pressed or the call ends.
func (t *talk) say(ctx context.Context, speech PCM) (key string, ended bool) {
	play, err := t.dialog.PlaybackControlCreate()
	if err != nil {
		return "", true
	}
	done := make(chan int64, 1)
	go func() {
		sent, _ := play.Play(bytes.NewReader(speech.Bytes()), "audio/pcm") // it ends early when the call does
		done <- sent
	}()
	var sent int64
	select {
	case sent = <-done:
	case key = <-t.keys:
		play.Stop()
		sent = <-done
	case <-t.dialog.Context().Done():
		play.Stop()
		sent = <-done
	case <-ctx.Done():
		play.Stop()
		sent = <-done
	}
	t.result.Spoken += min(time.Duration(sent/2)*time.Second/rate, speech.Length())
	return key, t.dialog.Context().Err() != nil
}

// wait waits for a key.
func (t *talk) wait(ctx context.Context, most time.Duration) (key string, ended bool) {
	over := time.NewTimer(most)
	defer over.Stop()
	select {
	case key = <-t.keys:
	case <-over.C:
	case <-t.dialog.Context().Done():
		return "", true
	case <-ctx.Done():
	}
	return key, false
}

// tones is what is sent where nothing speaks: somebody who is woken by it looks
// at the page.
func tones() PCM {
	const tone, pause, times = rate / 2, rate / 2, 6
	var pcm PCM
	for range times {
		for n := range tone {
			pcm = append(pcm, int16(8000*math.Sin(2*math.Pi*880*float64(n)/rate)))
		}
		pcm = append(pcm, make(PCM, pause)...)
	}
	return pcm
}
