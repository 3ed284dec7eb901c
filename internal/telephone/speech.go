package telephone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spinware/piket/internal/oneline"
)

// Speaker turns text into speech by an installed program: espeak-ng, piper, or
// any other that reads text and writes a WAV file.
type Speaker struct {
	Command []string // ${language} becomes "en" or "nl"
}

// What speaking one text may take. A text is at most maxSpoken characters, which
// are read out in two minutes.
const (
	speakTime    = 20 * time.Second
	maxWAVBytes  = 16 << 20 // three minutes in 16 bits at 44.1 kHz
	maxErrorText = 200
)

// Check says why nothing could be spoken, nil when something can. It runs
// nothing.
func (s Speaker) Check() error {
	if len(s.Command) == 0 {
		return errors.New("no command that speaks is configured (telephone.speech)")
	}
	if _, err := exec.LookPath(s.Command[0]); err != nil {
		return fmt.Errorf("%s, which speaks, cannot be run: %w", s.Command[0], errors.Unwrap(err))
	}
	return nil
}

// Speak returns a text as speech. The program gets the text as its input, never as
// an argument, and no shell is in between. Trying again makes sense when the
// machine was busy.
func (s Speaker) Speak(ctx context.Context, language, text string) (PCM, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, speakTime)
	defer cancel()
	argv := make([]string, len(s.Command))
	for n, word := range s.Command {
		argv[n] = strings.ReplaceAll(word, "${language}", language)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(oneline.Of(text, maxSpoken) + "\n")
	cmd.WaitDelay = time.Second // for children that keep the pipe
	out, errs := limited{most: maxWAVBytes, over: cancel}, limited{most: maxErrorText, drop: true}
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		switch {
		case out.full:
			err = errTooMuch
		case ctx.Err() != nil:
			err = ctx.Err()
		}
		return nil, fmt.Errorf("speak with %s: %w: %s", argv[0], err, oneline.Of(errs.kept.String(), maxErrorText))
	}
	pcm, err := readWAV(out.kept.Bytes())
	if err != nil {
		return nil, fmt.Errorf("speech by %s: %w", argv[0], err)
	}
	if pcm.Silent() {
		return nil, fmt.Errorf("speech by %s: it is silent", argv[0])
	}
	return pcm, nil
}

// limited keeps so many bytes; more are an error, or are dropped.
type limited struct {
	kept bytes.Buffer // no embedding: it would take more by its ReadFrom
	most int
	drop bool
	over func() // called when there is more
	full bool
}

var errTooMuch = errors.New("it writes too much")

func (l *limited) Write(p []byte) (int, error) {
	left := l.most - l.kept.Len()
	if len(p) <= left {
		return l.kept.Write(p)
	}
	if !l.drop {
		l.full = true
		l.over()
		return 0, errTooMuch
	}
	l.kept.Write(p[:left])
	return len(p), nil
}
