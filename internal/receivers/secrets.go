package receivers

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	commoncfg "github.com/prometheus/common/config"

	"github.com/spinware/piket/internal/yamlpos"
)

var (
	saysLine   = regexp.MustCompile(`^(yaml: )?(line \d+: )?`)
	unknownKey = regexp.MustCompile(`^field (\S+) not found in type `)
	quoted     = regexp.MustCompile("`[^`]*`")

	// secretKey is a key behind which a secret may stand. An address is one: that
	// of a webhook is all it takes to post there.
	secretKey = regexp.MustCompile(`(?i)url|key|token|secret|password|credential|user|id$|headers`)
)

// redact leaves out of a message what it quotes of values that may be secret.
func redact(message string, part yamlpos.Block) string {
	message = quoted.ReplaceAllString(message, "`…`")
	return hide(message, valuesUnder(part, false))
}

// minSecret keeps words such as "yes" in messages.
const minSecret = 6

// valuesUnder lists the values that stand behind keys of secrets, the longest
// first.
func valuesUnder(part yamlpos.Block, secret bool) []string {
	var values []string
	if text := part.Text(); secret && len(text) >= minSecret {
		values = append(values, text)
	}
	for _, key := range part.Keys() {
		values = append(values, valuesUnder(part.Value(key.Text()), secret || secretKey.MatchString(key.Text()))...)
	}
	for _, entry := range part.Entries() {
		values = append(values, valuesUnder(entry, secret)...)
	}
	slices.SortFunc(values, func(x, y string) int { return len(y) - len(x) })
	return values
}

// walk calls see for every value within v that can be reached by fields, lists
// and pointers. No configuration points back to itself.
func walk(v reflect.Value, see func(v reflect.Value, tag string), tag string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			see(v, tag)
			walk(v.Elem(), see, tag)
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), see, tag)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				walk(v.Field(i), see, strings.Split(f.Tag.Get("yaml"), ",")[0])
			}
		}
	}
	see(v, tag)
}

// resolvePaths has every relative path start at the directory of the file that
// it stands in, as everywhere in piket's files.
func resolvePaths(cfg *config.Config, dir string) {
	walk(reflect.ValueOf(cfg), func(v reflect.Value, tag string) {
		switch at := v.Interface().(type) {
		case *commoncfg.HTTPClientConfig:
			at.SetDirectory(dir)
		case *commoncfg.TLSConfig:
			at.SetDirectory(dir)
		case string:
			if strings.HasSuffix(tag, "_file") && at != "" && !filepath.IsAbs(at) && v.CanSet() {
				v.SetString(filepath.Join(dir, at))
			}
		}
	}, "")
}

// secretsOf lists the secrets that stand in a receiver, to keep them out of what
// its notifiers complain of.
func secretsOf(receiver config.Receiver) []string {
	var secrets []string
	add := func(s string) {
		if len(s) >= minSecret {
			secrets = append(secrets, s)
		}
	}
	walk(reflect.ValueOf(receiver), func(v reflect.Value, _ string) {
		switch s := v.Interface().(type) {
		case commoncfg.Secret:
			add(string(s))
		case config.SecretTemplateURL:
			add(string(s))
		case amcommon.SecretTemplateURL:
			add(string(s))
		case *amcommon.SecretURL:
			if s.URL != nil {
				add(s.String())
			}
		}
	}, "")
	slices.SortFunc(secrets, func(x, y string) int { return len(y) - len(x) })
	return slices.Compact(secrets)
}

// validKeys lists every key of Alertmanager's blocks, for the nearest to a wrong
// one.
var validKeys = sync.OnceValue(func() []string {
	keys := map[string]bool{}
	seen := map[reflect.Type]bool{}
	for _, t := range []reflect.Type{reflect.TypeFor[config.Receiver](), reflect.TypeFor[config.GlobalConfig]()} {
		keysOf(t, keys, seen)
	}
	list := make([]string, 0, len(keys))
	for k := range keys {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
})

func keysOf(t reflect.Type, keys map[string]bool, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		if name := strings.Split(f.Tag.Get("yaml"), ",")[0]; f.IsExported() && name != "" && name != "-" {
			keys[name] = true
		}
		keysOf(f.Type, keys, seen)
	}
}
