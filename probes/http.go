package probes

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

const (
	maxPageBytes = 1 << 20 // how much of a page is searched for text
	maxRedirects = 5       // followed, of one probe
)

// HTTP gets t.URL. Up is one of t.Status (2xx without one) and, if they are
// given, t.Expect and t.ExpectRegex within the first MiB of the body. Another
// status is Down, except for two that say nothing of the page: 429, and a
// redirect that is not followed because t.Redirects is not set or because it
// leads to another host. A certificate that has expired or is not trusted is
// Unknown: something answers, and nobody was asked for the page. One that soon
// expires is Up, and the reason says so. Its facts are the status and, for
// https, cert_days.
func HTTP(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	client, err := t.client(t.redirect)
	if err != nil {
		return unknown("%v", err)
	}
	began := time.Now()
	response, err := get(ctx, client, t.URL)
	if err != nil {
		result := t.webBroke(ctx, err)
		result.note("asked for %s", t.URL)
		return result
	}
	defer response.Body.Close()
	return t.judgeResponse(ctx, response, time.Since(began))
}

// redirect follows to the same host only: elsewhere is another target, and may
// be inside our own network. What is not followed is judged as it is.
func (t Target) redirect(next *http.Request, before []*http.Request) error {
	if !t.Redirects || len(before) > maxRedirects || !sameSite(next.URL, before[0].URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// sameSite lets a page send to its encrypted self, and nowhere else.
func sameSite(next, first *url.URL) bool {
	if next.Hostname() != first.Hostname() || next.User != nil {
		return false
	}
	same := next.Scheme == first.Scheme && next.Port() == first.Port()
	return same || (next.Scheme == "https" && first.Scheme == "http" && next.Port() == "" && first.Port() == "")
}

func (t Target) judgeResponse(ctx context.Context, response *http.Response, took time.Duration) Result {
	result := t.judgeStatus(response, took)
	if result.State == Up && (t.Expect != "" || t.ExpectRegex != "") {
		result = t.judgePage(ctx, response, result)
	}
	result.Facts = map[string]any{"status": response.StatusCode}
	asked := response.Request.URL // the last, if redirects were followed
	result.note("GET %s: %s %s", asked, response.Proto, response.Status)
	if server := response.Header.Get("Server"); server != "" {
		result.note("the server calls itself %s", server)
	}
	if response.TLS != nil {
		t.judgeExpiry(&result, *response.TLS)
	}
	return result
}

func (t Target) judgeStatus(response *http.Response, took time.Duration) Result {
	code, leads := response.StatusCode, response.Header.Get("Location")
	switch {
	case slices.Contains(t.Status, code), len(t.Status) == 0 && code >= 200 && code < 300:
		return up("status %d in %s", code, millis(took))
	case len(t.Status) > 0:
		return down("status %d %s, want %s", code, http.StatusText(code), anyOf(t.Status))
	case code >= 300 && code < 400 && leads != "" && t.Redirects:
		return unknown("status %d redirects to %q, which is another host or one redirect too many", code, clause(leads))
	case code >= 300 && code < 400 && leads != "":
		return unknown("status %d redirects to %q, which is not followed; the inventory should name the page itself", code, clause(leads))
	case code == http.StatusTooManyRequests:
		return unknown("status 429: the target limits how often piket may ask")
	}
	return down("status %d %s", code, http.StatusText(code))
}

// anyOf writes "200" or "200 or 204".
func anyOf(codes []int) string {
	text := fmt.Sprint(codes[0])
	for _, code := range codes[1:] {
		text += fmt.Sprintf(" or %d", code)
	}
	return text
}

// judgePage turns an Up of the status into a Down when what must be on the page
// is not there. A page that comes packed is not unpacked, since a small one may
// unfold into any size, and nothing in it can be told.
func (t Target) judgePage(ctx context.Context, response *http.Response, well Result) Result {
	if packing := response.Header.Get("Content-Encoding"); packing != "" && packing != "identity" {
		return unknown("the page comes packed (%s), though piket asks for it as it is", clause(packing))
	}
	pattern, err := regexp.Compile(t.ExpectRegex)
	if err != nil {
		return unknown("expect_regex in the inventory: %v", err)
	}
	page, err := io.ReadAll(io.LimitReader(response.Body, maxPageBytes))
	var missing string
	switch {
	case !bytes.Contains(page, []byte(t.Expect)):
		missing = fmt.Sprintf("the text %q", t.Expect)
	case !pattern.Match(page):
		missing = fmt.Sprintf("anything that matches %q", t.ExpectRegex)
	default:
		return well
	}
	result := t.lacks(ctx, missing, len(page), err)
	result.note("the page begins %q", clause(string(page[:min(len(page), maxClause)])))
	return result
}

func (t Target) lacks(ctx context.Context, missing string, read int, err error) Result {
	switch {
	case err != nil:
		return t.broke(ctx, err)
	case read == maxPageBytes:
		return down("the first %d KiB of the page lack %s", maxPageBytes>>10, missing)
	}
	return down("the page lacks %s", missing)
}
