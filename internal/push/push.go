// Package push tells people on their telephones and desks: web push to browsers
// that they have subscribed. What it sends is read by that browser alone, and it
// only leads to a page; nothing is approved by it.
//
//	err := sender.Send(ctx, device, push.Note{Title: "[INC-2026-0001] P1 …", Path: "/incidents/INC-2026-0001"})
//
// An endpoint comes from a browser, so that somebody could have piket call any
// address: only known push services are called, by https, and nothing inside a
// private network.
package push

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/oneline"
	"github.com/spinware/piket/internal/trusted"
)

// What errors wrap.
var (
	// ErrGone: the browser has taken the subscription back. Trying again makes no
	// sense, ever.
	ErrGone = errors.New("the subscription is gone")
	// ErrRefused: the push service will not have it.
	ErrRefused = errors.New("the push service refused it")
	// ErrEndpoint: a subscription that piket does not take.
	ErrEndpoint = errors.New("this subscription is not taken")
)

// DefaultServices are those of Chromium, Firefox, Edge and Safari.
var DefaultServices = []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", "*.notify.windows.com", "web.push.apple.com"}

const (
	sendTimeout = 10 * time.Second
	lasts       = time.Hour // how long a push service keeps a page for a browser that is away
	maxEndpoint = 1000      // characters
	maxReason   = 200
)

// Note is what is shown.
type Note struct {
	Title string `json:"title"`
	Path  string `json:"path"` // where tapping it leads, on piket's own page
	Tag   string `json:"tag"`  // a note takes the place of another with the same
}

// Config says who is called.
type Config struct {
	Services []string `yaml:"services"` // hosts, "*.example.net" for all below one; an address of a private network only as itself
	CAFile   string   `yaml:"ca_file"`
}

// Sender sends. The zero Contact is fine with most services.
type Sender struct {
	Config  Config
	Key     Key
	Contact string // mailto: or https: of who runs this piket
}

// Check says why a subscription is not taken, nil when it is.
func (c Config) Check(s incident.Subscribed) error {
	if _, _, err := keysOf(s); err != nil {
		return fmt.Errorf("%w: %w", ErrEndpoint, err)
	}
	u, err := url.Parse(s.Endpoint)
	switch {
	case err != nil || len(s.Endpoint) > maxEndpoint || u.Scheme != "https" || u.User != nil || u.Hostname() == "":
		return fmt.Errorf("%w: its address is not one of https", ErrEndpoint)
	case !c.serves(u):
		return fmt.Errorf("%w: %s is none of the push services in the configuration", ErrEndpoint, oneline.Of(u.Host, maxReason))
	}
	return nil
}

// serves reports whether a host is one of the services. Another port than that of
// https must be written in the list.
func (c Config) serves(u *url.URL) bool {
	host := strings.ToLower(u.Host)
	if u.Port() == "443" {
		host = strings.ToLower(u.Hostname())
	}
	for _, service := range c.Services {
		below, any := strings.CutPrefix(service, "*")
		if host == service || any && strings.HasPrefix(below, ".") && strings.HasSuffix(host, below) && len(host) > len(below) {
			return true
		}
	}
	return false
}

// Send sends one note to one browser, in ten seconds at the most. Trying again
// makes sense after an error that wraps none of ours; a note that arrives twice
// is shown once.
func (s Sender) Send(ctx context.Context, to incident.Subscribed, n Note, now time.Time) error {
	if err := s.Config.Check(to); err != nil { // the list may be shorter by now
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := s.request(ctx, to, n, now)
	if err != nil {
		return err
	}
	client, err := s.client(request.URL.Hostname())
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address is all it takes to find the browser
		}
		return fmt.Errorf("push by %s: %w", to.Service(), err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // a reason for people, if there is one
	return judge(to.Service(), response.StatusCode, string(answer))
}

// judge says what an answer means (RFC 8030, 5 and 8.4).
func judge(service string, status int, answer string) error {
	said := fmt.Sprintf("push by %s: status %d: %s", service, status, oneline.Of(answer, maxReason))
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return fmt.Errorf("%w: %s", ErrGone, said)
	case status/100 == 5 || status == http.StatusTooManyRequests:
		return errors.New(said)
	}
	return fmt.Errorf("%w: %s", ErrRefused, said)
}

func (s Sender) request(ctx context.Context, to incident.Subscribed, n Note, now time.Time) (*http.Request, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	sealed, err := Encrypt(to, text)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Endpoint, bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	authorization, err := s.Key.authorization(request.URL.Scheme+"://"+request.URL.Host, cmp.Or(s.Contact, "https://piket.invalid"), now)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"Authorization": authorization, "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
		"TTL": fmt.Sprint(int(lasts.Seconds())), "Urgency": "high",
	} {
		request.Header.Set(name, value)
	}
	return request, nil
}

// client calls one host. It follows nobody elsewhere, asks no proxy, and dials
// no private address unless the configuration writes that very address.
func (s Sender) client(host string) (*http.Client, error) {
	roots, err := trusted.CAs(s.Config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file of push: %w", err)
	}
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if _, literal := netip.ParseAddr(host); err != nil || literal != nil && !trusted.Public(to.Addr()) {
			return fmt.Errorf("it leads to the private address %s", to.Addr())
		}
		return nil
	}}
	return &http.Client{
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
