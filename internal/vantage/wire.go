package vantage

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
)

// wire is the way to the daemon.
type wire struct {
	base, name string
	token      secret.Ref
	client     *http.Client
}

// newWire returns the way to the daemon that cfg names.
func newWire(cfg Config) (*wire, error) {
	if err := trusted.Address(cfg.Main, true); err != nil { // who reads the token may vote
		return nil, fmt.Errorf("reach %s: %w", cfg.Main, err)
	}
	roots, err := trusted.CAs(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &wire{
		base: strings.TrimRight(cfg.Main, "/"), name: cfg.Name, token: cfg.Token,
		// A redirect would carry the token to somebody else.
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// maxAnswerBytes bounds the answer to a report: maxHints keys, and room.
const maxAnswerBytes = 1 << 20

// packAbove is the size from which on a report is compressed.
const packAbove = 16 << 10

// report sends one report. Every error may be over at the next try.
func (w *wire) report(ctx context.Context, r Report) (Answer, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return Answer{}, fmt.Errorf("write the report: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if len(body) > packAbove {
		body = pack(body)
		header.Set("Content-Encoding", "gzip")
	}
	data, _, err := w.do(ctx, call{http.MethodPost, ReportPath, header, body, maxAnswerBytes, requestTime})
	if err != nil {
		return Answer{}, err
	}
	var answer Answer
	if err := json.Unmarshal(data, &answer); err != nil {
		return Answer{}, fmt.Errorf("read the answer to the report: %w", err)
	}
	return answer, nil
}

// targets fetches the list, unless it is still the version that is known; then
// it returns that version and no targets.
func (w *wire) targets(ctx context.Context, known string) (Targets, string, error) {
	header := http.Header{}
	if known != "" {
		header.Set("If-None-Match", `"`+known+`"`)
	}
	list, status, err := w.do(ctx, call{http.MethodGet, TargetsPath, header, nil, maxListBytes, listTime})
	if err != nil {
		return Targets{}, "", err
	}
	if status == http.StatusNotModified {
		return Targets{}, known, nil
	}
	return readTargets(list)
}

// call is one request and the bounds of its answer.
type call struct {
	method, path string
	header       http.Header
	body         []byte
	most         int64         // bytes, unpacked
	within       time.Duration // on the machine's own clock
}

// do sends one request and reads its answer. A status that is neither 200 nor
// 304 is an error.
func (w *wire) do(ctx context.Context, c call) (answer []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, c.method, w.base+c.path, bytes.NewReader(c.body))
	if err != nil {
		return nil, 0, fmt.Errorf("reach the daemon: %w", err)
	}
	token, err := w.token.Read()
	if err != nil {
		return nil, 0, err
	}
	request.Header = c.header
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	request.Header.Set(NameHeader, w.name)
	response, err := w.client.Do(request)
	if err != nil {
		return nil, 0, fmt.Errorf("reach the daemon: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotModified {
		return nil, 0, refusal(response)
	}
	if answer, err = readAtMost(response.Body, c.most); err != nil {
		return nil, 0, fmt.Errorf("read the daemon's answer: %w", err)
	}
	return answer, response.StatusCode, nil
}

// maxRefusalBytes bounds what is read of an answer that says no.
const maxRefusalBytes = 4 << 10

// refusal makes an error of what the daemon answered.
func refusal(response *http.Response) error {
	var said struct{ Error, Hint string }
	data, err := io.ReadAll(io.LimitReader(response.Body, maxRefusalBytes))
	if err != nil || json.Unmarshal(data, &said) != nil || said.Error == "" {
		return fmt.Errorf("the daemon answered with status %d", response.StatusCode)
	}
	return fmt.Errorf("the daemon answered: %s (%s)", plain(said.Error), plain(said.Hint))
}
