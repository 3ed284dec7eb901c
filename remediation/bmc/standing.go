package bmc

import "fmt"

// standing is what stands in the way of cutting the power: a job that writes
// firmware, somebody at the console.
type standing struct {
	task, console told
	gaps          []string
}

// told is a text that may be empty because there is nothing, or because nobody
// said.
type told struct {
	text  string
	known bool
}

// gap notes that something was not learned, and why.
func (s *standing) gap(what string, err error) {
	s.gaps = append(s.gaps, clause(what+" not read: "+err.Error()))
}

// facts adds what is known.
func (s standing) facts(facts map[string]any) {
	for name, t := range map[string]told{"task": s.task, "console": s.console} {
		if t.known {
			facts[name] = clause(t.text)
		}
	}
}

// words are for the reason of a look.
func (s standing) words() []string {
	var words []string
	if s.task.text != "" {
		words = append(words, fmt.Sprintf("a job is running (%s)", clause(s.task.text)))
	}
	if s.console.text != "" {
		words = append(words, fmt.Sprintf("a console is open (%s)", clause(s.console.text)))
	}
	return words
}
