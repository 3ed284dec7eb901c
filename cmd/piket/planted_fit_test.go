package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bug is a mistake that breaks a promise, and the test that must notice.
type bug struct {
	what  string // what the program does wrong
	file  string // below the module's root
	edits []edit
	tests string // package
	run   string // the test's name
}

// edit replaces what stands exactly once in the file: a patch that no longer
// fits fails, and does not rot.
type edit struct{ from, to string }

// changed returns the text of the bug's file with the bug in it.
func (b bug) changed(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, b.file))
	if err != nil {
		return "", err
	}
	changed := string(text)
	for _, e := range b.edits {
		if n := strings.Count(changed, e.from); n != 1 {
			return "", fmt.Errorf("%s holds this %d times, not once:\n%s", b.file, n, e.from)
		}
		changed = strings.Replace(changed, e.from, e.to, 1)
	}
	if changed == string(text) {
		return "", fmt.Errorf("nothing of %s changes", b.file)
	}
	return changed, nil
}

// The battery plants every bug and runs its test, which takes minutes. That
// each can still be planted, and that its test is still there, is asked with
// every change.
func TestEveryPlantedBugFitsTheProgram(t *testing.T) {
	const atLeast = 104 // the list only grows
	if len(bugs) < atLeast {
		t.Errorf("%d bugs are planted, want at least %d", len(bugs), atLeast)
	}
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	for _, b := range bugs {
		if seen[b.what] {
			t.Errorf("two bugs say that %s", b.what)
		}
		seen[b.what] = true
		if _, err := b.changed(root); err != nil {
			t.Errorf("%s: %v", b.what, err)
		}
		if !holdsTest(t, filepath.Join(root, b.tests), b.run) {
			t.Errorf("%s: no test of %s is called %s", b.what, b.tests, b.run)
		}
	}
}

// holdsTest reports whether a package has a test of a name.
func holdsTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
