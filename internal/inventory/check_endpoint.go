package inventory

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Checks are the ways to ask an endpoint.
var Checks = []string{"icmp", "tcp", "http", "tls", "dns", "ssh", "exec", "heartbeat"}

// QueryTypes are the kinds of record that a dns check may ask for.
var QueryTypes = []string{"A", "AAAA", "MX", "TXT", "NS", "SOA", "CNAME"}

// CommandPlaceholders are what the arguments of an exec check may contain. Each
// stands for a value of the inventory.
var CommandPlaceholders = []string{"${address}", "${name}"}

// endpointKeys says which checks each key is for. A key that does not go with
// its check is a mistake: somebody believes that it does something.
var endpointKeys = []struct {
	key    string
	checks []string
	field  func(*Endpoint) (field any, zero bool)
}{
	{"address", []string{"icmp", "tcp", "tls", "dns", "ssh", "exec"}, func(e *Endpoint) (any, bool) { return &e.Address, e.Address == "" }},
	{"url", []string{"http"}, func(e *Endpoint) (any, bool) { return &e.URL, e.URL == "" }},
	{"ca_file", []string{"http", "tls"}, func(e *Endpoint) (any, bool) { return &e.CAFile, e.CAFile == "" }},
	{"status", []string{"http"}, func(e *Endpoint) (any, bool) { return &e.Status, len(e.Status) == 0 }},
	{"expect", []string{"http", "dns"}, func(e *Endpoint) (any, bool) { return &e.Expect, e.Expect == "" }},
	{"expect_regex", []string{"http"}, func(e *Endpoint) (any, bool) { return &e.ExpectRegex, e.ExpectRegex == "" }},
	{"redirects", []string{"http"}, func(e *Endpoint) (any, bool) { return &e.Redirects, !e.Redirects }},
	{"cert_warn", []string{"http", "tls"}, func(e *Endpoint) (any, bool) { return &e.CertWarn, e.CertWarn == 0 }},
	{"server_name", []string{"tls"}, func(e *Endpoint) (any, bool) { return &e.ServerName, e.ServerName == "" }},
	{"query", []string{"dns"}, func(e *Endpoint) (any, bool) { return &e.Query, e.Query == "" }},
	{"type", []string{"dns"}, func(e *Endpoint) (any, bool) { return &e.Type, e.Type == "" }},
	{"every", []string{"heartbeat"}, func(e *Endpoint) (any, bool) { return &e.Every, e.Every == 0 }},
	{"token", []string{"heartbeat"}, func(e *Endpoint) (any, bool) { return &e.Token, e.Token.IsZero() }},
	{"command", []string{"exec"}, func(e *Endpoint) (any, bool) { return &e.Command, len(e.Command) == 0 }},
}

// endpoint checks what a probe will ask; fallback is the address that is
// meant when the endpoint has none.
func (c *checker) endpoint(e *Endpoint, fallback string) {
	c.word("check", &e.Check, Checks)
	if !slices.Contains(Checks, e.Check) {
		return
	}
	c.onlyItsKeys(e)
	switch e.Check {
	case "http":
		c.httpEndpoint(e)
	case "dns":
		c.dnsEndpoint(e, fallback)
	case "exec":
		c.execEndpoint(e)
	case "icmp", "tcp", "ssh", "tls":
		c.addressEndpoint(e, fallback)
	}
}

func (c *checker) onlyItsKeys(e *Endpoint) {
	for _, k := range endpointKeys {
		field, zero := k.field(e)
		if slices.Contains(k.checks, e.Check) || !c.given(field, zero) {
			continue
		}
		if k.key == "address" && e.Check == "http" {
			c.add(field, "address is not for http; the url says it")
			continue
		}
		c.add(field, "%s is for %s, not for %s", k.key, inWords(k.checks), e.Check)
	}
}

