package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/spinware/piket/probes/statuspage"
)

const (
	maxPageParts = 20   // documents of one page
	maxPagesKept = 1000 // documents that are remembered
)

// StatusPages reads status pages and remembers, for each, where it was found
// and its last answer, so that a page is not asked for seven documents a
// minute, nor for one that has not changed. It may be used by several
// goroutines. Make one with [NewStatusPages].
type StatusPages struct {
	mu    sync.Mutex
	found map[statuspage.Endpoint]statuspage.Endpoint // where the inventory says → where it is
	kept  map[statuspage.Endpoint]keptPage
}

// keptPage is a document with what its server calls this version of it.
type keptPage struct {
	page           statuspage.Page
	etag, modified string
}

// NewStatusPages returns a reader that has seen nothing yet.
func NewStatusPages() *StatusPages {
	return &StatusPages{found: map[statuspage.Endpoint]statuspage.Endpoint{}, kept: map[statuspage.Endpoint]keptPage{}}
}

var (
	// errPage marks what this package itself finds wrong with a page; anything
	// else is the network's error.
	errPage = errors.New("the status page")
	// errAbsent: there is no such document, and another may be tried.
	errAbsent = fmt.Errorf("%w", errPage)
)

// read finds the page and reads all its documents.
func (s *StatusPages) read(ctx context.Context, client *http.Client, t Target) (statuspage.Page, string, error) {
	asked := statuspage.Endpoint{URL: t.URL, Format: t.Format}
	places, err := s.places(asked)
	if err != nil {
		return statuspage.Page{}, "", fmt.Errorf("%w: %w", errPage, err)
	}
	for _, place := range places {
		var page statuspage.Page
		page, err = s.document(ctx, client, place)
		if errors.Is(err, errAbsent) || errors.Is(err, statuspage.ErrFormat) {
			continue
		}
		if err == nil {
			page, err = s.rest(ctx, client, t, page)
		}
		if err == nil {
			s.remember(asked, place)
		}
		return page, place.URL, err
	}
	s.forget(asked)
	return statuspage.Page{}, "", err
}

// places lists where to look: where the page was found before, otherwise
// wherever it may be.
func (s *StatusPages) places(asked statuspage.Endpoint) ([]statuspage.Endpoint, error) {
	s.mu.Lock()
	place, ok := s.found[asked]
	s.mu.Unlock()
	if ok {
		return []statuspage.Endpoint{place}, nil
	}
	return statuspage.Endpoints(asked.Format, asked.URL)
}

// remember is bounded by forgetting everything, once in a thousand pages.
func (s *StatusPages) remember(asked, place statuspage.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.found) >= maxPagesKept {
		clear(s.found)
	}
	s.found[asked] = place
}

// forget lets the next look search again: the provider may have moved to
// another publisher.
func (s *StatusPages) forget(asked statuspage.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.found, asked)
}

// rest reads the other documents of a page, and the parts of a long list.
func (s *StatusPages) rest(ctx context.Context, client *http.Client, t Target, page statuspage.Page) (statuspage.Page, error) {
	waiting := statuspage.Also(page.Format, t.URL)
	for read := 1; page.Next != "" || len(waiting) > 0; read++ {
		if read == maxPageParts {
			return page, fmt.Errorf("%w has more than %d parts", errPage, maxPageParts)
		}
		next := page.Next
		if next == "" {
			next, waiting = waiting[0], waiting[1:]
		} else if err := sameHost(next, t.URL); err != nil {
			return page, err
		}
		more, err := s.document(ctx, client, statuspage.Endpoint{URL: next, Format: page.Format})
		if err != nil && !errors.Is(err, errAbsent) {
			return page, err
		}
		page = page.With(more)
	}
	return page, nil
}

// document reads one document, unless it is the one that is known already.
func (s *StatusPages) document(ctx context.Context, client *http.Client, place statuspage.Endpoint) (statuspage.Page, error) {
	s.mu.Lock()
	before := s.kept[place]
	s.mu.Unlock()
	response, err := getUnlessSame(ctx, client, place.URL, before)
	if err != nil {
		return statuspage.Page{}, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified && before.page.Format != "" {
		before.page.At = time.Now()
		return before.page, nil
	}
	body, err := pageBody(response)
	if err != nil {
		return statuspage.Page{}, err
	}
	page, err := statuspage.Parse(place.Format, body, response.Header.Get("Content-Type"), time.Now())
	if err == nil {
		s.keep(place, keptPage{page, response.Header.Get("ETag"), response.Header.Get("Last-Modified")})
	}
	return page, err
}

func (s *StatusPages) keep(place statuspage.Endpoint, k keptPage) {
	if k.etag == "" && k.modified == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) >= maxPagesKept {
		clear(s.kept)
	}
	s.kept[place] = k
}

func getUnlessSame(ctx context.Context, client *http.Client, address string, before keptPage) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", "piket")
	request.Header.Set("Accept", "application/json, application/atom+xml, application/rss+xml, text/calendar, text/html;q=0.5, */*;q=0.1")
	request.Header.Set("Accept-Encoding", "identity")
	if before.etag != "" {
		request.Header.Set("If-None-Match", before.etag)
	} else if before.modified != "" {
		request.Header.Set("If-Modified-Since", before.modified)
	}
	request.Close = true
	return client.Do(request)
}

// pageBody reads the body of a good answer. A status of 4xx says that there is
// no such document, except for those that mean "later".
func pageBody(response *http.Response) ([]byte, error) {
	code := response.StatusCode
	switch {
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code == http.StatusTooEarly:
		return nil, fmt.Errorf("%w answers with status %d", errPage, code)
	case code >= 400 && code < 500:
		return nil, fmt.Errorf("%w answers with status %d", errAbsent, code)
	case code != http.StatusOK:
		return nil, fmt.Errorf("%w answers with status %d", errPage, code)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, statuspage.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return body, nil // one byte too many is for Parse to refuse
}

func (t Target) unreadable(ctx context.Context, err error) Result {
	if u, ok := errors.AsType[*url.Error](err); ok && errors.Is(err, errPage) {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && errors.Is(err, errPage) {
		err = op.Err
	}
	for _, ours := range []error{errPage, statuspage.ErrFormat, statuspage.ErrBroken} {
		if errors.Is(err, ours) {
			return unknown("%v", err)
		}
	}
	result := t.webBroke(ctx, err)
	return unknown("the status page cannot be read: %s", result.Reason)
}
