package receivers

import (
	"bytes"
	_ "embed"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/config"
	amreceiver "github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/template"
	"go.yaml.in/yaml/v3"

	"github.com/spinware/piket/internal/yamlpos"
)

// Source is the part of a configuration file that an Alertmanager would read the
// same: its keys global, templates and receivers.
type Source struct {
	Global, Templates, Receivers yamlpos.Block

	ExternalURL string // of piket's page, for templates; may be empty
}

// Read reads the receivers with Alertmanager's own reader, and makes their
// notifiers. No place in the file may be left out to it, so the error, of type
// yamlpos.Problems, says where each mistake stands; it shows no secret.
func Read(src Source) (*Set, error) {
	r := &reader{src: src}
	for _, b := range []*yamlpos.Block{&r.src.Global, &r.src.Templates, &r.src.Receivers} {
		var err error
		*b, err = b.Plain()
		r.problems.Join(err)
	}
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	set := r.read()
	if err := r.problems.Err(); err != nil {
		return nil, err
	}
	return set, nil
}

// reader carries one source into one set.
type reader struct {
	src      Source
	problems yamlpos.Problems
}

func (r *reader) read() *Set {
	entries := r.src.Receivers.Entries()
	if r.src.Receivers.Given() && len(entries) == 0 {
		r.problems.Add(r.src.Receivers.Pos(), "receivers: want a list of receivers")
		return nil
	}
	tmpl := r.templates()
	if len(entries) == 0 {
		if r.src.Global.Given() {
			r.problems.Add(r.src.Global.Pos(), "global: there are no receivers that it is for")
		}
		return new(Set)
	}
	cfg, err := r.load(entries)
	if err != nil {
		r.locate(err, entries)
		return nil
	}
	resolvePaths(cfg, r.src.Receivers.Dir())
	if tmpl == nil {
		return nil
	}
	return r.build(cfg, tmpl, entries)
}

// load gives Alertmanager's reader what it would find in a file of its own: the
// blocks and, since it insists on one, a route.
func (r *reader) load(receivers []yamlpos.Block) (*config.Config, error) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, b := range receivers {
		list.Content = append(list.Content, b.Node())
	}
	return r.loadNode(receivers[0].Value("name").Text(), list)
}

func (r *reader) loadNode(route string, receivers *yaml.Node) (*config.Config, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
	if r.src.Global.Given() {
		add("global", r.src.Global.Node())
	}
	add("route", &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Value: "receiver"}, {Kind: yaml.ScalarNode, Value: route, Style: yaml.DoubleQuotedStyle},
	}})
	add("receivers", receivers)
	text, err := yaml.Marshal(root)
	if err != nil {
		return nil, err
	}
	return config.Load(string(text))
}

// build makes the notifiers.
func (r *reader) build(cfg *config.Config, tmpl *template.Template, entries []yamlpos.Block) *Set {
	set := new(Set)
	for n, receiver := range cfg.Receivers {
		set.names = append(set.names, receiver.Name)
		integrations, err := amreceiver.BuildReceiverIntegrations(receiver, tmpl, nil)
		if err != nil {
			r.complain(entries[n], err)
			continue
		}
		hidden := secretsOf(receiver)
		for _, i := range integrations {
			set.integrations = append(set.integrations, Integration{
				Address: receiver.Name + "/" + i.String(), Receiver: receiver.Name, Kind: i.Name(), Resolved: i.SendResolved(),
				notifier: i, slots: make(chan struct{}, parallel), secrets: hidden,
			})
		}
	}
	return set
}

// ours says what the default templates of Alertmanager leave to its own page and
// words. The files of the configuration come after it, and may say it otherwise.
//
//go:embed piket.tmpl
var ours []byte

