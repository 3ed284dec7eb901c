package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/spinware/piket/internal/oneline"
)

func up(format string, args ...any) Result      { return verdict(Up, format, args) }
func down(format string, args ...any) Result    { return verdict(Down, format, args) }
func unknown(format string, args ...any) Result { return verdict(Unknown, format, args) }

func verdict(state State, format string, args []any) Result {
	return Result{State: state, Reason: clause(fmt.Sprintf(format, args...))}
}

// errTimeout is why a probe's own time ended. It tells silence of the target,
// which is an answer, from a caller who went away, which is none.
var errTimeout = errors.New("no answer in time")

// limit is the time that one probe of t may take.
func (t Target) limit() time.Duration {
	if t.Timeout > 0 {
		return t.Timeout
	}
	return DefaultTimeout
}

// within bounds ctx by the target's own time.
func (t Target) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, t.limit(), errTimeout)
}

// errnos judges what the kernel answers. It reads top to bottom.
var errnos = []struct {
	errno  syscall.Errno
	state  State
	reason string
}{
	{syscall.ECONNREFUSED, Down, "connection refused"},
	{syscall.ECONNRESET, Down, "connection reset"},
	{syscall.EPIPE, Down, "connection reset"},
	{syscall.ETIMEDOUT, Down, "no answer"},
	// Either our own neighbour table or the last router says that nobody owns
	// the address: what a dead server on a live network looks like. As Unknown,
	// a server in our own subnet could never be found dead. Whether a firewall
	// or a lost route says so instead is for the diagnosis, which asks the
	// site's gateway too.
	{syscall.EHOSTUNREACH, Down, "host unreachable"},
	{syscall.ENETUNREACH, Unknown, "no route to the target's network"},
	{syscall.EACCES, Unknown, "piket may not connect there (look at the local firewall)"},
	{syscall.EPERM, Unknown, "piket may not connect there (look at the local firewall)"},
	{syscall.EMFILE, Unknown, "piket has too many open files (raise LimitNOFILE)"},
	{syscall.ENFILE, Unknown, "piket's machine has too many open files"},
	{syscall.EADDRNOTAVAIL, Unknown, "piket's machine has no free port or no address of this family"},
	{syscall.EAFNOSUPPORT, Unknown, "piket's machine does not speak this address family"},
	{syscall.ENOBUFS, Unknown, "piket's machine has no network buffers (or a full neighbour table)"},
	{syscall.ENOMEM, Unknown, "piket's machine is out of memory"},
}

// broke judges a conversation with t that ended in err. What cannot be told to
// be the target's doing is Unknown.
func (t Target) broke(ctx context.Context, err error) Result {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return unknown("look up %s: %s", dns.Name, dns.Err)
	}
	for _, e := range errnos {
		if errors.Is(err, e.errno) {
			return verdict(e.state, e.reason, nil)
		}
	}
	if ended(ctx) {
		return t.silent(ctx)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return down("no answer") // one of several addresses of a name, or a layer below
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return down("closed the connection without an answer")
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return unknown("%v", op.Err)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL is known, and may be long
	}
	return down("%v", err)
}

// silent judges a probe whose ctx has ended: by its own time, or by the
// caller's.
func (t Target) silent(ctx context.Context) Result {
	if context.Cause(ctx) == errTimeout {
		return down("no answer within %v", t.limit())
	}
	return unknown("stopped before an answer came")
}

// ended reports whether ctx has ended. A socket's deadline, taken from ctx,
// fires a moment before ctx itself does; that moment is waited for.
func ended(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// maxClause bounds a reason, in characters. Part of it is the target's text.
const maxClause = 200

// clause makes one short line of text that a target may have written.
func clause(text string) string { return oneline.Of(text, maxClause) }

// millis says a duration as a person reads it: "0.4 ms", "12 ms".
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
