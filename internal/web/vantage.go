package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spinware/piket/internal/vantage"
)

// vantageTargets hands out the list of what there is to look at. It is always
// compressed: nobody but vantages asks for it.
func (a *app) vantageTargets(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.vantage(w, r, http.MethodGet); !ok {
		return
	}
	list := a.Vantages.Targets()
	h := w.Header()
	h.Set("ETag", `"`+list.Version+`"`)
	if r.Header.Get("If-None-Match") == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Encoding", "gzip")
	_, _ = w.Write(list.Gzip) // a broken connection is the reader's own news
}

// maxReportTime bounds how long the body of a report may take to arrive: what
// trickles in is old when it is there.
const maxReportTime = 5 * time.Second

// vantageReport takes what a vantage sees. A report that is refused with 4xx is
// wrong in itself; the next one may be right.
func (a *app) vantageReport(w http.ResponseWriter, r *http.Request) {
	name, ok := a.vantage(w, r, http.MethodPost)
	if !ok {
		return
	}
	// Where the connection knows no deadline, the sender's own bound has to do.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxReportTime))
	report, err := readReport(w, r)
	if err != nil {
		a.Log.Warn("report of a vantage refused", "vantage", name, "err", err)
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, a.Vantages.Receive(name, report))
}

// readReport decodes the body. Its errors are complaints.
func readReport(w http.ResponseWriter, r *http.Request) (vantage.Report, error) {
	report, err := vantage.ReadReport(http.MaxBytesReader(w, r.Body, vantage.MaxReportBytes), r.Header.Get("Content-Encoding"))
	var tooMany *http.MaxBytesError
	switch {
	case errors.Is(err, vantage.ErrTooLarge), errors.As(err, &tooMany):
		return report, complaint{http.StatusRequestEntityTooLarge, fmt.Sprintf("the report is larger than %d MiB", vantage.MaxReportBytes>>20),
			"a vantage cuts its reports off by itself; is it one of this version?"}
	case errors.Is(err, vantage.ErrEncoding):
		return report, complaint{http.StatusUnsupportedMediaType, err.Error(), "send the report as it is, or compressed by gzip"}
	case err != nil:
		return report, complaint{http.StatusBadRequest, err.Error(), "let piket vantage report, in the version of this piket"}
	}
	return report, nil
}

// vantage knows the sender by its name and token. To who is not known it does
// not say which of the two was wrong.
func (a *app) vantage(w http.ResponseWriter, r *http.Request, method string) (name string, ok bool) {
	if r.Method != method {
		w.Header().Set("Allow", method)
		a.complain(w, r, complaint{http.StatusMethodNotAllowed, r.Method + " is not possible here", "use " + method})
		return "", false
	}
	token, sent := bearer(r)
	name = r.Header.Get(vantage.NameHeader)
	if !sent || name == "" || a.Vantages == nil {
		return "", a.strangeVantage(w, r)
	}
	ref, known := a.Vantages.Token(name)
	if !known {
		return "", a.strangeVantage(w, r)
	}
	want, err := ref.Read()
	if err != nil {
		// Who asks is not known yet, and is not told where our secrets lie.
		a.Log.Error("cannot read the token of a vantage", "vantage", name, "err", err)
		a.complain(w, r, complaint{http.StatusServiceUnavailable, "the sender cannot be judged right now", "look at piket's log, and send it again"})
		return "", false
	}
	if !sameSecret(token, want.Reveal()) {
		return "", a.strangeVantage(w, r)
	}
	return name, true
}

// strangeVantage turns away; it returns false, for its callers to pass on.
func (a *app) strangeVantage(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("WWW-Authenticate", `Bearer realm="piket"`)
	a.complain(w, r, complaint{http.StatusUnauthorized, "no vantage has this name and token",
		"compare name and token_file of the vantage with vantages: in piket's configuration"})
	return false
}
