package yamlpos_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/yamlpos"
)

func TestNearestForgivesSlipsAndNothingMore(t *testing.T) {
	valid := []string{"address", "aliases", "model", "serial", "services", "icmp", "web-01", "ssh", "P1"}
	for _, test := range []struct{ word, want string }{
		{"adress", "address"},         // a letter missing
		{"modell", "model"},           // a letter added
		{"sirial", "serial"},          // a letter wrong
		{"imcp", "icmp"},              // two swapped
		{"ADDRESS", "address"},        // case
		{"p1", "P1"},                  //
		{"addr", "address"},           // an abbreviation
		{"se", ""},                    // too short for one
		{"ser", ""},                   // fits two
		{"web-02", "web-01"},          //
		{"ntp", ""},                   // another word
		{"customer", ""},              // another word
		{"", ""},                      //
		{strings.Repeat("a", 65), ""}, // too long to compare
	} {
		got, ok := yamlpos.Nearest(test.word, valid)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("Nearest(%q) = %q, %t, want %q", test.word, got, ok, test.want)
		}
	}
}

func TestProblemsAreSortedAndSaidOnce(t *testing.T) {
	var problems yamlpos.Problems
	if problems.Err() != nil {
		t.Fatal("no problem is an error")
	}
	problems.Add(yamlpos.Pos{File: "b", Line: 1, Col: 1}, "second file")
	problems.Add(yamlpos.Pos{File: "a", Line: 10, Col: 1}, "late")
	problems.Add(yamlpos.Pos{File: "a", Line: 9, Col: 5}, "early")
	problems.Add(yamlpos.Pos{File: "a", Line: 9, Col: 5}, "early")
	problems.Join(fmt.Errorf("no place"))
	problems.Join(nil)
	want := "no place\na:9:5: early\na:10:1: late\nb:1:1: second file"
	if got := problems.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAFloodOfProblemsIsCutOff(t *testing.T) {
	var problems yamlpos.Problems
	for i := range 1000 {
		problems.Add(yamlpos.Pos{File: "a", Line: i + 1, Col: 1}, "x")
	}
	text := problems.Err().Error()
	if lines := strings.Count(text, "\n") + 1; lines != 201 || !strings.HasSuffix(text, "\nand 800 more") {
		t.Errorf("%d lines, ending in %q", lines, text[len(text)-20:])
	}
}
