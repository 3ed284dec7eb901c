package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/probes"
)

var vantageName = regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,62}\z`)

const vantageNameHint = "use lower-case letters, digits, dots, hyphens and underscores, at most 63"

// vantages checks who may look along. Two with one token are one place with two
// votes.
func (c *configChecker) vantages() {
	names, tokens := map[string]bool{}, map[secret.Ref]string{}
	for i := range c.config.Vantages {
		v := &c.config.Vantages[i]
		switch {
		case v.Name == "": // is reported as missing
		case !vantageName.MatchString(v.Name):
			c.problems.AddHint(c.doc.At(&v.Name), vantageNameHint, "vantage name %q is not allowed", v.Name)
		case names[v.Name]:
			c.add(&v.Name, "vantage %q is given twice", v.Name)
		}
		names[v.Name] = true
		if other, taken := tokens[v.Token]; taken && !v.Token.IsZero() {
			c.add(&v.Token, "vantage %q has the token of vantage %q: each needs its own, or one could vote for both", v.Name, other)
		}
		tokens[v.Token] = v.Name
	}
}

// LoadVantage reads the file of a vantage. The error is of type
// yamlpos.Problems and holds every mistake.
func LoadVantage(path string) (vantage.Config, error) {
	var config vantage.Config
	c := vantageChecker{config: &config}
	c.problems.Join(c.doc.DecodeFile(path, &config))
	c.check()
	if err := c.problems.Err(); err != nil {
		return vantage.Config{}, err
	}
	return config, nil
}

// vantageChecker finds what the shape of a vantage's file alone does not show.
type vantageChecker struct {
	config   *vantage.Config
	doc      yamlpos.Document
	problems yamlpos.Problems
}

func (c *vantageChecker) check() {
	config := c.config
	if config.Name != "" && !vantageName.MatchString(config.Name) {
		c.problems.AddHint(c.doc.At(&config.Name), vantageNameHint, "name %q is not allowed", config.Name)
	}
	if config.Main != "" {
		if err := trusted.Address(config.Main, true); err != nil {
			c.problems.Add(c.doc.At(&config.Main), "main: %v", err)
		}
	}
	names := map[string]bool{}
	for i := range config.References {
		ref := &config.References[i]
		if names[ref.Name] && ref.Name != "" {
			c.problems.Add(c.doc.At(&ref.Name), "reference %q is given twice", ref.Name)
		}
		names[ref.Name] = true
		c.reference(ref)
	}
}

// reference has the inventory judge one reference, and puts what it finds at
// the place of the whole of it.
func (c *vantageChecker) reference(ref *inventory.Reference) {
	if _, known := probes.Kinds[ref.Probe.Check]; !known {
		if ref.Probe.Check != "" {
			c.problems.AddUnknown(c.doc.At(&ref.Probe.Check), "check", ref.Probe.Check, slices.Sorted(maps.Keys(vantageKinds())))
		}
		return
	}
	if ref.Name == "" || ref.Side == "" {
		return // is reported as missing
	}
	_, err := inventory.New(inventory.Inventory{References: []inventory.Reference{*ref}})
	if problems, ok := err.(yamlpos.Problems); ok {
		for _, p := range problems {
			c.problems.AddHint(c.doc.At(ref), p.Hint, "%s", p.What)
		}
	}
}

// isVantage reports whether the file at path is that of a vantage: only such a
// one says where the daemon is.
func isVantage(path string) bool {
	var peek struct {
		Main string `yaml:"main"`
	}
	var doc yamlpos.Document
	_ = doc.DecodeFile(path, &peek) // every other key is a mistake to it
	return peek.Main != ""
}

// checkVantage is check for the file of a vantage.
func checkVantage(path string, out io.Writer) error {
	fmt.Fprintf(out, "Checking %s\n", path)
	config, err := LoadVantage(path)
	if err != nil {
		fmt.Fprintf(out, "  FAILED: %s\n", mistakes(err))
		return err
	}
	_, err = fmt.Fprintf(out, "  vantage %s of %s, %s\n  SUCCESS\n", config.Name, config.Main,
		count(len(config.References), "reference", "references"))
	return err
}
