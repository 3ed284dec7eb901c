package runbooks_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/runbooks"
)

// Whatever the text, parsing ends; a mistake has its place; and what is
// accepted keeps the promises that the engine builds on.
func FuzzParse(f *testing.F) {
	for _, book := range shipped(f).Books {
		f.Add([]byte(book.Source))
	}
	files, _ := filepath.Glob("testdata/bad/*.yml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		book, err := runbooks.Parse("fuzz.yml", data)
		if err != nil {
			problems := (yamlpos.Problems)(nil)
			if !errors.As(err, &problems) || len(problems) == 0 || book != nil {
				t.Fatalf("a %T: %v", err, err)
			}
			for _, p := range problems {
				if p.Pos.Line == 0 {
					t.Fatalf("a mistake without a place: %s", p)
				}
			}
			return
		}
		book.Explain()
		for _, r := range book.Remedies {
			if len(r.SSH) > 0 == (r.Power != "") || (r.Power != "" && !slices.Contains(runbooks.Verbs, r.Power)) ||
				r.MaxAttempts() > 5 || r.Verify == 0 || (r.Approve != nil && r.Approve.Otherwise != "escalate") {
				t.Fatalf("accepted: %+v", r)
			}
			if answer := book.Applies(r.ID, nil); r.When == "" && !answer.Holds {
				t.Fatalf("without a condition: %+v", answer)
			}
		}
	})
}
