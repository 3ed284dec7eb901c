package main

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/runbooks"
)

// Media says from where disk images may come. A BMC starts a machine from what it
// is given, so that nothing may come from anywhere unless it stands here.
type Media struct {
	Hosts  []string `yaml:"hosts"`   // names, with a port unless that is 443
	CAFile string   `yaml:"ca_file"` // who vouches for them, instead of the system's list
}

// check reports what is no host. The names are compared as runbooks write them, in
// lower case.
func (m *Media) check(doc *yamlpos.Document, problems *yamlpos.Problems) {
	for i := range m.Hosts {
		host := &m.Hosts[i]
		u, err := url.Parse("https://" + *host + "/")
		name := ""
		if err == nil {
			name = u.Hostname()
		}
		if name == "" || u.Host != *host || strings.ContainsAny(name, "*?") || net.ParseIP(name) != nil && net.ParseIP(name).IsUnspecified() {
			problems.Add(doc.At(host), "media: %q is not a host such as images.example.net or images.example.net:8443", *host)
			continue
		}
		*host = strings.ToLower(strings.TrimSuffix(*host, ":443"))
	}
}

// checkImages says which runbook has an image from a host that is not allowed.
func checkImages(library *runbooks.Library, media Media) error {
	for _, book := range library.Books {
		for _, r := range book.Remedies {
			if r.Media != nil && !slices.Contains(media.Hosts, r.Media.Host()) {
				return withHint(fmt.Errorf("runbook %s, step %s: no image may come from %s", book.Name, r.ID, r.Media.Host()),
					"add the host to media.hosts in the configuration, and in the executor's when that is apart")
			}
		}
	}
	return nil
}
