package inventory_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/yamlpos"
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
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			inv, err := inventory.Load(file)
			if inv != nil || err == nil {
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
