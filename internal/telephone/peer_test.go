package telephone_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/diago/audio"
	"github.com/emiago/diago/media"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"

	"github.com/spinware/piket/internal/telephone"
)

// peer is the other end of a trunk on loopback: what it does with a call is told
// by a function.
type peer struct {
	server string
	mu     sync.Mutex
	calls  []string // whom it was asked for, and by whom
	heard  telephone.PCM
}

// answers is what a peer does with one call.
type answers func(p *peer, d *diago.DialogServerSession)

func newPeer(t *testing.T, transport string, do answers) *peer {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ua, err := sipgo.NewUA(sipgo.WithUserAgent("exchange"),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)), sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)))
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{}
	dg := diago.NewDiago(ua, diago.WithLogger(quiet), diago.WithTransport(diago.Transport{Transport: transport, BindHost: "127.0.0.1"}))
	ctx, stop := context.WithCancel(t.Context())
	if err := dg.ServeBackground(ctx, func(d *diago.DialogServerSession) {
		p.mu.Lock()
		p.calls = append(p.calls, d.ToUser()+" by "+d.FromUser())
		p.mu.Unlock()
		do(p, d)
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		ua.Close()
	})
	var ports []int
	for len(ports) == 0 && t.Context().Err() == nil { // it says that it serves a moment before it says where
		runtime.Gosched()
		ports = ua.TransportLayer().ListenPorts(transport)
	}
	p.server = fmt.Sprintf("127.0.0.1:%d", ports[0])
	return p
}

// takesUp answers, listens, and presses keys one by one, each once so much voice
// has come.
func takesUp(after time.Duration, keys ...rune) answers {
	return func(p *peer, d *diago.DialogServerSession) {
		if err := d.Ringing(); err != nil {
			return
		}
		if err := d.Answer(); err != nil {
			return
		}
		reader, err := d.AudioReader()
		if err != nil {
			return
		}
		for _, key := range keys {
			p.listens(reader, d, after)
			if err := d.AudioWriterDTMF().WriteDTMF(key); err != nil {
				return
			}
		}
		p.listens(reader, d, time.Hour)
	}
}

// listens keeps so much of what comes.
func (p *peer) listens(reader io.Reader, d *diago.DialogServerSession, most time.Duration) {
	buffer, pcm := make([]byte, media.RTPBufSize), make([]byte, 2*media.RTPBufSize)
	for got := 0; got < int(most.Seconds()*8000); {
		n, err := reader.Read(buffer)
		if err != nil {
			return
		}
		size := 0
		switch d.RTPPacketReader.PacketHeader.PayloadType {
		case media.CodecAudioAlaw.PayloadType:
			size, _ = audio.DecodeAlawTo(pcm, buffer[:n])
		case media.CodecAudioUlaw.PayloadType:
			size, _ = audio.DecodeUlawTo(pcm, buffer[:n])
		}
		p.mu.Lock()
		for k := 0; k+1 < size; k += 2 {
			p.heard = append(p.heard, int16(uint16(pcm[k])|uint16(pcm[k+1])<<8))
		}
		p.mu.Unlock()
		got += n
	}
}

func (p *peer) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *peer) voice() telephone.PCM {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard
}

// refuses answers with a status.
func refuses(status int, reason string) answers {
	return func(_ *peer, d *diago.DialogServerSession) { _ = d.Respond(status, reason, nil) }
}

// ringsForEver never takes it up.
func ringsForEver(_ *peer, d *diago.DialogServerSession) {
	_ = d.Ringing()
	<-d.Context().Done()
}

// loudness is the root mean square of a piece of voice.
func loudness(p telephone.PCM) float64 {
	sum := 0.0
	for _, v := range p {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(1, len(p))))
}
