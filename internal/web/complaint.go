package web

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
)

// complaint is an error as a person reads it: what, and what to do now.
type complaint struct {
	status int
	what   string
	hint   string
}

func (c complaint) Error() string { return c.what }

// answers lists how each error that people can cause is answered. The first
// that fits is used.
var answers = []struct {
	err    error
	status int
	hint   string
}{
	{store.ErrNotFound, http.StatusNotFound, "look at the board for its number"},
	{desk.ErrRole, http.StatusForbidden, "ask somebody on duty to do it"},
	{remediation.ErrNotAllowed, http.StatusForbidden, "the question names who may answer it; ask one of them"},
	{desk.ErrDrill, http.StatusUnprocessableEntity, "name a server of the inventory and one of the stories"},
	{desk.ErrIncomplete, http.StatusUnprocessableEntity, "fill in what is missing and send it again"},
	{desk.ErrTaken, http.StatusConflict, "take another call, or this one when their time is over"},
	{desk.ErrEnough, http.StatusConflict, "telephone instead"},
	{freeze.ErrOther, http.StatusConflict, "read why it is frozen now, and thaw that"},
	{desk.ErrOutrun, http.StatusConflict, "go back, copy what you wrote, read the newer version, and write yours on it"},
	{desk.ErrNotNow, http.StatusConflict, "look at the incident again: it has moved on"},
	{remediation.ErrRequester, http.StatusForbidden, "you may still say no; a yes must come from two others who may answer"},
	{remediation.ErrAlready, http.StatusConflict, "ask another of those who may answer; the question names them"},
	{remediation.ErrNothingAsked, http.StatusConflict, "nothing was done with your answer; look at what the incident asks now"},
	{remediation.ErrOtherPlan, http.StatusConflict, "nothing was done with your answer; read the new question before answering"},
	{remediation.ErrExpired, http.StatusConflict, "nothing was done with your answer; the incident goes on as the question said"},
	{store.ErrConflict, http.StatusServiceUnavailable, "much is written to this incident right now; try again"},
}

// fail answers with an error. What nobody foresaw is our own trouble: it is
// logged, and the person is told that nothing was promised.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	var c complaint
	if errors.As(err, &c) {
		a.complain(w, r, c)
		return
	}
	for _, known := range answers {
		if errors.Is(err, known.err) {
			a.complain(w, r, complaint{known.status, err.Error(), known.hint})
			return
		}
	}
	if r.Context().Err() == nil {
		a.Log.Error("request failed", "request", r.Pattern, "err", err)
	}
	a.complain(w, r, complaint{http.StatusServiceUnavailable, err.Error(), "nothing was written down; try again, and look at piket's log"})
}

// complain writes a complaint in the form that the asker reads.
func (a *app) complain(w http.ResponseWriter, r *http.Request, c complaint) {
	if forProgram(r) {
		writeJSON(w, c.status, map[string]string{"error": c.what, "hint": c.hint})
		return
	}
	person, _ := a.whoAsks(r)
	a.render(w, c.status, "problem.html", problemView{
		frame: a.frame(r, "That did not work", person), What: c.what, Hint: c.hint, Back: back(r),
	})
}

// problemView is the page that shows a complaint.
type problemView struct {
	frame
	What, Hint string
	Back       link
}

// back says where a person can go on: at the incident that the request was
// about, or at the board.
func back(r *http.Request) link {
	if id := r.PathValue("id"); id != "" && r.Method == http.MethodPost {
		return link{Path: "/incidents/" + id, Title: "Back to " + id}
	}
	return link{Path: "/", Title: "To the board"}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// The status has gone out; a broken connection is the reader's own news.
	_ = json.NewEncoder(w).Encode(v)
}
