package yamlpos

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// pair is one key of a mapping with its value.
type pair struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// structure reads a mapping into a struct: every key must be one of its
// fields, and every required field must be there.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, a at) {
	if n.Kind != yaml.MappingNode {
		d.wrongKind(n, v, "a mapping", a)
		return
	}
	fields := fieldsOf(v.Type())
	for _, f := range fields {
		d.absent(v.Field(f.index), a.pos)
	}
	given := map[string]bool{}
	for _, p := range d.pairs(n) {
		f, ok := fieldOf(p.name, fields)
		if !ok {
			d.problems.AddUnknown(d.pos(p.key), "key", p.name, validKeys(fields))
			continue
		}
		if f.secret {
			d.secret(p, v.Field(f.index), f, given[f.name])
		} else {
			d.value(p.value, v.Field(f.index), f)
		}
		given[f.name] = true
	}
	for _, f := range fields {
		if f.required && !given[f.name] {
			d.missing(f, a.pos)
		}
	}
}

func fieldOf(key string, fields []field) (field, bool) {
	for _, f := range fields {
		if key == f.name || (f.secret && slices.Contains(secretKeys(f.name), key)) {
			return f, true
		}
	}
	return field{}, false
}

func validKeys(fields []field) []string {
	var keys []string
	for _, f := range fields {
		if f.secret {
			keys = append(keys, secretKeys(f.name)...)
		} else {
			keys = append(keys, f.name)
		}
	}
	return keys
}

func (d *decoder) missing(f field, pos Pos) {
	if f.secret {
		d.problems.Add(pos, "missing key %q (or %s_credential, %s_env)", f.name+"_file", f.name, f.name)
		return
	}
	d.problems.Add(pos, "missing key %q", f.name)
}

// dictionary reads a mapping whose keys are free into a map of strings. Keys
// that v holds already are defaults and stay unless they are given.
func (d *decoder) dictionary(n *yaml.Node, v reflect.Value, a at) {
	if v.Type().Key().Kind() != reflect.String {
		panic(fmt.Sprintf("yamlpos: %v: only maps with string keys can be read", v.Type()))
	}
	if n.Kind != yaml.MappingNode {
		d.wrongKind(n, v, "a mapping", a)
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, p := range d.pairs(n) {
		if v.CanAddr() {
			d.doc.keys[mapKey{v.Addr().Interface(), p.name}] = d.pos(p.key)
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		f := a.entry()
		f.name += "." + p.name
		d.value(p.value, entry, f)
		v.SetMapIndex(reflect.ValueOf(p.name).Convert(v.Type().Key()), entry)
	}
}

// pairs lists the keys of a mapping: its own in the order of the file, then
// those that merge keys (<<) bring and that it does not have itself.
func (d *decoder) pairs(n *yaml.Node) []pair {
	var pairs []pair
	var merges []*yaml.Node
	first := map[string]int{} // the line on which a key stands
	if d.inAlias > 0 && !d.spend(len(n.Content)/2, d.pos(n)) {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		name, ok := d.keyName(key)
		if !ok {
			continue
		}
		if line, twice := first[name]; twice {
			d.problems.Add(d.pos(key), "key %s is given twice, first on line %d", quote(name), line)
			continue
		}
		first[name] = key.Line
		pairs = append(pairs, pair{name, key, value})
	}
	for _, merge := range merges {
		pairs = d.merge(merge, pairs, first)
	}
	return pairs
}

func (d *decoder) keyName(key *yaml.Node) (string, bool) {
	pos := d.pos(key)
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" {
		d.problems.Add(pos, "a key must be a word")
		return "", false
	}
	return key.Value, true
}

// merge adds to pairs what the mapping (or list of mappings) n has besides.
func (d *decoder) merge(n *yaml.Node, pairs []pair, first map[string]int) []pair {
	pos := d.pos(n)
	isAlias := n.Kind == yaml.AliasNode
	n, ok := d.enter(n)
	if !ok {
		return pairs
	}
	defer d.leave(n, isAlias)
	switch n.Kind {
	case yaml.SequenceNode:
		for _, entry := range n.Content {
			pairs = d.merge(entry, pairs, first)
		}
	case yaml.MappingNode:
		for _, p := range d.pairs(n) {
			if _, taken := first[p.name]; !taken {
				first[p.name] = p.key.Line
				pairs = append(pairs, p)
			}
		}
	default:
		d.problems.Add(pos, "<<: want a mapping, found %s", found(n))
	}
	return pairs
}
