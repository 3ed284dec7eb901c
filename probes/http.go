package probes

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// maxPageBytes bounds how much of a page is searched for text.
const maxPageBytes = 1 << 20

// HTTP gets t.URL. Up is a status of 2xx and, if t.Expect is given, that text
// within the first MiB of the body. A redirect is not followed and not Up:
// where it leads is another target. Its fact is the status.
func HTTP(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	client, err := t.client(func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse })
	if err != nil {
		return unknown("%v", err)
	}
	began := time.Now()
	response, err := get(ctx, client, t.URL)
	if err != nil {
		return t.webBroke(ctx, err)
	}
	defer response.Body.Close()
	result := judgeStatus(response, time.Since(began))
	if result.State == Up && t.Expect != "" {
		result = t.judgePage(ctx, response.Body, result)
	}
	result.Facts = map[string]any{"status": response.StatusCode}
	return result
}

func judgeStatus(response *http.Response, took time.Duration) Result {
	code := response.StatusCode
	switch {
	case code >= 200 && code < 300:
		return up("status %d in %s", code, millis(took))
	case code >= 300 && code < 400:
		return down("status %d redirects to %q; the inventory should name the page itself", code, response.Header.Get("Location"))
	case code == http.StatusTooManyRequests:
		return unknown("status 429: the target limits how often piket may ask")
	default:
		return down("status %d %s", code, http.StatusText(code))
	}
}

// judgePage turns an Up of the status into a Down when the text is not there.
func (t Target) judgePage(ctx context.Context, body io.Reader, well Result) Result {
	page, err := io.ReadAll(io.LimitReader(body, maxPageBytes))
	if bytes.Contains(page, []byte(t.Expect)) {
		return well
	}
	if err != nil {
		return t.broke(ctx, err)
	}
	if len(page) == maxPageBytes {
		return down("the first %d KiB of the page lack the text %q", maxPageBytes>>10, t.Expect)
	}
	return down("the page lacks the text %q", t.Expect)
}
