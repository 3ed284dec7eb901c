package web_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/web"
)

// dispatched is a site from which somebody was sent out.
type dispatched struct {
	*site
	id, order, link string
	key             signed.Key
}

func newDispatched(t *testing.T, language string) *dispatched {
	t.Helper()
	d := &dispatched{key: signed.NewKey()}
	d.site = newSite(t, func(s *web.Server) { s.Links = d.key })
	d.id = d.unreachable()
	d.order = d.id + "/W7"
	path := signed.Link{Purpose: "technician", Incident: d.id, Party: "W7", Expires: start.Add(74 * time.Hour)}.Path()
	d.happen(d.id, incident.WorkOrdered{
		Order: d.order, Step: "escalate-1", To: "remote hands", State: incident.OrderApproved, Language: language, Link: path, Currency: "EUR", Limit: 200,
		Checklist: []string{"Find the server.", "Press the <b>button</b>."}, Subject: "restart web-07", Body: "Do it.",
		AcknowledgeBy: start.Add(15 * time.Minute), ArriveBy: start.Add(2 * time.Hour),
	})
	d.link = d.key.Sign(path)
	return d
}

// press sends a form of the page and returns the status and the page after it.
func (d *dispatched) press(fields string) reply {
	d.t.Helper()
	return d.form("", d.link, fields)
}

func (d *dispatched) now() *incident.Order { return d.load(d.id).OrderOf(d.order) }

func (d *dispatched) upload(link string, content []byte) reply {
	d.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("act", "photo")
	part, err := form.CreateFormFile("photo", "../../etc/passwd.svg")
	if err != nil {
		d.t.Fatal(err)
	}
	_, _ = part.Write(content)
	form.Close()
	return d.ask("POST", link, body.String(), "Content-Type", form.FormDataContentType())
}

