package telephone_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/telephone"
)

const (
	twilioAccount = "AC00000000000000000000000000000000"
	twilioToken   = "token-of-twilio-1c0d"
)

// twilioPlay is Twilio, as its documentation says: it takes a call, fetches what
// to do after a key, and tells how the call ended.
type twilioPlay struct {
	t      *testing.T
	token  string
	keys   []string // that the person presses, one at each gather; "" for none
	status string   // how it ends
	by     string   // who answered
	code   int      // of the answer to the order, 201 when 0

	mu     sync.Mutex
	orders []url.Values
	said   []string
	ended  chan struct{}
}

// markup is what a call is told to do.
type markup struct {
	Say    []string `xml:"Say"`
	Gather *struct {
		Action string `xml:"action,attr"`
		Say    string `xml:"Say"`
	} `xml:"Gather"`
	Redirect string    `xml:"Redirect"`
	Hangup   *struct{} `xml:"Hangup"`
}

func (p *twilioPlay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != twilioAccount || password != twilioToken || r.ParseForm() != nil {
		http.Error(w, `{"message":"Authenticate"}`, http.StatusUnauthorized)
		return
	}
	switch base := "/2010-04-01/Accounts/" + twilioAccount; {
	case r.Method == http.MethodPost && r.URL.Path == base+"/Calls.json":
		p.mu.Lock()
		p.orders = append(p.orders, r.PostForm)
		p.mu.Unlock()
		if p.code != 0 {
			w.WriteHeader(p.code)
			io.WriteString(w, `{"code":21211,"message":"The 'To' number is not a valid phone number."}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"sid":"CA1","status":"queued"}`)
		go p.play(r.PostForm)
	case r.URL.Path == base+".json":
		io.WriteString(w, `{"status":"active"}`)
	default:
		io.WriteString(w, `{"sid":"CA1","status":"in-progress"}`)
	}
}

func (p *twilioPlay) play(order url.Values) {
	defer close(p.ended)
	if p.status == "completed" {
		p.talk(order.Get("Twiml"))
	}
	p.post(order.Get("StatusCallback"), url.Values{"CallStatus": {p.status}, "AnsweredBy": {p.by}})
}

// talk follows the markup to its end.
func (p *twilioPlay) talk(text string) {
	for n := 0; text != ""; {
		var m markup
		if err := xml.Unmarshal([]byte(text), &m); err != nil {
			p.t.Errorf("told %q: %v", text, err)
			return
		}
		p.mu.Lock()
		p.said = append(p.said, m.Say...)
		p.mu.Unlock()
		switch {
		case m.Gather == nil:
			return
		case n < len(p.keys) && p.keys[n] != "":
			text = p.post(m.Gather.Action, url.Values{"Digits": {p.keys[n]}})
		default:
			text = p.post(m.Redirect, url.Values{})
		}
		n++
	}
}

func (p *twilioPlay) post(address string, form url.Values) string {
	form.Set("AccountSid", twilioAccount)
	form.Set("CallSid", "CA1")
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Error(err)
		return ""
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Twilio-Signature", sign(p.token, address, form))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

func sign(token, address string, form url.Values) string {
	text := address
	for _, name := range slices.Sorted(maps.Keys(form)) {
		text += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// The example of Twilio's page on the security of its requests.
func TestTheSignatureIsTwilios(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	const address, want = "https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="
	if got := sign("12345", address, form); got != want {
		t.Fatalf("the test signs %s, Twilio %s", got, want)
	}
	if !telephone.SignedByTwilio("12345", address, form, want) || telephone.SignedByTwilio("12345", address, form, strings.ToLower(want)) ||
		telephone.SignedByTwilio("12346", address, form, want) || telephone.SignedByTwilio("12345", address, form, "") {
		t.Error("it is not read as Twilio writes it")
	}
}

// byTwilio is a telephone that calls by a play, with its page on loopback.
func byTwilio(t *testing.T, b *bureau, play *twilioPlay) (phone *telephone.Telephone, page string) {
	t.Helper()
	play.t, play.ended = t, make(chan struct{})
	if play.token == "" {
		play.token = twilioToken
	}
	api := httptest.NewServer(play)
	t.Cleanup(api.Close)
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(twilioToken), 0o600); err != nil {
		t.Fatal(err)
	}
	config := telephone.Default()
	config.Customers, config.Caller = true, "+31200000100"
	config.Twilio = telephone.TwilioConfig{Account: twilioAccount, Token: secret.Ref{File: path}, URL: api.URL}
	phone = b.phone(nil)
	mux := http.NewServeMux()
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	phone.Config, phone.External = func() telephone.Config { return config }, func() string { return site.URL }
	phone.Alone = func() bool { return false }
	phone.Line = func(c telephone.Config) telephone.Line {
		return telephone.NewLine(c, b.clk, slog.New(slog.DiscardHandler), site.URL, phone.Links)
	}
	mux.HandleFunc("POST "+telephone.TwilioPath, phone.ServeTwilio)
	return phone, site.URL
}

func TestACallByTwilio(t *testing.T) {
	for name, c := range map[string]struct {
		play        *twilioPlay
		outcome     incident.RingOutcome
		owner, said string
		key         string
		heard       bool
	}{
		"key 1":                {&twilioPlay{status: "completed", by: "human", keys: []string{"1"}}, "answered", "noor", "The incident is yours", "1", true},
		"key 2, then 3":        {&twilioPlay{status: "completed", by: "human", keys: []string{"2", "3"}}, "answered", "", "next person", "3", true},
		"no key":               {&twilioPlay{status: "completed", by: "human"}, "answered", "", "", "", true},
		"a voicemail":          {&twilioPlay{status: "completed", by: "machine_start"}, "voicemail", "", "", "", true},
		"busy":                 {&twilioPlay{status: "busy"}, "busy", "", "", "", false},
		"no answer":            {&twilioPlay{status: "no-answer"}, "no_answer", "", "", "", false},
		"a number that is not": {&twilioPlay{status: "failed"}, "refused", "", "", "", false},
		"refused by Twilio":    {&twilioPlay{code: 400}, "failed", "", "", "", false},
		"forged":               {&twilioPlay{status: "completed", by: "human", keys: []string{"1"}, token: "another"}, "", "", "", "", false},
		"answered by an error": {&twilioPlay{code: 500}, "", "", "", "", false}, // it may be ringing
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, play := newBureau(t, pressing("noor")...), c.play
			phone, _ := byTwilio(t, b, play)
			ctx, stop := context.WithCancel(t.Context())
			if _, err := phone.Visit(ctx, b.id); err != nil {
				t.Fatal(err)
			}
			if play.code == 0 {
				<-play.ended
				stop() // Twilio goes on without us, and tells the page
			}
			ended, end := context.WithCancel(context.Background())
			end()
			phone.Run(ended)
			stop()
			inc := b.incident()
			r := inc.Rings[0]
			if r.Outcome != c.outcome || inc.Owner != c.owner || r.Key != c.key || r.Heard != c.heard || !strings.Contains(strings.Join(play.said, " "), c.said) {
				t.Errorf("the call is %+v, %q has it, and it was said %q", r, inc.Owner, play.said)
			}
			if len(play.orders) != 1 || play.orders[0].Get("To") != "+31200000101" || play.orders[0].Get("From") != "+31200000100" || play.orders[0].Get("Timeout") != "30" {
				t.Errorf("it was ordered %v", play.orders)
			}
		})
	}
}

func TestNobodyButTwilioIsHeardAndOnlyAboutACallThatIsOn(t *testing.T) {
	b := newBureau(t, pressing("noor")...)
	b.add(incident.Ringing{Ring: "R5", Person: "noor", Topics: []string{"open"}, Until: time.Now().Add(time.Hour)})
	phone, page := byTwilio(t, b, &twilioPlay{})
	link := func(purpose, id, ring string, expires time.Time) string {
		path := fmt.Sprintf("/%s/%s/%s/%d", purpose, id, ring, expires.Unix())
		return page + "/telephone" + phone.Links.Sign(path)
	}
	soon := time.Now().Add(time.Hour)
	good := link("twilio-key", b.id, "R5", soon)
	form := url.Values{"AccountSid": {twilioAccount}, "Digits": {"1"}}
	for name, c := range map[string]struct {
		address string
		form    url.Values
		token   string
	}{
		"without the token":         {good, form, "another"},
		"for another call":          {link("twilio-key", b.id, "R6", soon), form, twilioToken},
		"for another incident":      {link("twilio-key", "INC-2026-9999", "R5", soon), form, twilioToken},
		"too late":                  {link("twilio-key", b.id, "R5", time.Now().Add(-time.Second)), form, twilioToken},
		"with a customer's link":    {link("confirm", b.id, "R5", soon), form, twilioToken},
		"with another link's token": {strings.Replace(good, "/R5/", "/R4/", 1), form, twilioToken},
		"of another account":        {good, url.Values{"AccountSid": {"AC1"}, "Digits": {"1"}}, twilioToken},
		"with a query":              {good + "?Digits=1", form, twilioToken},
	} {
		request, _ := http.NewRequest(http.MethodPost, c.address, strings.NewReader(c.form.Encode()))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("X-Twilio-Signature", sign(c.token, c.address, c.form))
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if name == "with a customer's link" { // it names nothing that is done
			if inc := b.incident(); inc.Owner != "" {
				t.Errorf("%s: %s has it", name, inc.Owner)
			}
			continue
		}
		if answer.StatusCode != http.StatusNotFound || b.incident().Owner != "" {
			t.Errorf("%s: %s, %q has it", name, answer.Status, b.incident().Owner)
		}
	}
	play := &twilioPlay{t: t, token: twilioToken}
	if play.post(good, form); b.incident().Owner != "noor" {
		t.Error("and a good one is not heard")
	}
}
