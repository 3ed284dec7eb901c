package telephone

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
)

// TwilioPath is the pattern below which Twilio's requests arrive.
const TwilioPath = "/telephone/{purpose}/{incident}/{party}/{expires}/{token}"

// ServeTwilio answers what Twilio asks and tells while a call goes on. Any
// replica can: everything that is needed stands on the timeline. A request must
// bear Twilio's signature and our own link's; of one that does not nothing is
// said.
func (t *Telephone) ServeTwilio(w http.ResponseWriter, r *http.Request) {
	config := t.Config()
	token, err := config.Twilio.Token.Read()
	if config.Twilio.Account == "" || err != nil || token.Reveal() == "" || r.ParseForm() != nil || r.URL.RawQuery != "" ||
		!signedByTwilio(token.Reveal(), t.External()+r.URL.EscapedPath(), r.PostForm, r.Header.Get("X-Twilio-Signature")) {
		http.NotFound(w, r)
		return
	}
	purpose := r.PathValue("purpose")
	link, err := t.Links.Read(purpose, r.PathValue("incident"), r.PathValue("party"), r.PathValue("expires"), r.PathValue("token"), t.Clock.Now())
	if err != nil || r.PostForm.Get("AccountSid") != config.Twilio.Account {
		http.NotFound(w, r)
		return
	}
	inc, err := t.Store.Load(r.Context(), link.Incident)
	if err != nil || inc.Ring(link.Party) == nil {
		http.NotFound(w, r)
		return
	}
	line := &twilio{config: config, clk: t.Clock, external: t.External(), links: t.Links}
	answer := t.twilioAnswer(r, line, inc, inc.Ring(link.Party))
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(w, answer.String()) // whoever asked has gone
}

// twilioAnswer is what Twilio carries out next.
func (t *Telephone) twilioAnswer(r *http.Request, line *twilio, inc *incident.Incident, ring *incident.Ring) twiml {
	bye := twiml{Hangup: &struct{}{}}
	again := line.script(Call{
		Incident: inc.ID, Ring: ring.Ringing.Ring, Language: ring.Language, Script: ring.Script, Keys: keysFor(ring.Person != "", ring.Language), Until: ring.Until,
	})
	switch r.PathValue("purpose") {
	case twilioPurpose("key"):
		answer := t.Press(r.Context(), inc.ID, ring.Ringing.Ring, r.PostForm.Get("Digits"))
		switch {
		case answer.Over:
			bye.Say = spoken(ring.Language, answer.Say)
			return bye
		case answer.Say != "":
			again.Say = spoken(ring.Language, answer.Say)
		}
		return again
	case twilioPurpose("end"):
		if ring.Heard || strings.HasPrefix(r.PostForm.Get("AnsweredBy"), "machine") {
			return bye
		}
		t.heard(r, inc.ID, ring)
		return again
	case twilioPurpose("status"):
		if result := twilioResult(r.PostForm.Get("CallStatus"), r.PostForm.Get("AnsweredBy")); result.Outcome != "" {
			t.settle(inc.ID, ring.Ringing.Ring, result)
		}
	}
	return twiml{}
}

// heard books that somebody listened to the end.
func (t *Telephone) heard(r *http.Request, id string, ring *incident.Ring) {
	err := t.book(r.Context(), id, func(inc *incident.Incident) []incident.Event {
		return []incident.Event{by(incident.Piket, incident.KeyPressed{Ring: ring.Ringing.Ring, By: ring.Who()})}
	})
	if err != nil {
		t.Log.Error("what was heard could not be written down", "incident", id, "ring", ring.Ringing.Ring, "err", err)
	}
}

// signedByTwilio checks X-Twilio-Signature: the base64 of an HMAC-SHA-1, with the
// account's token, of the address followed by each parameter's name and value in
// the order of the names.
func signedByTwilio(token, address string, form url.Values, signature string) bool {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, address)
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			_, _ = io.WriteString(mac, name+value)
		}
	}
	return hmac.Equal([]byte(signature), []byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))))
}
