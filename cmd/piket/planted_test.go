//go:build battery

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Every bug of the list is planted into a copy of its file (`go build
// -overlay`), and the test that guards the promise must fail by what it finds:
// a copy that does not compile, or a test that fails without the bug, too,
// proves nothing.
func TestPlantedBugsAreCaught(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	well := healthy(t, root)
	var mu sync.Mutex
	caught, work, began := 0, time.Duration(0), time.Now()
	// The package's other tests do not run beside it, so -parallel 2 is two
	// bugs at a time.
	t.Run("bugs", func(t *testing.T) {
		for _, b := range bugs {
			t.Run(strings.ReplaceAll(b.what, " ", "_"), func(t *testing.T) {
				t.Parallel()
				if !well[b.tests] {
					t.Fatalf("the tests of %s fail without the bug", b.tests)
				}
				started := time.Now()
				is, took := b.isCaught(t, root)
				t.Logf("%5.1f s, of which %.1f s of a processor", time.Since(started).Seconds(), took.Seconds())
				mu.Lock()
				defer mu.Unlock()
				if work += took; is {
					caught++
				}
			})
		}
	})
	fmt.Printf("battery planted {\"bugs\":%d,\"caught\":%d,\"seconds\":%.0f,\"cpu_seconds\":%.0f}\n", len(bugs), caught, time.Since(began).Seconds(), work.Seconds())
}

// healthy runs the tests of the list without any bug, and says of each package
// whether they pass.
func healthy(t *testing.T, root string) map[string]bool {
	t.Helper()
	patterns := map[string][]string{}
	for _, b := range bugs {
		if !slices.Contains(patterns[b.tests], b.run) {
			patterns[b.tests] = append(patterns[b.tests], b.run)
		}
	}
	well := map[string]bool{}
	for where, list := range patterns {
		cmd := exec.Command("go", "test", "-ldflags=-s -w", "-vet=off", "-short", "-run", "^("+strings.Join(list, "|")+")$", where)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if well[where] = err == nil; err != nil {
			t.Errorf("without any bug: %s\n%s", cmd, out)
		}
	}
	return well
}

// isCaught plants the bug and runs its test. took is the processors' time, which
// other work on the machine does not lengthen.
func (b bug) isCaught(t *testing.T, root string) (caught bool, took time.Duration) {
	cmd := exec.Command("go", "test", "-overlay", b.plant(t, root), "-ldflags=-s -w", "-vet=off", "-short", "-failfast", "-count=1", "-timeout=2m", "-v", "-run", "^"+b.run+"$", b.tests)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	text := string(out)
	switch {
	case strings.Contains(text, "[build failed]") || strings.Contains(text, "[setup failed]"):
		t.Errorf("the bug does not compile:\n%s", tail(text))
	case strings.Contains(text, "no tests to run"):
		t.Errorf("no test is called %s", b.run)
	case err == nil:
		t.Errorf("nothing notices that %s", b.what)
	case strings.Contains(text, "panic:") || !strings.Contains(text, "--- FAIL: "):
		t.Errorf("it does not fail by what a test finds:\n%s", tail(text))
	default:
		caught = true
	}
	return caught, took
}

// plant writes the file with its bug, and the overlay that puts it in place.
func (b bug) plant(t *testing.T, root string) (overlay string) {
	t.Helper()
	changed, err := b.changed(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	planted := filepath.Join(dir, "planted.go")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, b.file): planted}})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	for name, content := range map[string][]byte{planted: []byte(changed), overlay: list} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

func tail(text string) string { return text[max(0, len(text)-2000):] }
