package runbooks

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/yamlpos"
)

// checker finds what the shape alone does not show. It reports everything it
// finds and stops at nothing.
type checker struct {
	book     *Runbook
	doc      *yamlpos.Document
	problems yamlpos.Problems
}

func (c *checker) check() {
	c.head()
	c.goal()
	for i := range c.book.Diagnose {
		c.diagnosis(i)
	}
	c.conditions()
	for i := range c.book.Remedies {
		c.remedy(i)
	}
	c.reinstalls()
	for i := range c.book.Escalate {
		c.escalation(&c.book.Escalate[i])
	}
}

// add reports a mistake at a field; a field that is not in the file was
// already reported as missing.
func (c *checker) add(field any, format string, args ...any) {
	c.problems.Add(c.doc.At(field), format, args...)
}

// word checks that *field is one of the valid words.
func (c *checker) word(field *string, what string, valid []string) {
	if *field != "" && !slices.Contains(valid, *field) {
		c.problems.AddUnknown(c.doc.At(field), what, *field, valid)
	}
}

var (
	bookName = regexp.MustCompile(`\A[a-z0-9][a-z0-9-]{0,62}\z`)
	factName = regexp.MustCompile(`\A[a-z][a-z0-9_]{0,30}\z`)
)

func (c *checker) head() {
	b := c.book
	if b.Name != "" && !bookName.MatchString(b.Name) {
		c.add(&b.Name, "runbook name %q: use lower-case letters, digits and hyphens", b.Name)
	}
	for i := range b.Match {
		m, err := alerts.ParseMatcher(b.Match[i])
		if err != nil {
			c.add(&b.Match[i], "%v", err)
			continue
		}
		b.matchers = append(b.matchers, m)
	}
	c.word(&b.Classify.Impact, "impact", levels)
	c.word(&b.Classify.Urgency, "urgency", levels)
}

func (c *checker) goal() {
	g := &c.book.Goal
	for i := range g.Checks {
		c.word(&g.Checks[i], "check of a goal", GoalChecks)
	}
}

func (c *checker) diagnosis(i int) {
	d := &c.book.Diagnose[i]
	switch {
	case d.ID == "":
	case !factName.MatchString(d.ID):
		c.add(&d.ID, "id %q: use lower-case letters, digits and underscores, so that conditions can name it", d.ID)
	case slices.Contains(GoalChecks, d.ID):
		c.add(&d.ID, "id %q is the name of a goal check; choose another", d.ID)
	case slices.ContainsFunc(c.book.Diagnose[:i], func(o Diagnosis) bool { return o.ID == d.ID }):
		c.add(&d.ID, "id %q is used twice", d.ID)
	}
	c.word(&d.Check, "check", checkNames())
	if kind, ok := Checks[d.Check]; ok {
		c.word(&d.Target, "target of "+d.Check, kind.Targets)
	}
}

// conditions type-checks every "when" against the facts that the diagnosis
// and the goal yield.
func (c *checker) conditions() {
	vars := c.book.variables()
	env, err := environment(vars)
	if err != nil {
		// Only reachable when the diagnosis itself is wrong, which is reported.
		return
	}
	c.book.conditions, c.book.leaves = map[string]condition{}, map[string]condition{}
	for i := range c.book.Remedies {
		r := &c.book.Remedies[i]
		if r.When != "" {
			c.condition(env, "when", &r.When, vars, func(found condition) { c.book.conditions[r.ID] = found })
		}
		if r.Approve != nil && r.Approve.Unless != "" {
			c.condition(env, "unless", &r.Approve.Unless, vars, func(found condition) { c.book.leaves[r.ID] = found })
		}
	}
}

// condition compiles one condition and has it kept when it is right.
func (c *checker) condition(env *cel.Env, key string, text *string, vars map[string]string, keep func(condition)) {
	compiled, err := compile(env, *text, vars)
	if err == nil {
		keep(compiled)
		return
	}
	var mistake *conditionError
	if !errors.As(err, &mistake) {
		c.add(text, "%s: %v", key, err)
		return
	}
	pos := c.doc.At(text)
	pos.Col += mistake.column
	if mistake.word != "" {
		c.problems.AddUnknown(pos, "fact", mistake.word, slices.Sorted(maps.Keys(vars)))
		return
	}
	c.problems.Add(pos, "%s: %s", key, mistake.what)
}

