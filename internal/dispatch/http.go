package dispatch

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
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/trusted"
)

// httpWay is one request whose body the inventory words.
type httpWay struct{ inventory.OrderHTTP }

func (w httpWay) again() bool         { return w.Key != "" }
func (w httpWay) poll() time.Duration { return 0 }

func (w httpWay) state(context.Context, job) (state, words string, err error) { return "", "", nil }

func (w httpWay) send(ctx context.Context, j job) (answer, error) {
	body, err := w.Render(j.fields)
	if err != nil {
		return answer{}, refusal{why: "the body cannot be made: " + err.Error()}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for name, value := range w.Headers {
		header.Set(name, value)
	}
	if !w.Token.IsZero() {
		token, err := w.Token.Read()
		if err != nil {
			return answer{}, refusal{"its token cannot be read: " + err.Error(), true}
		}
		header.Set("Authorization", "Bearer "+token.Reveal())
	}
	if !w.APIKey.IsZero() {
		key, err := w.APIKey.Read()
		if err != nil {
			return answer{}, refusal{"its api_key cannot be read: " + err.Error(), true}
		}
		header.Set(w.APIKeyHeader, key.Reveal())
	}
	if w.Key != "" {
		header.Set(w.Key, j.order.Order)
	}
	status, said, err := ask(ctx, cmp.Or(w.Method, http.MethodPost), w.URL, w.CAFile, header, body)
	if err != nil {
		return answer{}, err
	}
	if err := weigh(status); err != nil {
		return answer{}, err
	}
	return answer{at(said, w.Reference), "answered " + strconv.Itoa(status)}, nil
}

// weigh says what a status proves. 4xx: the receiver has read it and does not want
// it. A redirect is not followed, because a POST becomes something else on the way.
// 5xx proves nothing: it may have been taken before something broke.
func weigh(status int) error {
	switch {
	case status/100 == 2:
		return nil
	case status == http.StatusTooManyRequests:
		return refusal{"answered 429, too many", true}
	case status/100 == 4:
		return refusal{why: fmt.Sprintf("answered %d", status)}
	case status/100 == 3:
		return refusal{why: fmt.Sprintf("answered %d, a redirect, which is not followed", status)}
	}
	return fmt.Errorf("answered %d", status)
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// ask sends one request, on a connection of its own: Go sends a request again by itself
// when a connection that it kept was closed, and an order must not be. The error is a
// refusal when no connection came about, so that nothing can have been sent; what it
// says has no address in it but the host's.
func ask(ctx context.Context, method, to, caFile string, header http.Header, body []byte) (status int, said []byte, err error) {
	roots, err := trusted.CAs(caFile)
	if err != nil {
		return 0, nil, refusal{err.Error(), true}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return 0, nil, refusal{why: "its address cannot be used"}
	}
	r.GetBody = nil // so that nothing sends it twice
	r.Header = header
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, unsent(err)
	}
	defer response.Body.Close()
	said, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && response.StatusCode/100 == 2 {
		return response.StatusCode, nil, nil // it was taken; what else it said is lost
	}
	return response.StatusCode, said, nil
}

// unsent tells a connection that never came about from one that broke.
func unsent(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the whole address
	}
	var dialing *net.OpError
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &dialing) && dialing.Op == "dial" || errors.As(err, &name) || errors.As(err, &certificate) {
		return refusal{err.Error(), true}
	}
	return err
}

// at reads a value of a JSON document: data.ticket.id, or items.0.id. "" when there is
// none, or when it is no text and no number.
func at(document []byte, path string) string {
	if path == "" {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return ""
	}
	for _, step := range strings.Split(path, ".") {
		switch here := value.(type) {
		case map[string]any:
			value = here[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(here) {
				return ""
			}
			value = here[n]
		default:
			return ""
		}
	}
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
