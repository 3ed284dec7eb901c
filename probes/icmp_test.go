package probes

import (
	"context"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ping/ping"
)

func TestICMPFallsBackToARawSocketOnlyWhenRefused(t *testing.T) {
	refusal := os.NewSyscallError("socket", syscall.EACCES)
	firewall := os.NewSyscallError("sendto", syscall.EPERM)
	well := &ping.Statistics{PacketsSent: 3, PacketsRecv: 3}
	cases := []struct {
		name          string
		datagram, raw error
		want          string // the sockets that were tried
		state         State
		reason        string
	}{
		{"granted", nil, nil, "datagram", Up, "answers"},
		{"refused, raw granted", refusal, nil, "datagram raw", Up, "answers"},
		{"both refused", refusal, os.NewSyscallError("socket", syscall.EPERM), "datagram raw", Unknown, "CAP_NET_RAW"},
		{"local firewall", &net.OpError{Op: "write", Err: firewall}, nil, "datagram", Unknown, "send echo: write"},
		{"no route", os.NewSyscallError("sendto", syscall.ENETUNREACH), nil, "datagram", Unknown, "network is unreachable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var tried []string
			send := func(_ context.Context, _ time.Duration, _ *net.IPAddr, raw bool) (*ping.Statistics, error) {
				if raw {
					tried = append(tried, "raw")
					return well, c.raw
				}
				tried = append(tried, "datagram")
				return well, c.datagram
			}
			stats, err := echoAsAllowed(t.Context(), short, &net.IPAddr{}, send)
			var result Result
			if err != nil {
				result = refusedToSend(err)
			} else {
				result = Target{}.judgeEchoes(t.Context(), stats)
			}
			expect(t, result, c.state, c.reason)
			if got := strings.Join(tried, " "); got != c.want {
				t.Errorf("tried %s, want %s", got, c.want)
			}
		})
	}
}

func TestICMPNeverTurnsNothingSentIntoAnAnswer(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := Target{Timeout: 1}.within(t.Context())
	defer cancel()
	cases := []struct {
		name   string
		ctx    context.Context
		stats  ping.Statistics
		state  State
		reason string
		loss   any
	}{
		{"nothing sent", late, ping.Statistics{PacketLoss: math.NaN()}, Unknown, "only 0 of 3", nil},
		{"some sent", late, ping.Statistics{PacketsSent: 2}, Unknown, "only 2 of 3", nil},
		{"caller went away", gone, ping.Statistics{PacketsSent: 3}, Unknown, "stopped before", nil},
		{"no reply", late, ping.Statistics{PacketsSent: 3}, Down, "no reply to 3 echoes", 100.0},
		{"one reply", late, ping.Statistics{PacketsSent: 3, PacketsRecv: 1, AvgRtt: 2 * time.Millisecond}, Up, "answers in 2.0 ms, 67 % of the echoes lost", 200.0 / 3},
		{"clock set back", late, ping.Statistics{PacketsSent: 3, PacketsRecv: 3, AvgRtt: -time.Hour}, Up, "answers in 0.0 ms", 0.0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := Target{}.judgeEchoes(c.ctx, &c.stats)
			expect(t, result, c.state, c.reason)
			if got := result.Facts["loss"]; !closeTo(got, c.loss) {
				t.Errorf("fact loss is %v, want %v", got, c.loss)
			}
		})
	}
}

func TestICMPShowsHowManyEchoesCameBack(t *testing.T) {
	stats := ping.Statistics{PacketsSent: 3, PacketsRecv: 2, IPAddr: &net.IPAddr{IP: net.IPv4(192, 0, 2, 17)}, MinRtt: time.Millisecond, MaxRtt: 3 * time.Millisecond}
	result := Target{}.judgeEchoes(t.Context(), &stats)
	if want := []string{"3 echoes to 192.0.2.17, 2 replies", "round trips of 1.0 ms to 3.0 ms"}; !slices.Equal(result.Evidence, want) {
		t.Errorf("the evidence is %q, want %q", result.Evidence, want)
	}
}

func closeTo(got, want any) bool {
	g, gok := got.(float64)
	w, wok := want.(float64)
	return gok == wok && math.Abs(g-w) < 1e-9
}

func TestICMPDoesNotKnowWhatItCannotLookUp(t *testing.T) {
	expect(t, ICMP(t.Context(), Target{Address: "web-07.invalid", Timeout: short}), Unknown, "look up web-07.invalid")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if result := ICMP(gone, Target{Address: "127.0.0.1"}); result.State != Unknown {
		t.Errorf("a probe whose caller went away says %s (%s)", result.State, result.Reason)
	}
}
