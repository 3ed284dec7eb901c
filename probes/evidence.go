package probes

import "fmt"

// maxEvidence bounds the lines that one look keeps: they are for a person.
const maxEvidence = 16

// note adds a line of evidence, part of which may be the target's own text.
func (r *Result) note(format string, args ...any) {
	if len(r.Evidence) < maxEvidence {
		r.Evidence = append(r.Evidence, clause(fmt.Sprintf(format, args...)))
	}
}
