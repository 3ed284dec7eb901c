package yamlpos

import (
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/spinware/piket/internal/secret"
)

// secretSources are the endings of the keys that say where a secret lies.
var secretSources = []struct {
	suffix string
	set    func(*secret.Ref, string)
	valid  func(string) bool
	want   string
}{
	{"_file", func(r *secret.Ref, s string) { r.File = s }, isPath, "the path of a file"},
	{"_credential", func(r *secret.Ref, s string) { r.Credential = s }, isCredential, "the name of a systemd credential"},
	{"_env", func(r *secret.Ref, s string) { r.Env = s }, envName.MatchString, "the name of an environment variable"},
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func isPath(s string) bool { return s != "" && !strings.ContainsRune(s, 0) }

func isCredential(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\x00")
}

func secretKeys(name string) []string {
	keys := make([]string, len(secretSources))
	for i, source := range secretSources {
		keys[i] = name + source.suffix
	}
	return keys
}

// secret reads one of the keys that refer to a secret. No message shows a
// value: it may be the secret itself, on the wrong line.
func (d *decoder) secret(p pair, v reflect.Value, f field, again bool) {
	pos := d.pos(p.value)
	if p.name == f.name {
		hint := "put it in a file that only piket can read and write " + f.name + "_file: PATH"
		d.problems.AddHint(d.pos(p.key), hint, "%s: a secret may not stand in this file", f.name)
		return
	}
	if again {
		d.problems.AddHint(d.pos(p.key), "keep one", "%s: more than one place is given for one secret", f.name)
		return
	}
	d.doc.remember(v, pos, true)
	n := p.value
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	for _, source := range secretSources {
		if p.name != f.name+source.suffix {
			continue
		}
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || !source.valid(n.Value) {
			d.problems.Add(pos, "%s: want %s", p.name, source.want)
			return
		}
		ref := v.Addr().Interface().(*secret.Ref)
		source.set(ref, n.Value)
		ref.File = d.resolve(ref.File)
	}
}
