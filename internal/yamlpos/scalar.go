package yamlpos

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// scalar reads text, a truth value or a number.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, a at) {
	kind, ok := scalarKinds[v.Kind()]
	if !ok {
		panic(fmt.Sprintf("yamlpos: cannot read into %v", v.Type()))
	}
	if n.Kind != yaml.ScalarNode || !kind.set(n, v) {
		d.wrongKind(n, v, kind.want, a)
		return
	}
	if v.Kind() != reflect.String {
		return
	}
	if a.required && n.Value == "" {
		d.problems.Add(a.pos, "%s is empty", a.name)
	}
	if a.path {
		v.SetString(d.resolve(v.String()))
	}
}

type scalarKind struct {
	want string
	set  func(*yaml.Node, reflect.Value) bool // false: n is not that
}

var (
	aNumber = scalarKind{"a whole number", setInt}
	aFloat  = scalarKind{"a number", setFloat}
)

var scalarKinds = map[reflect.Kind]scalarKind{
	reflect.String: {"text", setString},
	reflect.Bool:   {"true or false", setBool},
	reflect.Int:    aNumber, reflect.Int8: aNumber, reflect.Int16: aNumber, reflect.Int32: aNumber, reflect.Int64: aNumber,
	reflect.Float32: aFloat, reflect.Float64: aFloat,
}

// setString takes the text as it is written, whatever YAML would make of it:
// a serial 0123 keeps its zero, a telephone +31… its plus, and "power: off"
// its word.
func setString(n *yaml.Node, v reflect.Value) bool {
	v.SetString(n.Value)
	return true
}

func setBool(n *yaml.Node, v reflect.Value) bool {
	v.SetBool(n.Value == "true")
	return n.ShortTag() == "!!bool" && (n.Value == "true" || n.Value == "false")
}

// decimal leaves out 010, which is eight to one reader and ten to another.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func setInt(n *yaml.Node, v reflect.Value) bool {
	if n.ShortTag() != "!!int" || !decimal.MatchString(n.Value) {
		return false
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || v.OverflowInt(i) {
		return false
	}
	v.SetInt(i)
	return true
}

func setFloat(n *yaml.Node, v reflect.Value) bool {
	if tag := n.ShortTag(); tag != "!!float" && tag != "!!int" {
		return false
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || v.OverflowFloat(f) {
		return false
	}
	v.SetFloat(f)
	return true
}

// duration reads what Prometheus calls a duration: 30s, 5m, 1h30m, 1d.
func (d *decoder) duration(n *yaml.Node, v reflect.Value, a at) {
	if n.Kind == yaml.ScalarNode {
		if length, err := model.ParseDuration(n.Value); err == nil {
			v.SetInt(int64(time.Duration(length)))
			return
		}
	}
	d.wrongKind(n, v, "a duration such as 30s, 5m or 1h30m", a)
}

// text hands the value to a type that reads itself.
func (d *decoder) text(n *yaml.Node, v reflect.Value, a at) {
	if n.Kind != yaml.ScalarNode {
		d.wrongKind(n, v, "text", a)
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil {
		d.problems.Add(a.pos, "%s: %v", a.name, err)
	}
}
