package report_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/report"
)

// written is the worked example with all that people add to it [2.6, 6.7].
func written() []incident.Event {
	person := incident.Person("noor")
	events := wholeIncident()
	last := len(events)
	more := timeline("INC-2026-0001", opened,
		line{30 * time.Minute, incident.ReviewDue{By: opened.Add(5 * 24 * time.Hour)}, ""},
		line{24 * time.Hour, incident.ReviewWritten{Version: 1, By: "noor",
			Causes: "De kernel hing door een fout in de netwerkdriver.\nGeen watchdog … Daniëlle had het al gemeld; coördinatie ontbrak.", WentWell: "The first word went out within a second.",
			WentBadly: "Nobody telephoned the bakery, although T1 asked for it. " + strings.Repeat("It was discussed at length, and more. ", 20),
			Actions: []incident.ActionItem{
				{ID: "A1", What: "Nieuwere kernel op alle R640's, " + strings.Repeat("ook in de andere rekken; ", 12), Owner: "noor", Due: "2026-10-20"},
				{ID: "A2", What: "https://wiki.example.net/" + strings.Repeat("very-long-path-without-a-break/", 8), Owner: "mila", Due: "2026-11-01"},
			}}, person},
		line{25 * time.Hour, incident.ReviewShared{Version: 1, With: []string{"mila"}, By: "noor"}, person},
		line{26 * time.Hour, incident.ActionDone{ID: "A1", By: "noor", Words: "uitgerold"}, person},
	)
	for n := range more {
		more[n].Seq = last + n + 1
	}
	return append(events, more...)
}

// [2.6]: what happened, when it was noticed, acknowledged and restored, what was
// told and how late, and what people say about it.
func TestAReviewTellsWhatTheTimelineKnowsAndWhatPeopleWrote(t *testing.T) {
	r := report.NewReview(written(), updates, opened.Add(48*time.Hour))
	if r.State != "shared" || r.Version != 1 || len(r.Actions) != 2 || !r.Actions[0].Done || r.Actions[1].Done {
		t.Errorf("%+v", r)
	}
	text := r.Document(amsterdam(t)).Text()
	for _, want := range []string{
		"Review of INC-2026-0001", "Cause: The kernel hung", "Priority:  P1 critical",
		"The trouble began  2026-10-01 04:59 CEST", "It was noticed     2026-10-01 05:00 CEST          5 s",
		"Somebody took it   2026-10-01 05:01 CEST by noor  1 min", "Service was back   2026-10-01 05:11 CEST          11 min 5 s",
		"bakery    first     2026-10-01 05:00 CEST  2026-10-01 05:00 CEST  on time", "power cycle web-07  helped", "Daniëlle",
		"2026-10-02 07:00 CEST: uitgerold",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "wrote version") || strings.Contains(text, "250 2.0.0") {
		t.Errorf("the timeline tells what no reader needs:\n%s", text)
	}
}

func TestAReviewThatNobodyWroteSaysSo(t *testing.T) {
	text := report.NewReview(timeline(id(1), opened, line{0, incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-07"}}, ""}), updates, opened).Document(time.UTC).Text()
	for _, want := range []string{"nobody has written anything", "Not written yet.", "Somebody took it   n/a", "Service was back   n/a", "Nothing was promised"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
}

// What people and machines write is shown, and never becomes more than words.
func TestWordsOfOthersStayWordsInEveryFormat(t *testing.T) {
	const evil = `<script>alert(1)</script> [a](javascript:x) | =HYPERLINK("x") ` + "\x1b[31m"
	d := report.Document{Title: evil, Facts: [][2]string{{"a", evil}}, Sections: []report.Section{{Title: "s", Words: []string{evil, "=1+1"},
		Table: report.Table{Head: []string{"h", "v"}, Rows: [][]string{{evil, "@SUM(A1)"}}}}}}
	var page, table bytes.Buffer
	if err := d.HTML(&page); err != nil || strings.Contains(page.String(), "<script>") {
		t.Errorf("%s (%v)", page.String(), err)
	}
	if md := d.Markdown(); strings.Contains(md, "<script>") || strings.Contains(md, "[a](") || strings.Contains(md, "\x1b") || strings.Count(md, "|")-strings.Count(md, `\|`) != 9 {
		t.Errorf("%s", md)
	}
	if err := d.CSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") {
				t.Errorf("a spreadsheet would calculate %q", cell)
			}
		}
	}
	var pdf bytes.Buffer
	if err := d.PDF(&pdf, opened); err != nil {
		t.Error(err)
	}
}

// PDF pages are read back by another program: their size, and every word.
func TestPDFPagesAreA4WithEveryWordOnThem(t *testing.T) {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		if os.Getenv("PIKET_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip("poppler-utils is not installed")
	}
	dir := t.TempDir()
	review := report.NewReview(written(), updates, opened.Add(48*time.Hour)).Document(amsterdam(t))
	review.Subtitle = "日本 😀 ïjsselmeer"
	for name, d := range map[string]report.Document{"review": review, "month": figures(many()...).Document(amsterdam(t))} {
		path := filepath.Join(dir, name+".pdf")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.PDF(f, opened); err != nil {
			t.Fatal(err)
		}
		f.Close()
		info, err := exec.Command("pdfinfo", path).CombinedOutput()
		if err != nil || !strings.Contains(string(info), "(A4)") {
			t.Errorf("%s: %s (%v)", name, info, err)
		}
		out, err := exec.Command("pdftotext", path, "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		got := squeeze(string(out))
		for _, section := range d.Sections {
			for _, words := range append([]string{section.Title, section.Note}, section.Words...) {
				for _, sentence := range strings.SplitAfter(words, ". ") { // a page may end between two
					if !strings.Contains(got, squeeze(sentence)) {
						t.Errorf("%s lacks %q", name, sentence)
					}
				}
			}
		}
		if !strings.Contains(string(out), "page 1 of ") || !strings.Contains(string(out), "page 2 of 2") && !strings.Contains(string(out), "page 2 of 3") {
			t.Errorf("%s has no page numbers:\n%s", name, out)
		}
		if keep := os.Getenv("PIKET_KEEP_PDF"); keep != "" { // to look at
			data, _ := os.ReadFile(path)
			if err := os.WriteFile(filepath.Join(keep, name+".pdf"), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// many are incidents spread over a month.
func many() [][]incident.Event {
	var list [][]incident.Event
	for n := range 60 {
		at := opened.Add(time.Duration(n*n%700) * time.Hour)
		events := wholeIncident()
		for i := range events {
			events[i].Incident = id(n + 1)
			events[i].At = events[i].At.Add(at.Sub(opened))
			if p, ok := events[i].Payload.(incident.Classified); ok {
				p.Priority = incident.Priorities[n%4]
				events[i].Payload = p
			}
			if p, ok := events[i].Payload.(incident.Opened); ok {
				p.Subject.Name, p.Customers = "web-"+id(n % 21)[9:], []string{"Bäckerei Überlingen", "Coöperatie De Ijssel"}
				events[i].Payload = p
			}
			if p, ok := events[i].Payload.(incident.AlertReceived); ok {
				p.Alert.StartsAt = p.Alert.StartsAt.Add(at.Sub(opened) - time.Duration(n)*time.Second)
				events[i].Payload = p
			}
		}
		list = append(list, events)
	}
	return list
}
