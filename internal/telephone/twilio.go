package telephone

import (
	"context"
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

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/oneline"
	"github.com/spinware/piket/internal/signed"
)

// twilio makes calls by Twilio's API, version 2010-04-01. Twilio speaks the text
// itself and tells us of each key by a request to our page.
//
// It is plain HTTP and not Twilio's library: that is three requests, and the
// library would bring the whole of Twilio's products and repeat a request by
// itself, where a call must be made once.
type twilio struct {
	config   Config
	clk      *clock.Clock
	external string // of our page, without a slash at the end
	links    signed.Key
}

const (
	twilioTime  = 15 * time.Second // for one request
	twilioEvery = 10 * time.Second // from one look at a call to the next
	maxAnswer   = 1 << 20
)

// twilioCall is what is read of Twilio's answer about a call.
type twilioCall struct {
	SID        string `json:"sid"`
	Status     string `json:"status"`
	AnsweredBy string `json:"answered_by"`
	Message    string `json:"message"` // of an error
}

// Call makes one call. Where the answer to the one request that makes it is lost,
// the outcome is left to what Twilio tells our page.
func (w *twilio) Call(ctx context.Context, c Call) Result {
	made, code, err := w.ask(ctx, http.MethodPost, "/Calls.json", w.order(c))
	var op *net.OpError
	switch {
	case err != nil && (errors.As(err, &op) && op.Op == "dial" || errors.Is(err, errToken)):
		return Result{Outcome: incident.RingFailed, Detail: oneline.Of(err.Error(), maxDetail)}
	case err == nil && code/100 == 4:
		return Result{Outcome: incident.RingFailed, Code: strconv.Itoa(code), Detail: oneline.Of("Twilio refuses the call: "+made.Message, maxDetail)}
	case err != nil || code/100 != 2 || made.SID == "":
		return Result{Detail: fmt.Sprintf("it is not known whether Twilio makes the call (%d, %v)", code, err)}
	}
	return w.watch(ctx, c, made.SID)
}

// watch looks at a call until it is over.
func (w *twilio) watch(ctx context.Context, c Call, sid string) Result {
	for w.clk.Now().Before(c.Until) {
		w.clk.Wait(ctx, w.clk.Now().Add(twilioEvery), nil)
		if ctx.Err() != nil {
			break // the call goes on, and its end is told to our page
		}
		seen, code, err := w.ask(ctx, http.MethodGet, "/Calls/"+url.PathEscape(sid)+".json", nil)
		if err != nil || code != http.StatusOK {
			continue
		}
		if result := twilioResult(seen.Status, seen.AnsweredBy); result.Outcome != "" {
			return result
		}
	}
	return Result{}
}

// twilioResult says what a status of Twilio's means; no outcome while the call
// goes on.
func twilioResult(status, answeredBy string) Result {
	switch status {
	case "completed":
		if strings.HasPrefix(answeredBy, "machine") || answeredBy == "fax" {
			return Result{Outcome: incident.RingVoicemail, Detail: answeredBy, Code: status}
		}
		return Result{Outcome: incident.RingAnswered, Detail: answeredBy, Code: status}
	case "busy":
		return Result{Outcome: incident.RingBusy, Code: status}
	case "no-answer":
		return Result{Outcome: incident.RingNoAnswer, Code: status}
	case "failed": // the number is most likely wrong
		return Result{Outcome: incident.RingRefused, Detail: "Twilio could not reach the number", Code: status}
	case "canceled":
		return Result{Outcome: incident.RingFailed, Detail: "canceled at Twilio", Code: status}
	}
	return Result{}
}

// order is the request for a call. A call that belongs to no incident is a test:
// no key can be taken and nobody is told.
func (w *twilio) order(c Call) url.Values {
	v := url.Values{
		"To": {c.Number}, "From": {w.config.Caller}, "Timeout": {seconds(c.RingFor)}, "TimeLimit": {seconds(maxTalk)},
	}
	if c.Incident == "" {
		v.Set("Twiml", twiml{Say: spoken(c.Language, c.Script), Hangup: &struct{}{}}.String())
		return v
	}
	v.Set("Twiml", w.script(c).String())
	v.Set("MachineDetection", "Enable")
	v.Set("StatusCallback", w.callback("status", c.Incident, c.Ring, c.Until))
	v.Set("StatusCallbackEvent", "completed")
	return v
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

// script says a text and waits for a key; without one it goes to "end".
func (w *twilio) script(c Call) twiml {
	return twiml{
		Pause:    &pause{1},
		Gather:   &gather{Input: "dtmf", Digits: 1, Timeout: int(keyWait.Seconds()), Action: w.callback("key", c.Incident, c.Ring, c.Until), Method: http.MethodPost, Say: *spoken(c.Language, c.Script+" "+c.Keys)},
		Redirect: &redirect{http.MethodPost, w.callback("end", c.Incident, c.Ring, c.Until)},
	}
}

// callback is the signed address of our page for one purpose of one call.
func (w *twilio) callback(what, id, ring string, until time.Time) string {
	link := signed.Link{Purpose: twilioPurpose(what), Incident: id, Party: ring, Expires: until.Truncate(time.Second)}
	return w.external + "/telephone" + w.links.Sign(link.Path())
}

// twilioPurpose begins with a word of its own, so that no link of this kind is one
// of another.
func twilioPurpose(what string) string { return "twilio-" + what }

// Check says why no call could be made now.
func (w *twilio) Check(ctx context.Context) error {
	if w.external == "" {
		return errors.New("keys cannot be told by Twilio: web.external_url is not given")
	}
	_, code, err := w.ask(ctx, http.MethodGet, ".json", nil)
	switch {
	case err != nil:
		return fmt.Errorf("ask Twilio: %w", err)
	case code != http.StatusOK:
		return fmt.Errorf("ask Twilio: it answers %d", code)
	}
	return nil
}

var errToken = errors.New("auth token of Twilio")

// ask sends one request below the account's address, once.
func (w *twilio) ask(ctx context.Context, method, path string, form url.Values) (answer twilioCall, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, twilioTime)
	defer cancel()
	token, err := w.config.Twilio.Token.Read()
	if err != nil {
		return answer, 0, fmt.Errorf("%w: %w", errToken, err)
	}
	address := w.config.Twilio.URL + "/2010-04-01/Accounts/" + url.PathEscape(w.config.Twilio.Account) + path
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return answer, 0, err
	}
	request.GetBody = nil // or the transport would send it again when a connection breaks
	request.SetBasicAuth(w.config.Twilio.Account, token.Reveal())
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return answer, 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer, response.StatusCode, err
	}
	_ = json.Unmarshal(body, &answer) // what is no JSON has no number of a call, which is looked for
	return answer, response.StatusCode, nil
}
