package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

const (
	maxSummaryBytes  = 5 << 20
	maxPageRedirects = 3
)

// StatusPage reads the page of a provider at t.URL, in Statuspage's format
// (v2). Up means that the page could be read, whatever it says, and everything
// else is Unknown: a page that cannot be read is neither an outage nor its
// absence, so it is never Down. Its facts are what the page announces for
// t.Component, or for anything at all when that is "": incident, indicator and
// title.
func StatusPage(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	client, err := t.client(sameHost)
	if err != nil {
		return unknown("%v", err)
	}
	body, err := fetchSummary(ctx, client, t.URL)
	if err != nil {
		return t.unreadable(ctx, err)
	}
	page, err := parseSummary(body)
	if err != nil {
		return unknown("%v", err)
	}
	said, err := page.announces(t.Component)
	if err != nil {
		return unknown("%v", err)
	}
	result := up("the page announces %s", said)
	result.Facts = map[string]any{"incident": said.incident, "indicator": said.indicator, "title": said.title}
	return result
}

// Announced judges not the page but what it says: Down while it announces
// trouble, Up while it announces none, and Unknown when it could not be read.
// page and facts are of a [StatusPage] result.
func Announced(page State, facts map[string]any) State {
	incident, ok := facts["incident"].(bool)
	switch {
	case page != Up || !ok:
		return Unknown
	case incident:
		return Down
	}
	return Up
}

// errPage marks what this package itself finds wrong with a page; anything
// else is the network's error.
var errPage = errors.New("the status page")

func fetchSummary(ctx context.Context, client *http.Client, base string) ([]byte, error) {
	address, err := url.JoinPath(base, "api/v2/summary.json")
	if err != nil {
		return nil, fmt.Errorf("make address: %w", err)
	}
	response, err := get(ctx, client, address)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w answers with status %d", errPage, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSummaryBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxSummaryBytes {
		return nil, fmt.Errorf("%w is larger than %d MiB", errPage, maxSummaryBytes>>20)
	}
	return body, nil
}

// sameHost follows a redirect on the page's own host only: elsewhere it may be
// a parking page, a login page, or something inside our own network.
func sameHost(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return fmt.Errorf("%w redirects to another host, %s", errPage, next.URL.Host)
	}
	if len(before) > maxPageRedirects {
		return fmt.Errorf("%w redirects more than %d times", errPage, maxPageRedirects)
	}
	return nil
}

func (t Target) unreadable(ctx context.Context, err error) Result {
	if errors.Is(err, errPage) {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return unknown("%v", err)
	}
	result := t.webBroke(ctx, err)
	return unknown("the status page cannot be read: %s", result.Reason)
}