// inWords joins "a", "b" and "c" as "a, b and c".
func inWords(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func (c *checker) httpEndpoint(e *Endpoint) {
	if e.URL == "" {
		c.hint(e, "write url: https://…", "an http check needs a url")
	}
	c.url("url", &e.URL)
	for i := range e.Status {
		if code := &e.Status[i]; *code < 200 || *code > 599 {
			c.add(code, "status %d: want a number from 200 to 599", *code)
		}
	}
	if _, err := regexp.Compile(e.ExpectRegex); err != nil {
		c.add(&e.ExpectRegex, "expect_regex: %v", err)
	}
	c.certWarn(&e.CertWarn)
}

// maxCertWarn is more than the 398 days that public authorities ever gave
// since 2020: above it every certificate would be warned of for ever.
const maxCertWarn = 365

func (c *checker) certWarn(days *int) {
	if c.given(days, *days == 0) && (*days < 1 || *days > maxCertWarn) {
		c.add(days, "cert_warn %d: want a number of days from 1 to %d", *days, maxCertWarn)
	}
}

func (c *checker) addressEndpoint(e *Endpoint, fallback string) {
	withPort := e.Check == "tcp" || e.Check == "tls"
	switch {
	case withPort && e.Address == "":
		c.hint(e, "write address: HOST:PORT", "a %s check needs an address with a port", e.Check)
	case e.Address == "" && fallback == "":
		c.add(e, "a check by %s needs an address", e.Check)
	case e.Check == "icmp":
		c.host("address", &e.Address)
	default:
		c.hostPort("address", &e.Address, withPort)
	}
	if e.Check == "tls" {
		c.host("server_name", &e.ServerName)
		c.certWarn(&e.CertWarn)
	}
}

func (c *checker) dnsEndpoint(e *Endpoint, fallback string) {
	if e.Query == "" {
		c.hint(e, "write query: www.example.net", "a dns check needs a query")
	}
	if e.Address == "" && fallback == "" {
		c.add(e, "a check by dns needs an address")
	}
	if e.Query != "" && (!hostForm.MatchString(e.Query) || onlyNumbers(e.Query)) {
		c.add(&e.Query, "query %q: want a name such as www.example.net", e.Query)
	}
	c.word("type", &e.Type, QueryTypes)
	c.line("expect", &e.Expect)
	c.hostPort("address", &e.Address, false)
}

// Bounds of a plug-in's command line. Real ones have a dozen short arguments.
const (
	maxArguments     = 64
	maxArgumentBytes = 4 << 10
)

// execEndpoint checks a command that piket runs itself, as itself: it is found
// by its path alone, and nothing but the inventory gets into it.
func (c *checker) execEndpoint(e *Endpoint) {
	c.hostPort("address", &e.Address, false)
	switch {
	case len(e.Command) == 0:
		c.hint(e, "write command: [/usr/lib/nagios/plugins/check_x, -H, \"${address}\"]", "an exec check needs a command")
		return
	case len(e.Command) > maxArguments:
		c.add(&e.Command, "command: %d arguments, want at most %d", len(e.Command), maxArguments)
	}
	if name := &e.Command[0]; *name != "" && (!path.IsAbs(*name) || path.Clean(*name) != *name || strings.Contains(*name, "$")) {
		c.hint(name, "write where the plug-in lies, such as /usr/lib/nagios/plugins/check_tcp", "command %q: want an absolute path without placeholders", *name)
	}
	for i := range e.Command {
		c.commandArgument(&e.Command[i])
	}
}

// placeholder finds what is meant as one; a dollar alone is only a dollar.
var placeholder = regexp.MustCompile(`\$\{[^}]*\}?`)

func (c *checker) commandArgument(argument *string) {
	if strings.ContainsRune(*argument, 0) || len(*argument) > maxArgumentBytes {
		c.add(argument, "command: an argument may not contain NUL or be longer than %d bytes", maxArgumentBytes)
	}
	for _, found := range placeholder.FindAllString(*argument, -1) {
		if !slices.Contains(CommandPlaceholders, found) {
			c.problems.AddUnknown(c.doc.At(argument), "placeholder", found, CommandPlaceholders)
		}
	}
}

// Bounds of a heartbeat. What calls more often than every minute would mostly
// tell how busy both sides are.
const (
	minEvery = time.Minute
	maxEvery = 31 * 24 * time.Hour
)

// heartbeat checks a service that calls by itself.
func (c *checker) heartbeat(e *Endpoint) {
	if e.Check != "heartbeat" {
		return
	}
	switch {
	case !c.given(&e.Every, e.Every == 0):
		c.hint(e, "write every: 10m", "a heartbeat needs every: how often it calls")
	case e.Every < minEvery || e.Every > maxEvery:
		c.add(&e.Every, "every: want a duration from %s to %s, found %s", model.Duration(minEvery), model.Duration(maxEvery), model.Duration(e.Every))
	}
	if !c.given(&e.Token, e.Token.IsZero()) {
		c.add(e, "a heartbeat needs token_file (or token_credential, token_env): whoever calls must show it")
	}
}

// noHeartbeat refuses what nothing could call for: a heartbeat is named by a
// server and its service.
func (c *checker) noHeartbeat(e *Endpoint) {
	if e.Check == "heartbeat" {
		c.hint(&e.Check, "make it the probe of a service", "a heartbeat is for a service only")
	}
}
