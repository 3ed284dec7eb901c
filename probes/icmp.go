package probes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/go-ping/ping"
)

const (
	echoes      = 3
	echoSpacing = 200 * time.Millisecond
)

// pingHint says what to do when the kernel refuses both kinds of socket.
const pingHint = `piket may not ping: set sysctl net.ipv4.ping_group_range="0 2147483647", or give it CAP_NET_RAW`

// ICMP sends a few echo requests to t.Address (a host, without a port). One
// reply is enough for Up. Its facts are loss, in percent of the echoes sent,
// and, with at least one reply, rtt_ms, their mean. Whatever keeps the echoes
// from leaving this machine is Unknown.
func ICMP(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, t.Address)
	if err != nil {
		return unknown("look up %s: %v", t.Address, err)
	}
	if ctx.Err() != nil {
		return unknown("stopped before an echo was sent")
	}
	stats, err := echoAsAllowed(ctx, t.limit(), &addresses[0], echo)
	if err != nil {
		return refusedToSend(err)
	}
	return t.judgeEchoes(ctx, stats)
}

// echoAsAllowed pings with a datagram socket, and with a raw one only if the
// kernel refuses that: every raw socket receives every reply to this machine,
// so that many at once lose replies (54 % of them at 1,000, measured).
func echoAsAllowed(ctx context.Context, limit time.Duration, to *net.IPAddr, send echoer) (*ping.Statistics, error) {
	stats, err := send(ctx, limit, to, false)
	if !socketRefused(err) {
		return stats, err
	}
	return send(ctx, limit, to, true)
}

// echoer sends echoes to one address and waits for the replies.
type echoer func(ctx context.Context, limit time.Duration, to *net.IPAddr, raw bool) (*ping.Statistics, error)

func echo(ctx context.Context, limit time.Duration, to *net.IPAddr, raw bool) (*ping.Statistics, error) {
	p := ping.New("")
	p.SetIPAddr(to)
	p.SetPrivileged(raw)
	p.SetLogger(ping.NoopLogger{})
	p.Count = echoes
	p.Interval = min(echoSpacing, limit/(2*echoes)) // a short limit still lets all echoes out
	p.Timeout = limit
	p.RecordRtts = false
	defer context.AfterFunc(ctx, p.Stop)()
	if err := p.Run(); err != nil {
		return nil, err
	}
	return p.Statistics(), nil
}

// socketRefused reports whether err is the kernel's no to a kind of socket:
// EACCES outside ping_group_range, EPERM without CAP_NET_RAW,
// EPROTONOSUPPORT where ping sockets are not built in. A local firewall says
// EPERM too, but to sendto, and another socket would not change its mind.
func socketRefused(err error) bool {
	call, ok := errors.AsType[*os.SyscallError](err)
	return ok && call.Syscall == "socket" &&
		(errors.Is(call.Err, fs.ErrPermission) || errors.Is(call.Err, syscall.EPROTONOSUPPORT))
}

func refusedToSend(err error) Result {
	if socketRefused(err) {
		return unknown("%s", pingHint)
	}
	return unknown("send echo: %v", err)
}

// judgeEchoes never divides by what was not sent: the library's loss is NaN
// then, and NaN > 50 is false, which reads as healthy.
func (t Target) judgeEchoes(ctx context.Context, stats *ping.Statistics) Result {
	if stats.PacketsRecv > 0 {
		return answered(stats)
	}
	if ended(ctx) && context.Cause(ctx) != errTimeout {
		return t.silent(ctx)
	}
	if stats.PacketsSent < echoes {
		return unknown("only %d of %d echoes could be sent", stats.PacketsSent, echoes)
	}
	result := down("no reply to %d echoes within %v", stats.PacketsSent, t.limit())
	result.Facts = map[string]any{"loss": 100.0}
	result.noteEchoes(stats)
	return result
}

func answered(stats *ping.Statistics) Result {
	// A reply counts once, but the machine's clock may have been set back
	// between sending and receiving: the library measures with it.
	rtt := max(stats.AvgRtt, 0)
	loss := max(100*float64(stats.PacketsSent-stats.PacketsRecv)/float64(stats.PacketsSent), 0)
	lossy := ""
	if loss > 0 {
		lossy = fmt.Sprintf(", %.0f %% of the echoes lost", loss)
	}
	result := up("answers in %s%s", millis(rtt), lossy)
	result.Latency = rtt
	result.Facts = map[string]any{"loss": loss, "rtt_ms": float64(rtt) / float64(time.Millisecond)}
	result.noteEchoes(stats)
	return result
}

func (r *Result) noteEchoes(stats *ping.Statistics) {
	r.note("%d echoes to %s, %d replies", stats.PacketsSent, stats.IPAddr, stats.PacketsRecv)
	if stats.PacketsRecv > 0 {
		r.note("round trips of %s to %s", millis(max(stats.MinRtt, 0)), millis(max(stats.MaxRtt, 0)))
	}
}
