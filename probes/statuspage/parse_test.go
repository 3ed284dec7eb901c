package statuspage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/probes/statuspage"
)

const quiet = `{"status": {"indicator": "none"}}`

func TestWhatIsNoPageIsAnErrorAndNeverGoodNews(t *testing.T) {
	fixtureText := func(format, story string) string { return string(read(t, fixture(t, format, story))) }
	cut := func(text string) string { return text[:len(text)*2/3] }
	cases := []struct {
		name, format, body string
		is                 error
		says               string
	}{
		{"nothing", "", "", statuspage.ErrFormat, "text that no known format has"},
		{"HTML where JSON should be", "statuspage", "<!doctype html><title>All systems operational</title>", statuspage.ErrFormat, `markup that is not in the format "statuspage"`},
		{"HTML that says nothing", "", "<html><body><p>Welcome</p></body></html>", statuspage.ErrFormat, "neither that something is wrong nor that nothing is"},
		{"HTML with good news in its title only", "", "<html><head><title>All systems operational</title></head><body>Loading</body></html>", statuspage.ErrFormat, "neither"},
		{"JSON of something else", "", `{"ok": true}`, statuspage.ErrFormat, "JSON that no known format has"},
		{"an empty object", "statuspage", `{}`, statuspage.ErrFormat, "not in the format"},
		{"an empty indicator", "statuspage", `{"status": {"indicator": ""}}`, statuspage.ErrFormat, "no status.indicator"},
		{"another format than was named", "instatus", quiet, statuspage.ErrFormat, `not in the format "instatus"`},
		{"an empty list of anything", "", `{"data": [], "links": null}`, nil, ""},
		{"other types", "statuspage", `{"status": {"indicator": 1}}`, statuspage.ErrBroken, "JSON that cannot be read"},
		{"more after the end", "statuspage", quiet + "<html>", statuspage.ErrBroken, "JSON that cannot be read"},
		{"JSON cut off", "", cut(fixtureText("statuspage", "outage")), statuspage.ErrBroken, "JSON that cannot be read"},
		{"UTF-16 cut off in a character", "aws", cut(fixtureText("aws", "outage")) + "x", statuspage.ErrBroken, "JSON that cannot be read"},
		{"a feed cut off", "", cut(fixtureText("azure", "outage")), statuspage.ErrBroken, "XML that cannot be read"},
		{"a calendar cut off", "", cut(fixtureText("maintnote", "healthy")), statuspage.ErrBroken, "cut off"},
		{"a calendar of birthdays", "", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20261123T110000Z\nEND:VEVENT\nEND:VCALENDAR", statuspage.ErrFormat, "without a maintenance note"},
		{"a note without a start", "", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nX-MAINTNOTE-STATUS:CONFIRMED\nEND:VEVENT\nEND:VCALENDAR", statuspage.ErrBroken, "its start: it has none"},
		{"a note that ends before it starts", "", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nX-MAINTNOTE-STATUS:CONFIRMED\nDTSTART:20261123T110000Z\nDTEND:20261123T100000Z\nEND:VEVENT\nEND:VCALENDAR", statuspage.ErrBroken, "ends before it starts"},
		{"a zone that nobody has", "", string(fixtureText("maintnote", "hostile")), statuspage.ErrBroken, `"Mars/Olympus" is not known`},
		{"the reader's own zone", "", strings.Replace(fixtureText("maintnote", "hostile"), "Mars/Olympus", "Local", 1), statuspage.ErrBroken, `"Local" is not known`},
		{"a feed without a title", "", `<rss version="2.0"><channel></channel></rss>`, statuspage.ErrFormat, "without a title"},
		{"an XML bomb", "", fixtureText("feed", "hostile"), statuspage.ErrBroken, "a document type"},
		{"an entity that is not HTML's", "", `<rss version="2.0"><channel><title>&x;</title></channel></rss>`, statuspage.ErrBroken, "XML that cannot be read"},
		{"deep XML", "", `<rss>` + strings.Repeat("<a>", 100_000), statuspage.ErrBroken, "nests deeper"},
		{"deep JSON", "", strings.Repeat(`{"children":[`, 100_000), statuspage.ErrBroken, "nests deeper"},
		{"more than 5 MiB", "statuspage", quiet + strings.Repeat(" ", statuspage.MaxBytes), statuspage.ErrBroken, "larger than 5 MiB"},
		{"millions of nothing", "statuspage", `{"status": {"indicator": "none"}, "components": [{}` + strings.Repeat(",{}", 1_700_000) + `]}`, statuspage.ErrBroken, "more than 10000 entries"},
		{"an unknown format", "statuspge", quiet, nil, `no format "statuspge"`},
		{"packed", "", "\x1f\x8b\x08\x00\x00", statuspage.ErrFormat, "text that no known format has"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page, err := statuspage.Parse(c.format, []byte(c.body), "", noon)
			if err == nil {
				_, err = page.About(statuspage.Query{})
				c.is = statuspage.ErrSilent
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || (c.is != nil && !errors.Is(err, c.is)) {
				t.Errorf("got %v, want %v (… %s …)", err, c.is, c.says)
			}
		})
	}
}

func TestAnEmptyListIsNoPageUnlessItsFormatIsNamed(t *testing.T) {
	for _, format := range []string{"aws", "gcloud"} {
		if _, err := statuspage.Parse(format, []byte("[]"), "", noon); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	if page, err := statuspage.Parse("", []byte("[]"), "", noon); !errors.Is(err, statuspage.ErrFormat) {
		t.Errorf("an empty list is taken for %q (%v)", page.Format, err)
	}
}

// The largest bodies that are let in, made of what costs most.
func TestFiveMegabytesAreReadInBoundedTime(t *testing.T) {
	fill := func(head, unit, tail string) []byte {
		n := (statuspage.MaxBytes - len(head) - len(tail)) / len(unit)
		return []byte(head + strings.Repeat(unit, n) + tail)
	}
	nest := strings.Repeat(`{"children":[`, 14)
	unnest := strings.Repeat(`]}`, 14)
	for name, body := range map[string][]byte{
		"components": fill(`{"status":{"indicator":"none"},"components":[{"name":"a"}`, `,{"name":"a - b - c","status":"x"}`, `]}`),
		"services":   fill(`{"incidents":[],"services":[`+nest, `{"name":"a"},`, `{}`+unnest+`]}`),
		"dashes":     fill(`{"status":{"indicator":"none"},"incidents":[{"components":[{"name":"`, " - ", `"}]}]}`),
		"paragraphs": fill("<html><body>", "<p>storing storing storing geen geen geen", ""),
		"one text":   fill("<html><body>", "geen werkzaamheden maar ", ""),
		"attributes": fill("<html><body>", `<b class="nav-ish menus foot">`, ""),
		"folds":      fill("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1", "\n a", "\nEND:VEVENT\nEND:VCALENDAR"),
		"parameters": fill("BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID;X=", "a", ":1\nEND:VEVENT\nEND:VCALENDAR"),
		"entries":    fill(`<rss><channel><title>a</title>`, "<item><title>a</title></item>", "</channel></rss>"),
	} {
		began := time.Now()
		page, err := statuspage.Parse("", body, "", noon)
		if err == nil {
			_, _ = page.About(statuspage.Query{Names: []string{"a"}}) // an error is an answer too
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: took %v (%v)", name, took, err)
		} else {
			t.Logf("%s: %v", name, took.Round(time.Millisecond))
		}
	}
}

func TestLettersOfOldPagesAreRead(t *testing.T) {
	page := func(text string) string {
		return `<?xml version="1.0" encoding="ISO-8859-1"?><rss><channel><title>` + text + `</title></channel></rss>`
	}
	cases := []struct{ name, contentType, body string }{
		{"declared in the document", "", page("St\xf6rung")},
		{"declared by the server", "text/html; charset=iso-8859-1", page("St\xf6rung")},
		{"with a mark", "", "\xef\xbb\xbf" + strings.Replace(page("Störung"), "ISO-8859-1", "UTF-8", 1)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page, err := statuspage.Parse("feed", []byte(c.body), c.contentType, noon)
			if err != nil || page.Name != "Störung" {
				t.Errorf("got %q (%v)", page.Name, err)
			}
		})
	}
	little := []byte{'[', 0, ']', 0}
	for _, body := range [][]byte{little, append([]byte{0xff, 0xfe}, little...), {0xfe, 0xff, 0, '[', 0, ']'}, {0, '[', 0, ']'}} {
		if _, err := statuspage.Parse("aws", body, "", noon); err != nil {
			t.Errorf("% x: %v", body, err)
		}
	}
}

func TestWhereAPageMayBeFound(t *testing.T) {
	cases := []struct {
		name, format, base string
		first              string
		count              int
	}{
		{"a site", "", "https://status.example.net/", "https://status.example.net/api/v1/summary", 6},
		{"a site below a path", "statuspage", "https://example.net/status/", "https://example.net/status/api/v2/summary.json", 1},
		{"a document", "", "https://status.example.net/api/v2/summary.json", "https://status.example.net/api/v2/summary.json", 1},
		{"a feed", "feed", "https://status.example.net/en.atom", "https://status.example.net/en.atom", 1},
		{"a widget's document", "", "https://status.example.net/api/v1/summary", "https://status.example.net/api/v1/summary", 1},
		{"with a question", "cachet", "https://status.example.net/api/components?x=1", "https://status.example.net/api/components?x=1", 1},
		{"a page id", "statusio", "https://api.example.net/1.0/status/5", "https://api.example.net/1.0/status/5", 1},
		{"two places", "statuspal", "https://example.net/api/v2/status_pages/x", "https://example.net/api/v2/status_pages/x/summary", 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := statuspage.Endpoints(c.format, c.base)
			if err != nil || len(got) != c.count || got[0].URL != c.first || got[0].Format != c.format {
				t.Errorf("got %v (%v), want %d beginning with %s", got, err, c.count, c.first)
			}
		})
	}
	also := statuspage.Also("instatus", "https://status.example.net")
	if len(also) != 1 || also[0] != "https://status.example.net/v2/components.json" {
		t.Errorf("Instatus keeps its components at %v", also)
	}
	if also := statuspage.Also("instatus", "https://status.example.net/summary.json"); also != nil {
		t.Errorf("a page that is named as one document has others: %v", also)
	}
}

func TestDocumentsOfOnePageAddUp(t *testing.T) {
	summary, err := statuspage.Parse("instatus", read(t, "testdata/instatus/maintenance.json"), "", noon)
	if err != nil {
		t.Fatal(err)
	}
	components, err := statuspage.Parse("instatus", read(t, "testdata/instatus/components.json"), "", noon)
	if err != nil {
		t.Fatal(err)
	}
	page := summary.With(components)
	if _, err := page.About(statuspage.Query{Names: []string{"AMS9"}}); !errors.Is(err, statuspage.ErrComponent) {
		t.Errorf("a component that is not listed: %v", err)
	}
	said, err := page.About(statuspage.Query{Names: []string{"AMS1"}})
	if err != nil || said.Indicator != "major" || !said.Maintenance || said.Title != "Battery test" {
		t.Errorf("got %+v (%v)", said, err)
	}
}
