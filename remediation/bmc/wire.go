package bmc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spinware/piket/internal/failpoint"
)

// wire is the only way in which the Redfish driver reaches a BMC. The driver
// ignores its contexts, and net/http may repeat a request, follow a redirect or
// use another connection; under a wire none of that happens. Every request has
// a connection of its own to the address that answered first, to the holder of
// the certificate that was seen first, and a write goes through write or not at
// all.
type wire struct {
	mu      sync.Mutex      // the driver reads lists with several goroutines
	ctx     context.Context // of the operation: bmclib does not hand its own on
	address string          // host:port; the resolved one once it has answered
	tls     *tls.Config
	leaf    [sha256.Size]byte                                  // fingerprint of the first certificate
	systems map[string]system                                  // what was read, by path
	root    []byte                                             // the service root, as it was read
	met     bool                                               // somebody has taken a connection
	last    answer                                             // to the last request
	write   func(method, path string) (body []byte, err error) // lets one write through, with another body unless that is nil
	written answer                                             // to the write that was let through
}

// answer is what came back on one request: an HTTP status, or the reason why
// there is none.
type answer struct {
	status int
	fault  error
	full   bool // it says that all its sessions are taken
}

// Bounds of one request.
const (
	connectTimeout = 10 * time.Second
	requestTimeout = 20 * time.Second
	maxAnswerBytes = 4 << 20
)

var (
	errOtherMachine = errors.New("the certificate differs from the first one")
	errReadsOnly    = errors.New("this session only reads")
	errUsed         = errors.New("a request has one connection and no other")
)

// RoundTrip sends one request, once.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	ctx, cancel := context.WithTimeout(w.ctx, requestTimeout)
	defer cancel()
	conn, err := w.connect(ctx)
	if err != nil {
		w.last = answer{fault: networkTrouble(w.address, err)}
		return nil, w.last.fault
	}
	defer func() { _ = conn.Close() }()
	if req.Method == http.MethodGet {
		resp, err := w.carry(conn, req.WithContext(ctx), &w.last)
		if err == nil {
			err = w.remember(resp)
		}
		return resp, err
	}
	if err := w.permit(req); err != nil {
		return nil, err
	}
	failpoint.Reach(failpoint.RedfishBeforeSend)
	resp, err := w.carry(conn, req.WithContext(ctx), &w.written)
	failpoint.Reach(failpoint.RedfishSent)
	return resp, err
}

func (w *wire) permit(req *http.Request) error {
	if w.write == nil || req.Method != http.MethodPost && req.Method != http.MethodPatch {
		return errReadsOnly
	}
	body, err := w.write(req.Method, req.URL.Path)
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		req.GetBody = nil
	}
	return err
}

// connect opens a connection and proves who is at the other end.
func (w *wire) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	w.met = true
	conn := tls.Client(raw, w.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	w.address = raw.RemoteAddr().String()
	return conn, nil
}

// sameLeaf holds every connection to the certificate of the first: addresses
// move between machines, private keys do not.
func (w *wire) sameLeaf(state tls.ConnectionState) error {
	seen := sha256.Sum256(state.PeerCertificates[0].Raw)
	if w.leaf == [sha256.Size]byte{} {
		w.leaf = seen
	}
	if seen != w.leaf {
		return errOtherMachine
	}
	return nil
}

// carry sends req over conn and notes the answer in got. The transport is made
// for this request and has nothing but conn, so it cannot send twice.
func (w *wire) carry(conn net.Conn, req *http.Request, got *answer) (*http.Response, error) {
	handed := false
	once := &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			if handed {
				return nil, errUsed
			}
			handed = true
			return conn, nil
		},
	}
	*got = answer{}
	resp, err := once.RoundTrip(req)
	if err != nil {
		got.fault = networkTrouble(w.address, err)
		return nil, got.fault
	}
	got.status = resp.StatusCode
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	_ = resp.Body.Close()
	if err != nil && req.Method == http.MethodGet { // a write is answered by its status line
		got.fault = networkTrouble(w.address, err)
		return nil, got.fault
	}
	got.full = resp.StatusCode/100 != 2 && bytes.Contains(body, []byte("SessionLimitExceeded"))
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// system is what counts of a Redfish ComputerSystem (DSP0268).
type system struct {
	Path         string `json:"@odata.id"`
	Type         string `json:"@odata.type"`
	Name         string
	SerialNumber string
	UUID         string
	PowerState   string
	Boot         struct{ BootSourceOverrideEnabled, BootSourceOverrideTarget string }
	Actions      struct {
		Reset struct {
			Target string `json:"target"`
		} `json:"#ComputerSystem.Reset"`
	}
	body []byte // all of it, for a [Witness]
}

// remember keeps the systems that the driver reads, so that identity and power
// come out of the very answers that the driver acts upon.
func (w *wire) remember(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var s system
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &s) != nil {
		return nil // the driver says what is wrong with it
	}
	switch {
	case strings.HasPrefix(s.Type, "#ComputerSystem."):
		s.body = body
		w.systems[s.Path] = s
	case strings.HasPrefix(s.Type, "#ServiceRoot."):
		w.root = body
	}
	return nil
}
