package probes

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxHeaderBytes = 64 << 10 // of an answer's header
	maxInterim     = 5        // answers of 1xx before the real one
)

// lone is the http.RoundTripper of probes: one new connection for each request
// and nothing else. It knows no proxy and keeps no connection, so that nothing
// but the target is asked, and it does not unpack, so that a small body cannot
// unfold into a large one. http.Transport would also read before it asks, and
// print on standard error what a server says unasked, as mail servers do.
type lone struct {
	tls  *tls.Config
	dial func(ctx context.Context, address string) (net.Conn, error)
}

// client returns a client for t.URL that asks redirect about redirects.
func (t Target) client(redirect func(*http.Request, []*http.Request) error) (*http.Client, error) {
	if u, err := url.Parse(t.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%q is not an http or https address", t.URL)
	}
	config, err := trust(t.CAFile)
	if err != nil {
		return nil, err
	}
	return &http.Client{CheckRedirect: redirect, Transport: lone{config, dial}}, nil
}

func get(ctx context.Context, client *http.Client, address string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", "piket")
	request.Header.Set("Accept-Encoding", "identity")
	request.Close = true
	return client.Do(request)
}

// RoundTrip implements http.RoundTripper. Closing the body closes the
// connection; the request's context bounds both.
func (l lone) RoundTrip(request *http.Request) (*http.Response, error) {
	conn, err := l.connect(request.Context(), request.URL)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(request.Context(), func() { conn.SetDeadline(time.Unix(1, 0)) })
	response, err := exchange(conn, request)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if secured, ok := conn.(*tls.Conn); ok {
		state := secured.ConnectionState()
		response.TLS = &state
	}
	response.Body = body{response.Body, conn}
	return response, nil
}

// body closes the connection and not the reader: that would first read what
// is left, however much.
type body struct {
	io.Reader
	io.Closer
}

func (l lone) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := l.dial(ctx, net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme == "http" {
		return conn, err
	}
	config := l.tls.Clone()
	config.ServerName = u.Hostname()
	secured, err := secure(ctx, conn, config)
	if err != nil {
		return nil, err
	}
	return secured, nil
}

func exchange(conn net.Conn, request *http.Request) (*http.Response, error) {
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHeaderBytes}
	reader := bufio.NewReader(limited)
	for range maxInterim {
		response, err := http.ReadResponse(reader, request)
		if err != nil && limited.N <= 0 {
			return nil, fmt.Errorf("the answer's header is larger than %d KiB", maxHeaderBytes>>10)
		}
		if err != nil {
			return nil, err
		}
		if response.StatusCode >= 200 {
			limited.N = math.MaxInt64 // the body's reader has a limit of its own
			return response, nil
		}
	}
	return nil, errors.New("the server keeps answering with a status of 1xx")
}

// webBroke is broke for requests: what a handshake ended in is judged apart.
func (t Target) webBroke(ctx context.Context, err error) Result {
	if handshake, ok := errors.AsType[handshakeError](err); ok {
		return t.handshakeBroke(ctx, handshake.error)
	}
	return t.broke(ctx, err)
}
