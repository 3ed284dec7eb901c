package yamlpos

import (
	"encoding"
	"fmt"
	"reflect"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the values that are read through aliases. A file of a few
// hundred bytes could otherwise unfold into billions (CVE-2019-11253).
const maxAliased = 100_000

// decoder carries one file into one struct.
type decoder struct {
	doc      *Document
	file     string
	dir      string
	problems Problems

	open    map[*yaml.Node]bool // anchors that are being read
	inAlias int                 // aliases that are being read
	aliased int                 // values read through aliases so far
}

func (d *decoder) pos(n *yaml.Node) Pos { return Pos{d.file, n.Line, n.Column} }

// value reads n into v and remembers where it stood.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field) {
	pos := d.pos(n)
	isAlias := n.Kind == yaml.AliasNode
	n, ok := d.enter(n)
	if !ok {
		return
	}
	defer d.leave(n, isAlias)
	if n.ShortTag() == "!!null" {
		d.absent(v, pos)
		if f.required {
			d.problems.Add(pos, "%s is empty", f.name)
		}
		return
	}
	d.doc.remember(v, pos, true)
	if !coreTags[n.ShortTag()] {
		d.problems.Add(pos, "%s: the tag %s means nothing here", f.name, quote(n.ShortTag()))
		return
	}
	d.content(n, v, at{f, pos})
}

// coreTags are the tags that plain values resolve to.
var coreTags = map[string]bool{
	"!!map": true, "!!seq": true, "!!str": true, "!!bool": true,
	"!!int": true, "!!float": true, "!!timestamp": true,
}

// at is a field together with the place of its value.
type at struct {
	field
	pos Pos
}

var (
	block           = reflect.TypeFor[Block]()
	duration        = reflect.TypeFor[time.Duration]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// content reads what n holds, by the type that is wanted.
func (d *decoder) content(n *yaml.Node, v reflect.Value, a at) {
	switch {
	case v.Type() == block:
		v.Set(reflect.ValueOf(Block{d.file, n}))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.doc.remember(v.Elem(), a.pos, true)
		d.content(n, v.Elem(), a)
	case v.Type() == duration:
		d.duration(n, v, a)
	case reflect.PointerTo(v.Type()).Implements(textUnmarshaler):
		d.text(n, v, a)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, a)
	case v.Kind() == reflect.Slice:
		d.list(n, v, a)
	case v.Kind() == reflect.Map:
		d.dictionary(n, v, a)
	default:
		d.scalar(n, v, a)
	}
}

// enter follows an alias and refuses the two kinds that never end: an anchor
// that contains itself, and too many of them.
func (d *decoder) enter(n *yaml.Node) (*yaml.Node, bool) {
	pos := d.pos(n)
	isAlias := n.Kind == yaml.AliasNode
	if isAlias {
		n = n.Alias
	}
	if d.open[n] {
		d.problems.Add(pos, "the anchor %s contains itself", quote(n.Anchor))
		return nil, false
	}
	if (isAlias || d.inAlias > 0) && !d.spend(1, pos) {
		return nil, false
	}
	if isAlias {
		d.inAlias++
	}
	if n.Anchor != "" {
		if d.open == nil {
			d.open = map[*yaml.Node]bool{}
		}
		d.open[n] = true
	}
	return n, true
}

// spend counts values that are read through aliases. It reports whether they
// are still within the bound, and says once that they are not.
func (d *decoder) spend(values int, pos Pos) bool {
	before := d.aliased
	d.aliased += values
	if before <= maxAliased && d.aliased > maxAliased {
		d.problems.Add(pos, "aliases stand for more than %d values", maxAliased)
	}
	return d.aliased <= maxAliased
}

// leave ends what enter began.
func (d *decoder) leave(n *yaml.Node, isAlias bool) {
	delete(d.open, n)
	if isAlias {
		d.inAlias--
	}
}

// list is made at its final length, so that the addresses of its entries stay.
func (d *decoder) list(n *yaml.Node, v reflect.Value, a at) {
	if n.Kind != yaml.SequenceNode {
		d.wrongKind(n, v, "a list", a)
		return
	}
	if a.required && len(n.Content) == 0 {
		d.problems.Add(a.pos, "%s is empty", a.name)
	}
	entries := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, entry := range n.Content {
		d.value(entry, entries.Index(i), a.entry())
	}
	v.Set(entries)
}

// absent places a field, and the fields inside it, where the value around it
// stands.
func (d *decoder) absent(v reflect.Value, pos Pos) {
	d.doc.remember(v, pos, false)
	if v.Kind() != reflect.Struct {
		return
	}
	for _, f := range fieldsOf(v.Type()) {
		d.absent(v.Field(f.index), pos)
	}
}

// wrongKind notes a value of the wrong kind, which then counts as not given:
// nobody need complain of the zero that it left.
func (d *decoder) wrongKind(n *yaml.Node, v reflect.Value, want string, a at) {
	d.doc.remember(v, a.pos, false)
	hint := ""
	if want == "a list" && n.Kind == yaml.ScalarNode {
		hint = fmt.Sprintf("put it in brackets: %s: […]", a.name)
	}
	d.problems.AddHint(a.pos, hint, "%s: want %s, found %s", a.name, want, found(n))
}

func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return quote(n.Value)
}