func photograph(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestATechnicianWorksFromTheirPage(t *testing.T) { // [6.4]
	d := newDispatched(t, "en")
	if page := d.ask("GET", d.link, ""); page.status != 200 || strings.Contains(page.body, doorCode) || !strings.Contains(page.body, "shown once you have accepted") ||
		strings.Contains(page.body, "<b>button") || !strings.Contains(page.body, "CZ29340X7K") || !strings.Contains(page.body, "20 000 0100</a>") {
		t.Errorf("before: %d\n%s", page.status, page.body)
	}
	for _, step := range []struct {
		fields string
		want   int
		state  string
		in     bool
	}{
		{"act=acknowledged", 303, "acknowledged", false},
		{"act=acknowledged", 422, "acknowledged", false}, // pressed twice
		{"act=on_site", 303, "on_site", false},
		{"act=hands_in", 303, "on_site", true},
		{"act=done", 422, "on_site", true},
		{"act=refused&words=no", 422, "on_site", true},
		{"act=ticks&line=0&line=1&line=99&line=x", 303, "on_site", true},
		{"act=ticks&line=0", 303, "on_site", true},
		{"act=finding&words=a+%3Cscript%3E+fan", 303, "on_site", true},
		{"act=finding&words=", 422, "on_site", true},
		{"act=part&part=fan&old=F1&new=F2", 303, "on_site", true},
		{"act=approved", 422, "on_site", true},
		{"act=cancelled", 422, "on_site", true},
		{"act=agreed", 422, "on_site", true},
		{"act=", 422, "on_site", true},
		{"act=hands_out", 303, "on_site", false},
		{"act=done&words=all+well", 303, "done", false},
		{"act=on_site", 422, "done", false},
		{"act=hands_in", 422, "done", false},
	} {
		if answer := d.press(step.fields); answer.status != step.want {
			t.Errorf("%s: %d %s", step.fields, answer.status, answer.body)
		}
		if o := d.now(); o.State != step.state || o.HandsIn.IsZero() == step.in {
			t.Errorf("after %s it is %s, hands in since %v", step.fields, o.State, o.HandsIn)
		}
		if strings.Contains(step.fields, "acknowledged") {
			if page := d.ask("GET", d.link, "").body; !strings.Contains(page, doorCode) {
				t.Error("who has accepted does not see the code of the door")
			}
		}
	}
	o := d.now()
	if len(o.Ticks) != 1 || len(o.Findings) != 1 || len(o.Parts) != 1 || o.Parts[0].New != "F2" {
		t.Errorf("%+v", o)
	}
	page := d.ask("GET", d.link, "").body
	if strings.Contains(page, doorCode) || strings.Contains(page, "<script>") || !strings.Contains(page, "This order is over") {
		t.Errorf("after:\n%s", page)
	}
	if d.load(d.id).Status != incident.Open {
		t.Error("a technician has closed the incident")
	}
}

func TestTheCodeOfTheDoorIsOnNoTimelineAndOnNoPageOfStaff(t *testing.T) {
	d := newDispatched(t, "nl")
	d.press("act=acknowledged")
	if page := d.ask("GET", d.link, "").body; !strings.Contains(page, doorCode) || !strings.Contains(page, "Werkopdracht") {
		t.Errorf("the page is\n%s", page)
	}
	for _, path := range []string{"/incidents/" + d.id, "/api/incidents/" + d.id} {
		if page := d.as("noor", "GET", path, ""); strings.Contains(page.body, doorCode) {
			t.Errorf("%s shows the code", path)
		}
	}
}

func TestAScannersVisitsToATechniciansPageChangeNothing(t *testing.T) {
	d := newDispatched(t, "en")
	before := d.load(d.id).Version
	for _, method := range []string{"GET", "HEAD"} {
		if answer := d.ask(method, d.link+"?act=hands_in", "act=done"); answer.status != 200 {
			t.Errorf("%s: %d", method, answer.status)
		}
	}
	if after := d.load(d.id).Version; after != before {
		t.Errorf("it grew from %d to %d", before, after)
	}
}

func TestOnlyTheLinkOfTheOrderOpensIt(t *testing.T) {
	d := newDispatched(t, "en")
	other := signed.NewKey()
	path := func(purpose, id, party string, expires time.Time) string {
		return signed.Link{Purpose: purpose, Incident: id, Party: party, Expires: expires}.Path()
	}
	for name, link := range map[string]string{
		"another key":        other.Sign(path("technician", d.id, "W7", start.Add(74*time.Hour))),
		"another order":      d.key.Sign(path("technician", d.id, "W8", start.Add(74*time.Hour))),
		"another end":        d.key.Sign(path("technician", d.id, "W7", start.Add(75*time.Hour))),
		"expired":            d.key.Sign(path("technician", d.id, "W7", start.Add(-time.Hour))),
		"a customer's":       strings.Replace(d.key.Sign(path("confirm", d.id, "W7", start.Add(74*time.Hour))), "/confirm/", "/technician/", 1),
		"a party of slashes": d.key.Sign(path("technician", d.id, "../W7", start.Add(74*time.Hour))),
		"without its token":  path("technician", d.id, "W7", start.Add(74*time.Hour)) + "/x",
	} {
		t.Run(name, func(t *testing.T) {
			d.forward(10 * time.Minute) // so that nobody has guessed too often
			before := d.load(d.id).Version
			for _, answer := range []reply{d.ask("GET", link, ""), d.form("", link, "act=hands_in"), d.upload(link, photograph(t)), d.ask("GET", link+"/photos/"+strings.Repeat("0", 64), "")} {
				if answer.status != http.StatusNotFound && answer.status != http.StatusTooManyRequests || strings.Contains(answer.body, "web-07") {
					t.Errorf("answered %d %s", answer.status, answer.body)
				}
			}
			if d.load(d.id).Version != before {
				t.Error("something was written down")
			}
		})
	}
}

func TestAnExpiredLinkDoesNotGetHandsOutOfTheRack(t *testing.T) {
	d := newDispatched(t, "en")
	d.press("act=hands_in")
	d.forward(80 * time.Hour)
	if answer := d.press("act=hands_out"); answer.status != http.StatusNotFound || d.now().HandsIn.IsZero() {
		t.Fatalf("%d, hands in since %v", answer.status, d.now().HandsIn)
	}
	if ids, err := d.store.WithHands(t.Context(), "ams1"); err != nil || len(ids) != 1 {
		t.Errorf("the interlock forgot them: %v, %v", ids, err)
	}
	if answer := d.as("noor", "POST", "/api/incidents/"+d.id+"/close", `{"cause":"c","solution":"s","unchecked":"u"}`); answer.status != http.StatusConflict {
		t.Errorf("closed with hands in the rack: %d", answer.status)
	}
	if answer := d.as("sam", "POST", "/api/incidents/"+d.id+"/order", `{"order":"`+d.order+`","state":"hands_out"}`); answer.status != 200 {
		t.Errorf("a person ends it: %d %s", answer.status, answer.body)
	}
	if ids, err := d.store.WithHands(t.Context(), "ams1"); err != nil || len(ids) != 1 { // still on site
		t.Errorf("hands are at %v, %v", ids, err)
	}
}

func TestAPhotographIsKeptWithoutWhatCameWithIt(t *testing.T) {
	d := newDispatched(t, "en")
	dirty := append(photograph(t), []byte("<script>alert(1)</script>")...)
	for range 2 { // pressed twice
		if answer := d.upload(d.link, dirty); answer.status != http.StatusSeeOther {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
	}
	photos := d.now().Photos
	if len(photos) != 1 || photos[0].Width != 40 || photos[0].Height != 30 {
		t.Fatalf("%+v", photos)
	}
	for _, answer := range []reply{d.ask("GET", d.link+"/photos/"+photos[0].Hash, ""), d.as("guest", "GET", "/incidents/"+d.id+"/photos/"+photos[0].Hash, "")} {
		if answer.status != 200 || answer.header.Get("Content-Type") != "image/jpeg" || answer.header.Get("X-Content-Type-Options") != "nosniff" || strings.Contains(answer.body, "script") {
			t.Errorf("%d %v", answer.status, answer.header)
		}
	}
	if answer := d.as("noor", "GET", "/incidents/"+d.id+"/photos/"+strings.Repeat("0", 64), ""); answer.status != http.StatusNotFound {
		t.Errorf("another file: %d", answer.status)
	}
	if answer := d.ask("GET", "/incidents/"+d.id+"/photos/"+photos[0].Hash, ""); answer.status == 200 {
		t.Error("a photograph is shown to who is not signed in")
	}
}

func TestWhatIsNoPhotographIsNotTakenIn(t *testing.T) {
	d := newDispatched(t, "en")
	for name, content := range map[string][]byte{
		"a drawing":    []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"a page":       []byte("<!doctype html><script>alert(1)</script>"),
		"20 megabytes": append(photograph(t), make([]byte, 20<<20)...),
		"nothing":      {},
	} {
		before := d.load(d.id).Version
		answer := d.upload(d.link, content)
		if answer.status == http.StatusSeeOther || d.load(d.id).Version != before {
			t.Errorf("%s: %d", name, answer.status)
		}
	}
	for range 30 {
		d.happen(d.id, incident.PhotoTaken{Order: d.order, Hash: "h", By: "x"})
	}
	if answer := d.upload(d.link, photograph(t)); answer.status != http.StatusUnprocessableEntity {
		t.Errorf("a disk can be filled: %d", answer.status)
	}
}

func TestAManagersYesToACostIsForTheOrderThatTheyRead(t *testing.T) { // [6.4]
	d := newDispatched(t, "en")
	order := d.id + "/W20"
	draft := incident.WorkOrdered{Order: order, Step: "escalate-2", To: "remote hands", State: incident.OrderDraft, Cost: 300, Limit: 200, Currency: "EUR"}
	d.happen(d.id, incident.OrderProgress{Order: d.order, State: "refused", By: "x"}, draft)
	path, yes := "/api/incidents/"+d.id+"/order", `{"order":"`+order+`","state":"agreed","hash":"`+draft.Hash()+`"}`
	for name, c := range map[string]struct {
		who, body string
		want      int
	}{
		"an engineer":   {"noor", yes, 403},
		"support":       {"sam", yes, 403},
		"another hash":  {"mila", `{"order":"` + order + `","state":"agreed","hash":"00"}`, 409},
		"no hash":       {"mila", `{"order":"` + order + `","state":"agreed"}`, 409},
		"another order": {"mila", `{"order":"` + d.order + `","state":"agreed","hash":"` + draft.Hash() + `"}`, 409},
		"done at once":  {"noor", `{"order":"` + order + `","state":"done"}`, 409},
	} {
		if answer := d.as(c.who, "POST", path, c.body); answer.status != c.want || d.load(d.id).OrderOf(order).State != incident.OrderDraft {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
	answers := make(chan reply, 2)
	for range 2 { // two press at once
		go func() { answers <- d.as("mila", "POST", path, yes) }()
	}
	first, second := <-answers, <-answers
	if first.status+second.status != 200+409 || d.count(d.id, "order_agreed") != 1 || !strings.Contains(first.body+second.body, "mila has agreed to it already") {
		t.Errorf("%d %s\n%d %s", first.status, first.body, second.status, second.body)
	}
	if o := d.load(d.id).OrderOf(order); o.State != incident.OrderApproved || o.AgreedBy != "mila" {
		t.Errorf("it is %s, agreed by %q", o.State, o.AgreedBy)
	}
}

func TestAVendorIsAskedAndReportsLikeAnybodySent(t *testing.T) { // [2.4]
	d := newDispatched(t, "en")
	path := "/api/incidents/" + d.id + "/vendor"
	for body, want := range map[string]int{`{"vendor":"maker","words":"a new board","part":"X-12"}`: 200, `{"vendor":"maker"}`: 422, `{"vendor":"nobody","words":"x"}`: 422} {
		if answer := d.as("noor", "POST", path, body); answer.status != want {
			t.Errorf("%s: %d %s", body, answer.status, answer.body)
		}
	}
	if answer := d.as("sam", "POST", path, `{"vendor":"maker","words":"x"}`); answer.status != http.StatusForbidden {
		t.Errorf("by support: %d", answer.status)
	}
	inc := d.load(d.id)
	if len(inc.Vendors) != 1 || inc.Order == nil || inc.Vendors[0].WorkOrdered.By != "noor" {
		t.Fatalf("%+v", inc.Vendors)
	}
	order := inc.Vendors[0].Order
	if answer := d.as("sam", "POST", "/api/incidents/"+d.id+"/order", `{"order":"`+order+`","state":"on_site"}`); answer.status != 200 || !d.load(d.id).InRack() {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}
