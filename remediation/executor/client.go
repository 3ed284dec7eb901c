package executor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
)

// Client reaches an executor in another process. Its Do has the signature and
// the promises of [Executor.Do].
type Client struct{ path string }

// Dial returns the client of the socket at path. It connects for each order
// anew, so the executor may come and go.
func Dial(path string) *Client { return &Client{path} }

// maxDetail bounds what a reply may put on the timeline, in characters.
const maxDetail = 200

// Do hands an order over, once. Its Last is asked right before that, and again
// by the executor with the session open, so that a freeze which only the daemon's
// database knows stops the write as it does in one process: what is left is the way
// of the answer over the socket, [leaveTime] at the most. What failed before a byte
// was written, and what the executor answers without taking it up, is Refused; a
// reply that is lost or makes no sense is Unknown.
func (c *Client) Do(ctx context.Context, o remediation.Order) remediation.Result {
	if o.Last == nil {
		return refused(errors.New("the order carries no last check, and without one nothing is sent"))
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return refused(errors.New("the executor cannot be reached"))
	}
	defer func() { _ = conn.Close() }()
	if err := o.Last(); err != nil {
		return refused(err)
	}
	r, err := handOver(ctx, conn, o)
	switch {
	case errors.Is(err, errNotTaken):
		return refused(err)
	case err != nil:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the executor took the order and its answer was lost"}
	case !slices.Contains([]incident.Outcome{incident.OutcomeDone, incident.OutcomeRefused, incident.OutcomeUnknown}, r.Outcome):
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the executor's answer makes no sense"}
	}
	return remediation.Result{Outcome: r.Outcome, Detail: remediation.Clause(r.Detail, maxDetail)}
}

// maxQuestions bounds how often an executor may ask about one order.
const maxQuestions = 3

// handOver writes an order and answers what the executor asks, until it has the
// result. The request goes on while the answer comes, which an http.Client does
// not do.
func handOver(ctx context.Context, conn net.Conn, o remediation.Order) (r replyMessage, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	m := orderMessage{Intent: o.Intent}
	if end, ok := ctx.Deadline(); ok {
		m.Timeout = max(1, time.Until(end))
	}
	out := bufio.NewWriterSize(conn, maxRequestBytes)
	fmt.Fprintf(out, "POST %s HTTP/1.1\r\nHost: executor\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n", orderPath)
	body := json.NewEncoder(httputil.NewChunkedWriter(out))
	if err := errors.Join(body.Encode(m), out.Flush()); err != nil {
		return r, err
	}
	response, err := answered(conn)
	if err != nil {
		return r, err
	}
	defer func() { _ = response.Body.Close() }()
	from := values(io.LimitReader(response.Body, maxReplyBytes))
	for range maxQuestions + 1 {
		r = replyMessage{}
		if err := from.Decode(&r); err != nil || !r.Ask {
			return r, err
		}
		leave := leaveMessage{Go: true}
		if err := o.Last(); err != nil {
			leave = leaveMessage{Why: err.Error()}
		}
		if err := errors.Join(body.Encode(leave), out.Flush()); err != nil {
			return r, err
		}
	}
	return r, errors.New("the executor asks and asks")
}

// Err asks the executor why it carries no order out, as [Executor.Err]. One that
// cannot be asked carries none out either.
func (c *Client) Err(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return errors.New("the executor cannot be reached")
	}
	defer func() { _ = conn.Close() }()
	var s standingMessage
	if err := exchange(ctx, conn, standingPath, struct{}{}, &s); err != nil {
		return errors.New("the executor does not say whether it can work")
	}
	if s.Trouble != "" {
		return errors.New(remediation.Clause(s.Trouble, maxDetail))
	}
	return nil
}

// Prober returns a look ([Probe], [Watch] or [Boot]) through the executor. name
// says which server of the daemon's inventory a target belongs to.
func (c *Client) Prober(how string, name func(probes.Target) (string, bool)) probes.Prober {
	return func(ctx context.Context, t probes.Target) probes.Result {
		unknown := func(why string) probes.Result { return probes.Result{State: probes.Unknown, Reason: why} }
		server, ok := name(t)
		if !ok {
			return unknown("the inventory has no server for it")
		}
		timeout := t.Timeout
		if timeout == 0 {
			timeout = probes.DefaultTimeout
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := c.connect(ctx)
		if err != nil {
			return unknown("the executor cannot be reached")
		}
		defer func() { _ = conn.Close() }()
		var s sightMessage
		if err := exchange(ctx, conn, lookPath, lookMessage{how, server, timeout}, &s); err != nil {
			return unknown("the executor gave no answer")
		}
		if s.State != probes.Up && s.State != probes.Down {
			s.State = probes.Unknown
		}
		return probes.Result{State: s.State, Reason: s.Reason, Facts: facts(how, s.Facts), Latency: s.Latency, Expiry: s.Expiry, Evidence: s.Evidence}
	}
}

func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", c.path)
}

// errNotTaken is an answer that says that the executor did not begin.
var errNotTaken = errors.New("the executor did not take the order")

// exchange writes one request and reads one reply on a connection of its own. It
// does not use an http.Client, which may write a request a second time.
func exchange(ctx context.Context, conn net.Conn, path string, message, into any) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	body, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://executor"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errNotTaken, err)
	}
	request.Close = true
	if err := request.Write(conn); err != nil {
		return err
	}
	response, err := answered(conn)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return decode(io.LimitReader(response.Body, maxReplyBytes), into)
}

// answered reads the head of an answer that is none of the executor's noes.
func answered(conn net.Conn) (*http.Response, error) {
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodPost})
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return response, nil
	case http.StatusForbidden, http.StatusBadRequest, http.StatusNotFound: // the last of another version
		err = fmt.Errorf("%w (%s)", errNotTaken, http.StatusText(response.StatusCode))
	default:
		err = fmt.Errorf("the executor answers with status %d", response.StatusCode)
	}
	return nil, errors.Join(err, response.Body.Close())
}
