package yamlpos

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spinware/piket/internal/secret"
)

// field is what a struct tag says of one key.
type field struct {
	name     string
	index    int
	required bool // absent, empty and null are mistakes
	secret   bool // three keys that refer to a secret stand for it
	path     bool // relative paths start at the file's directory
}

var secretRef = reflect.TypeFor[secret.Ref]()

// fieldsOf reads the tags of a struct type. A tag that makes no sense is a
// mistake in the program.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("yaml")
		if !ok || tag == "-" || !t.Field(i).IsExported() {
			continue
		}
		words := strings.Split(tag, ",")
		f := field{name: words[0], index: i, path: strings.HasSuffix(words[0], "_file")}
		for _, option := range words[1:] {
			f.set(option, t)
		}
		if f.secret != (t.Field(i).Type == secretRef) {
			panic(fmt.Sprintf("yamlpos: %v.%s: the option secret and the type secret.Ref go together", t, t.Field(i).Name))
		}
		fields = append(fields, f)
	}
	return fields
}

func (f *field) set(option string, t reflect.Type) {
	switch option {
	case "required":
		f.required = true
	case "secret":
		f.secret = true
	case "path":
		f.path = true
	default:
		panic(fmt.Sprintf("yamlpos: %v: key %q has the unknown option %q", t, f.name, option))
	}
}

// entry is what stands for one entry of a list or map: it may not be empty.
func (f field) entry() field {
	return field{name: f.name, required: true, path: f.path}
}

func (d *decoder) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.dir, path)
}