func (r *reader) templates() *template.Template {
	tmpl, err := template.FromGlobs(nil)
	if err == nil {
		err = tmpl.Parse(bytes.NewReader(ours))
	}
	if err != nil {
		panic("receivers: the embedded templates can be read: " + err.Error())
	}
	if tmpl.ExternalURL, err = url.Parse(r.src.ExternalURL); err != nil {
		tmpl.ExternalURL = new(url.URL) // whoever reads that key reports it
	}
	if r.src.Templates.Given() && len(r.src.Templates.Entries()) == 0 {
		r.problems.Add(r.src.Templates.Pos(), "templates: want a list of patterns of file names")
		return nil
	}
	good := true
	for _, entry := range r.src.Templates.Entries() {
		path := entry.Text()
		if !filepath.IsAbs(path) {
			path = filepath.Join(entry.Dir(), path)
		}
		if err := tmpl.FromGlob(path); err != nil {
			r.problems.Add(entry.Pos(), "templates: %v", err)
			good = false
		}
	}
	if !good {
		return nil
	}
	return tmpl
}

// locate finds the places of mistakes by reading the parts one by one: a reader
// that is not ours says what is wrong, and seldom where.
func (r *reader) locate(whole error, entries []yamlpos.Block) {
	before := len(r.problems)
	if _, err := r.loadNode("x", names("x")); err != nil {
		r.complain(r.src.Global, err)
		return
	}
	seen := map[string]yamlpos.Pos{}
	for _, entry := range entries {
		name := entry.Value("name").Text()
		if first, twice := seen[name]; twice && name != "" {
			r.problems.Add(entry.Value("name").Pos(), "receiver %q is given twice, first at %s", name, first)
		}
		seen[name] = entry.Value("name").Pos()
		if _, err := r.load([]yamlpos.Block{entry}); err != nil {
			r.within(entry, err)
		}
	}
	if len(r.problems) == before {
		r.complain(r.src.Receivers, whole)
	}
}

// within finds which integrations of a receiver are wrong.
func (r *reader) within(receiver yamlpos.Block, whole error) {
	before := len(r.problems)
	for _, key := range receiver.Keys() {
		if !strings.HasSuffix(key.Text(), "_configs") {
			continue
		}
		for _, entry := range receiver.Value(key.Text()).Entries() {
			one := names("x")
			one.Content[0].Content = append(one.Content[0].Content,
				&yaml.Node{Kind: yaml.ScalarNode, Value: key.Text()}, &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{entry.Node()}})
			if _, err := r.loadNode("x", one); err != nil {
				r.complain(entry, err)
			}
		}
	}
	if len(r.problems) == before {
		r.complain(receiver, whole)
	}
}

// names is a list of receivers that consist of nothing but their names.
func names(list ...string) *yaml.Node {
	seq := &yaml.Node{Kind: yaml.SequenceNode}
	for _, name := range list {
		seq.Content = append(seq.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			{Kind: yaml.ScalarNode, Value: "name"}, {Kind: yaml.ScalarNode, Value: name},
		}})
	}
	return seq
}

// complain notes what Alertmanager's reader said of a part, line by line, where
// it stands. What is quoted of the file may be a secret, and is left out.
func (r *reader) complain(part yamlpos.Block, err error) {
	said := strings.TrimPrefix(err.Error(), "yaml: ")
	for line := range strings.Lines(strings.TrimPrefix(said, "unmarshal errors:\n")) {
		line = saysLine.ReplaceAllString(strings.TrimSpace(line), "")
		if found := unknownKey.FindStringSubmatch(line); found != nil {
			if key, ok := findKey(part, found[1]); ok {
				r.problems.AddUnknown(key.Pos(), "key", found[1], slices.DeleteFunc(validKeys(), func(k string) bool { return k == found[1] }))
				continue
			}
		}
		r.problems.Add(part.Pos(), "%s", redact(line, part))
	}
}

// findKey looks for a key in a part and all that is in it.
func findKey(part yamlpos.Block, name string) (yamlpos.Block, bool) {
	for _, key := range part.Keys() {
		if key.Text() == name {
			return key, true
		}
		if found, ok := findKey(part.Value(key.Text()), name); ok {
			return found, true
		}
	}
	for _, entry := range part.Entries() {
		if found, ok := findKey(entry, name); ok {
			return found, true
		}
	}
	return yamlpos.Block{}, false
}
