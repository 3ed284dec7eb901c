// Package yamlpos reads YAML strictly into plain structs and remembers where
// everything stood. It reports every mistake of a file at once, each as
// file:line:col: what, with the nearest valid word, and it lets the caller
// report its own mistakes at the same places:
//
//	var doc yamlpos.Document
//	err := doc.DecodeFile("inventory.yml", &inv)
//	problems.Add(doc.At(&inv.Servers[3].Rack), "unknown rack %q", name)
//
// A struct tag names the key and may add options:
//
//	Name     string     `yaml:"name,required"`
//	Data     string     `yaml:"path,path"`       // relative to the file
//	CAFile   string     `yaml:"ca_file"`         // ends in _file: a path too
//	Password secret.Ref `yaml:"password,secret"` // password_file, _credential or _env
//
// Fields without a tag are not part of the file. A key that is there without a
// value counts as absent. What a field holds before decoding is its default.
package yamlpos

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// MaxFileBytes bounds one file. Ten thousand servers take about 4 MB.
const MaxFileBytes = 10 << 20

// Document remembers the positions of everything that was decoded through it,
// from one file or several. The zero Document is ready for use. It is not safe
// for concurrent use.
type Document struct {
	places map[any]place  // by pointer to the field
	keys   map[mapKey]Pos // by pointer to the map, and key
}

type place struct {
	pos   Pos
	given bool // the file has a value for it
}

type mapKey struct {
	field any
	key   string
}

// Decode reads one YAML file from data into the struct that out points to. See
// [Document.Decode].
func Decode(file string, data []byte, out any) (*Document, error) {
	doc := new(Document)
	return doc, doc.Decode(file, data, out)
}

// Decode reads data, the content of file, into the struct that out points to.
// An error is always of type [Problems] and every problem has a line; what
// could be understood in spite of them is in out all the same. Relative paths
// are resolved against the directory of file.
func (doc *Document) Decode(file string, data []byte, out any) error {
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("yamlpos: decode into %T, want a pointer to a struct", out))
	}
	if doc.places == nil {
		doc.places, doc.keys = map[any]place{}, map[mapKey]Pos{}
	}
	d := &decoder{doc: doc, file: file, dir: filepath.Dir(file)}
	if root := d.parse(data); root != nil {
		d.value(root, v.Elem(), field{name: "the file", required: true})
	}
	return d.problems.Err()
}

// DecodeFile reads the file at path as [Document.Decode] does. A file that
// cannot be read is a problem without a line.
func (doc *Document) DecodeFile(path string, out any) error {
	data, err := readFile(path)
	if err != nil {
		var problems Problems
		problems.Add(Pos{File: path}, "read file: %v", reason(err))
		return problems.Err()
	}
	return doc.Decode(path, data, out)
}

// readFile stops one byte after the bound, so that Decode can say that the
// file is too large without the whole of it in memory.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
}

// reason leaves out the path, which the position says already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// At returns where the value of a field stands. The field is given by pointer,
// as in doc.At(&inv.Servers[3].Rack). A field that the file does not mention
// stands where the struct around it stands. The result is the zero Pos for
// what was not decoded through this document.
func (doc *Document) At(field any) Pos { return doc.places[field].pos }

// Given reports whether the file has a value for the field, of the right kind.
// The field is given by pointer. It tells a zero that was written from one that was not.
func (doc *Document) Given(field any) bool { return doc.places[field].given }

// Key returns where a key of a map stands. The map is given by pointer. The
// result is where the map stands when it has no such key.
func (doc *Document) Key(field any, key string) Pos {
	if pos, ok := doc.keys[mapKey{field, key}]; ok {
		return pos
	}
	return doc.At(field)
}

// remember keys by the pointer itself, which carries the type: a struct and
// its first field share an address, not a key.
func (doc *Document) remember(v reflect.Value, pos Pos, given bool) {
	if v.CanAddr() {
		doc.places[v.Addr().Interface()] = place{pos, given}
	}
}
