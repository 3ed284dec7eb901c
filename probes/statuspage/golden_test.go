package statuspage_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/probes/statuspage"
)

var update = flag.Bool("update", false, "write what is read as what is wanted")

// noon is when all fixtures are read.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Each directory of testdata is a format: a page on a good day, with an
// outage, with maintenance, and one that means harm; beside each what is read
// in it, and what it says of everything and of AMS1.
func TestEveryFormatIsReadIntoOneModel(t *testing.T) {
	for _, format := range statuspage.Formats() {
		for _, story := range []string{"healthy", "outage", "maintenance", "hostile"} {
			t.Run(format+"/"+story, func(t *testing.T) { golden(t, format, fixture(t, format, story)) })
		}
	}
	t.Run("instatus/components", func(t *testing.T) { golden(t, "instatus", "testdata/instatus/components.json") })
}

func fixture(t *testing.T, format, story string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", format, story+".*[^t]"))
	if err != nil || len(files) != 1 {
		t.Fatalf("found %v (%v), want one fixture", files, err)
	}
	return files[0]
}

func golden(t *testing.T, format, file string) {
	t.Helper()
	body := read(t, file)
	got := story(format, body)
	want := strings.TrimSuffix(file, filepath.Ext(file)) + ".want"
	if *update {
		if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if wanted := string(read(t, want)); got != wanted {
		t.Errorf("got\n%s\nwant\n%s", got, wanted)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// story is what comes of a body, in text.
func story(format string, body []byte) string {
	page, err := statuspage.Parse(format, body, "", noon)
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "page %q url %q updated %s overall %s summary %q listed %t complete %t stateless %t\n",
		page.Name, page.URL, when(page.SourceUpdated), level(page.Overall), page.Summary, page.Listed, page.Complete, page.Stateless)
	for _, c := range page.Components {
		fmt.Fprintf(&out, "component %q id %q group %q at %q: %s\n", c.Name, c.ID, c.Group, c.Location, level(c.Level))
	}
	for _, e := range page.Events {
		fmt.Fprintf(&out, "%s %q id %q state %q (%s) impact %s from %s until %s of %q url %q\n",
			e.Kind, e.Title, e.ID, e.State, e.Phase, level(e.Impact), when(e.Starts), when(e.Ends), e.Components, e.URL)
	}
	fmt.Fprintf(&out, "everything: %s\n", announced(page))
	fmt.Fprintf(&out, "AMS1: %s\n", announced(page, "AMS1"))
	return out.String()
}

func when(at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	return at.Format(time.RFC3339)
}

func level(l statuspage.Level) string {
	text := l.Status.String()
	if l.Strange {
		text += "!"
	}
	return fmt.Sprintf("%s %q", text, l.Word)
}

func announced(page statuspage.Page, names ...string) string {
	said, err := page.About(statuspage.Query{Names: names})
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprintf("incident %t indicator %q title %q maintenance %t until %s information %q, in words: %s",
		said.Incident, said.Indicator, said.Title, said.Maintenance, when(said.Until), said.Information, said)
}

func TestFormatsAreRecognisedByThemselves(t *testing.T) {
	for _, format := range statuspage.Formats() {
		for _, story := range []string{"healthy", "outage", "maintenance"} {
			if format == "aws" && story == "healthy" {
				continue // an empty list proves nothing: TestAnEmptyListIsNoPage
			}
			page, err := statuspage.Parse("", read(t, fixture(t, format, story)), "", noon)
			if err != nil || page.Format != format {
				t.Errorf("%s/%s is taken for %q (%v)", format, story, page.Format, err)
			}
		}
	}
}
