package runbooks_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/runbooks"
)

// Each file in testdata/bad has one mistake (or says in its name that it has
// several), and beside it the exact message.
func TestEveryMistakeHasItsMessage(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yml")
	if err != nil || len(files) < 50 {
		t.Fatalf("found %d bad files (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			book, err := runbooks.Parse(file, data)
			if book != nil || err == nil {
				t.Fatal("the file was accepted")
			}
			if got := err.Error() + "\n"; got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if problems := (yamlpos.Problems)(nil); !errors.As(err, &problems) {
				t.Errorf("the error is a %T", err)
			}
		})
	}
}