func (c *checker) remedy(i int) {
	r := &c.book.Remedies[i]
	if r.ID != "" && !bookName.MatchString(r.ID) {
		c.add(&r.ID, "id %q: use lower-case letters, digits and hyphens", r.ID)
	}
	if slices.ContainsFunc(c.book.Remedies[:i], func(o Remedy) bool { return o.ID == r.ID && r.ID != "" }) {
		c.add(&r.ID, "id %q is used twice", r.ID)
	}
	switch len(r.actions()) {
	case 0:
		c.add(r, "remedy without an action; give it ssh, power, boot or media")
	case 1:
	default:
		c.add(r, "a remedy does one thing: either %s, not both", strings.Join(r.actions(), " or "))
	}
	c.word(&r.Power, "power verb", Verbs)
	if c.doc.Given(&r.Attempts) && (r.Attempts < 1 || r.Attempts > 5) {
		c.add(&r.Attempts, "attempts is %d, want 1 to 5", r.Attempts)
	}
	c.time(&r.Verify, "verify")
	c.command(r)
	c.trust(r)
	if r.Approve != nil {
		c.time(&r.Approve.Within, "within")
		c.word(&r.Approve.Otherwise, "otherwise", otherwises)
		if c.doc.Given(&r.Approve.Persons) && (r.Approve.Persons < 1 || r.Approve.Persons > 2) {
			c.add(&r.Approve.Persons, "persons is %d, want 1 or 2", r.Approve.Persons)
		}
	}
}

// actions lists what a remedy does, which should be one thing.
func (r *Remedy) actions() (list []string) {
	for _, a := range []struct {
		name  string
		given bool
	}{{"ssh", len(r.SSH) > 0}, {"power", r.Power != ""}, {"boot", r.Boot != nil}, {"media", r.Media != nil}} {
		if a.given {
			list = append(list, a.name)
		}
	}
	return list
}

// trust checks what a remedy says of how far it may go, and of its proof.
func (c *checker) trust(r *Remedy) {
	if level := string(r.Trust); level != "" && !slices.Contains(Trusts, level) {
		c.problems.AddUnknown(c.doc.At(&r.Trust), "trust", level, Trusts)
	}
	if r.Trust == Asks && r.Approve == nil {
		c.add(&r.Trust, "trust is approve, and the remedy does not say who is asked: give it approve")
	}
	if r.Trust == Auto && r.Approve != nil {
		c.add(&r.Trust, "trust is auto, and the remedy has a person asked: leave one of them out")
	}
	if c.doc.Given(&r.Earn) && (r.Earn < 10 || r.Earn > 1000) {
		c.add(&r.Earn, "earn is %d, want 10 to 1000: fewer prove nothing", r.Earn)
	}
	if r.Earn > 0 && r.Approve == nil {
		c.add(&r.Earn, "nothing is to be earned: the remedy has nobody asked")
	}
	c.word(&r.Evidence, "evidence", Evidence)
	if r.Power == "" && (r.Evidence == "power" || r.Evidence == "boot") {
		c.add(&r.Evidence, "a BMC proves nothing about a command: want accepted, network or boot-id")
	}
}

// time checks that a duration leaves any time at all; the decoder knows none
// that is negative.
func (c *checker) time(field *time.Duration, name string) {
	if c.doc.Given(field) && *field == 0 {
		c.add(field, "%s is 0s, want more than nothing", name)
	}
}

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

func (c *checker) command(r *Remedy) {
	for i := range r.SSH {
		arg := &r.SSH[i]
		if strings.ContainsAny(*arg, "\x00\n\r") {
			c.add(arg, "an argument cannot contain a line break or a zero byte")
		}
		for _, m := range placeholder.FindAllStringSubmatch(*arg, -1) {
			if !slices.Contains(Placeholders, m[1]) {
				c.problems.AddUnknown(c.doc.At(arg), "placeholder", m[1], Placeholders)
			}
		}
		if strings.Count(*arg, "${") != len(placeholder.FindAllString(*arg, -1)) {
			c.add(arg, "placeholder in %q is not closed", *arg)
		}
	}
	if len(r.SSH) > 0 && strings.HasPrefix(r.SSH[0], "$") {
		c.add(&r.SSH[0], "the command itself cannot be a placeholder")
	}
}

func (c *checker) escalation(e *Escalation) {
	t := e.Technician
	if t == nil {
		return
	}
	c.word(&t.To, "recipient", Recipients)
	c.word(&t.Order, "order", Orders)
	c.time(&t.Acknowledge, "acknowledge")
	c.time(&t.Arrive, "arrive")
	if t.Arrive < t.Acknowledge {
		c.add(&t.Arrive, "arrive (%v) is earlier than acknowledge (%v)", t.Arrive, t.Acknowledge)
	}
}

// Fits reports whether a command that was run may be this one with its
// placeholders filled: whatever stands in their place is not compared.
func Fits(command, run []string) bool {
	return slices.EqualFunc(command, run, func(arg, was string) bool {
		fixed := placeholder.Split(arg, -1)
		for n := range fixed {
			fixed[n] = regexp.QuoteMeta(fixed[n])
		}
		fits, err := regexp.MatchString(`(?s)^`+strings.Join(fixed, `.+`)+`$`, was)
		return fits && err == nil
	})
}

// Fill replaces the placeholders of a command by values. When one has no value,
// missing is its name and the command must not be used.
func Fill(command []string, values map[string]string) (filled []string, missing string) {
	for _, arg := range command {
		out := placeholder.ReplaceAllStringFunc(arg, func(m string) string {
			name := placeholder.FindStringSubmatch(m)[1]
			if values[name] == "" && missing == "" {
				missing = name
			}
			return values[name]
		})
		filled = append(filled, out)
	}
	return filled, missing
}
