package runbooks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// Bounds on a condition: an engineer reads it at three in the morning, and a
// pinned runbook of an old incident must not cost more than one glance.
const (
	maxConditionRunes = 400
	maxConditionCost  = 1000
)

// condition is a "when", type-checked.
type condition struct {
	program   cel.Program
	variables []string          // the facts that it mentions
	types     map[string]string // of every fact there may be
}

// Answer is what a condition says about the findings at hand. A condition that
// needs a fact that is not known has Known false: it is then neither yes nor
// no, and the remedy is not taken.
type Answer struct {
	Holds, Known bool
	Missing      string // what was not known
}

// celTypes are the types that facts have, by the names the probes use.
var celTypes = map[string]*cel.Type{
	"bool": cel.BoolType, "string": cel.StringType, "int": cel.IntType, "double": cel.DoubleType,
}

// variables returns the facts that conditions of b may use, with their types.
func (b *Runbook) variables() map[string]string {
	vars := map[string]string{}
	for _, name := range b.Goal.valid() {
		vars[name+".ok"] = "bool"
	}
	for _, d := range b.Diagnose {
		vars[d.ID+".ok"] = "bool"
		for fact, kind := range Checks[d.Check].Facts {
			vars[d.ID+"."+fact] = kind
		}
	}
	return vars
}

// valid returns the checks of the goal, or all that there are while the goal
// itself is wrong: one mistake is not reported twice.
func (g Goal) valid() []string {
	if len(g.Checks) == 0 || slices.ContainsFunc(g.Checks, func(name string) bool { return !slices.Contains(GoalChecks, name) }) {
		return GoalChecks
	}
	return g.Checks
}

// environment declares every fact under its dotted name, so that a misspelt
// one is a mistake in the file and not a surprise at night.
func environment(vars map[string]string) (*cel.Env, error) {
	var options []cel.EnvOption
	for name, kind := range vars {
		options = append(options, cel.Variable(name, celTypes[kind]))
	}
	return cel.NewEnv(options...)
}

// conditionError is a mistake in a condition and where it stands in the text.
type conditionError struct {
	column int // from 0
	what   string
	word   string // the name that is not known, "" for other mistakes
}

func (e *conditionError) Error() string { return e.what }

// compile type-checks text. The error is a *conditionError.
func compile(env *cel.Env, text string, vars map[string]string) (condition, error) {
	if len([]rune(text)) > maxConditionRunes {
		return condition{}, &conditionError{what: fmt.Sprintf("condition is longer than %d characters", maxConditionRunes)}
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		e := &conditionError{column: first.Location.Column(), what: first.Message}
		if name, ok := undeclared(text, e.column, first.Message); ok {
			e.what, e.word = fmt.Sprintf("unknown fact %q", name), name
		}
		return condition{}, e
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return condition{}, &conditionError{what: fmt.Sprintf("condition yields %s, want true or false", ast.OutputType())}
	}
	program, err := env.Program(ast, cel.CostLimit(maxConditionCost))
	if err != nil {
		return condition{}, &conditionError{what: err.Error()}
	}
	return condition{program: program, variables: used(text, vars), types: vars}, nil
}

var (
	dotted     = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*`)
	reference  = regexp.MustCompile(`undeclared reference to '([^']*)'`)
	undefField = regexp.MustCompile(`undefined field '([^']*)'`)
)

// undeclared finds the whole dotted name that CEL did not know; CEL itself
// names only its first part.
func undeclared(text string, column int, message string) (string, bool) {
	m := reference.FindStringSubmatch(message)
	if m == nil {
		m = undefField.FindStringSubmatch(message)
	}
	if m == nil || strings.HasPrefix(text[min(column, len(text)):], "(") { // a function is no fact
		return "", false
	}
	for _, span := range dotted.FindAllStringIndex(text, -1) {
		if span[0] <= column && column < span[1] {
			return text[span[0]:span[1]], true
		}
	}
	return m[1], true
}

// used lists the facts that a condition mentions.
func used(text string, vars map[string]string) []string {
	var names []string
	for _, name := range dotted.FindAllString(text, -1) {
		if _, ok := vars[name]; ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Applies judges a remedy's condition on the facts that are known. A fact that
// is missing from the map is unknown; CEL's own three-valued logic decides
// whether the condition can be judged without it.
func (b *Runbook) Applies(remedy string, facts map[string]any) Answer {
	c, ok := b.conditions[remedy]
	if !ok {
		return Answer{Holds: true, Known: true}
	}
	return c.judge(facts)
}

// Asks reports whether a person must be asked before a remedy is taken: always
// when the runbook says so, except where it names an exception and that surely
// holds.
func (b *Runbook) Asks(r Remedy, facts map[string]any) bool {
	if r.Approve == nil {
		return false
	}
	leave, ok := b.leaves[r.ID]
	return !ok || !leave.judge(facts).Holds
}

func (c condition) judge(facts map[string]any) Answer {
	value, _, err := c.program.Eval(c.typed(facts))
	if err != nil {
		return Answer{Missing: c.missing(facts, err)}
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return Answer{Missing: "a true or false answer"}
	}
	return Answer{Holds: holds, Known: true}
}

// typed gives whole numbers back their type: a timeline that was read again
// from JSON has them as floating point, which CEL will not calculate with.
func (c condition) typed(facts map[string]any) map[string]any {
	typed := maps.Clone(facts)
	for name, value := range typed {
		if number, ok := value.(float64); ok && c.types[name] == "int" {
			typed[name] = int64(number)
		}
	}
	return typed
}

func (c condition) missing(facts map[string]any, err error) string {
	var names []string
	for _, name := range c.variables {
		if _, ok := facts[name]; !ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return err.Error()
	}
	return strings.Join(names, ", ")
}
