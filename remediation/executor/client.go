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

// Do hands an order over, once. Its Last is asked right before that; the
// executor asks its own with the session open. What failed before a byte was
// written, and what the executor answers without taking it up, is Refused; a
// reply that is lost or makes no sense is Unknown.
func (c *Client) Do(ctx context.Context, o remediation.Order) remediation.Result {
	if o.Last == nil {
		return refused(errors.New("the order carries no last check, and without one nothing is sent"))
	}
	m := orderMessage{Intent: o.Intent}
	if end, ok := ctx.Deadline(); ok {
		m.Timeout = max(1, time.Until(end))
	}
	conn, err := c.connect(ctx)
	if err != nil {
		return refused(errors.New("the executor cannot be reached"))
	}
	defer func() { _ = conn.Close() }()
	if err := o.Last(); err != nil {
		return refused(err)
	}
	var r resultMessage
	switch err := exchange(ctx, conn, orderPath, m, &r); {
	case errors.Is(err, errNotTaken):
		return refused(err)
	case err != nil:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the executor took the order and its answer was lost"}
	case !slices.Contains([]incident.Outcome{incident.OutcomeDone, incident.OutcomeRefused, incident.OutcomeUnknown}, r.Outcome):
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the executor's answer makes no sense"}
	}
	return remediation.Result{Outcome: r.Outcome, Detail: remediation.Clause(r.Detail, maxDetail)}
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
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
		return decode(io.LimitReader(response.Body, maxReplyBytes), into)
	case http.StatusForbidden, http.StatusBadRequest:
		return fmt.Errorf("%w (%s)", errNotTaken, http.StatusText(response.StatusCode))
	}
	return fmt.Errorf("the executor answers with status %d", response.StatusCode)
}

func asOrder(m orderMessage) remediation.Order { return remediation.Order{Intent: m.Intent} }
