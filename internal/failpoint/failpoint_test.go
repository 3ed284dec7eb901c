package failpoint

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryPointHasANameOfItsOwn(t *testing.T) {
	seen := map[Point]bool{}
	for _, p := range Points {
		if seen[p] || !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(string(p)) {
			t.Errorf("%q is there twice, or no name", p)
		}
		seen[p] = true
	}
}

// A point that nobody calls would be counted and prove nothing. Some are chosen
// in one place and reached in another, so it is their names that are counted.
func TestEveryPointStandsOnceInTheProgram(t *testing.T) {
	source, err := exec.Command("grep", "-rhoE", "--include=*.go", "--exclude=*_test.go", "--exclude-dir=failpoint",
		`failpoint\.[A-Z][A-Za-z]+`, "../..").Output()
	if err != nil {
		t.Fatalf("find the calls: %v", err)
	}
	names, err := exec.Command("grep", "-hoE", `^\s+[A-Z][A-Za-z]+ +Point = "[a-z-]+"`, "failpoint.go").Output()
	if err != nil {
		t.Fatalf("find the names: %v", err)
	}
	for line := range strings.Lines(string(names)) {
		fields := strings.Fields(line)
		name, point := fields[0], Point(strings.Trim(fields[3], `"`))
		want := 0
		if slices.Contains(Points, point) {
			want = 1
		}
		if got := strings.Count(string(source), "failpoint."+name+"\n"); got != want {
			t.Errorf("%s is named %d times, want %d", name, got, want)
		}
	}
}

func TestPointsCostNothingInAShippedProgram(t *testing.T) {
	if Built {
		t.Skip("this test is built to kill itself")
	}
	if n := testing.AllocsPerRun(100, func() { Reach(SendClaimed) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReach(b *testing.B) {
	for b.Loop() {
		Reach(SendClaimed)
	}
}
