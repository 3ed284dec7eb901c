package bmc

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// reader asks a Redfish service for resources, over one connection that is held
// to the certificate that the wire saw, because a TLS handshake is what costs a
// BMC most. It can only read: it sends GET, follows no redirect, asks nobody
// else, and no more often than its budget. Its net/http may repeat a question
// when the kept connection turns out to be closed; a GET bears that.
type reader struct {
	ctx       context.Context
	transport *http.Transport
	client    *http.Client
	base      string
	session   *redfish
	left      int       // requests that may still be sent
	clock     time.Time // what the BMC's clock said with the log
	refused   bool      // the password, once: every further question would count as one more wrong one
}

// maxReadBytes bounds one answer. A page of a log is far below it; a log that
// knows no pages and is above it is not read.
const maxReadBytes = 2 << 20

var errTooBig = fmt.Errorf("the answer is larger than %d MB", maxReadBytes>>20)

// newReader returns a reader for the session's BMC, which asks nothing until it
// is told for how long and how often. Close it.
func newReader(s *redfish) *reader {
	address, config := s.wire.address, s.wire.tls
	r := &reader{base: "https://" + address, session: s}
	r.transport = &http.Transport{
		MaxConnsPerHost: 1,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, connectTimeout)
			defer cancel()
			d := tls.Dialer{Config: config}
			return d.DialContext(ctx, "tcp", address)
		},
	}
	r.client = &http.Client{
		Transport:     r.transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r
}

func (r *reader) close() { r.transport.CloseIdleConnections() }

// get reads the resource at path into v. What the BMC links to must be its own.
func (r *reader) get(path string, v any) error {
	if !strings.HasPrefix(path, "/redfish/") {
		return errors.New("the BMC links to something that is not Redfish")
	}
	if r.left == 0 {
		return errBudget
	}
	r.left--
	req, err := http.NewRequestWithContext(r.ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return errors.New("the BMC links to something that is no address")
	}
	req.SetBasicAuth(r.session.user, r.session.password.Reveal())
	req.Header.Set("Accept", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return networkTrouble(r.session.wire.address, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusUnauthorized {
		r.left, r.refused = 0, true
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the BMC answers HTTP %d", resp.StatusCode)
	}
	return r.decode(resp.Body, v)
}

func (r *reader) decode(body io.Reader, v any) error {
	raw, err := io.ReadAll(io.LimitReader(body, maxReadBytes+1))
	switch {
	case err != nil:
		return networkTrouble(r.session.wire.address, err)
	case len(raw) > maxReadBytes:
		return errTooBig
	}
	return decodeLoosely(raw, v)
}

// decodeLoosely reads JSON of which some field may have another type than the
// standard says: such a field stays empty, and the others count.
func decodeLoosely(raw []byte, v any) error {
	var odd *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, v); err != nil && !errors.As(err, &odd) {
		return errors.New("the BMC's answer is not Redfish as it should be")
	}
	return nil
}

// spent says why there is no sense in asking on; nil when there is.
func (r *reader) spent() error {
	switch {
	case r.ctx.Err() != nil:
		return errors.New("the time was up")
	case r.left == 0:
		return errBudget
	}
	return nil
}
