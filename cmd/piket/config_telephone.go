package main

import (
	"net"
	"regexp"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/telephone"
	"github.com/spinware/piket/internal/trusted"
)

// e164 is a number as the telephone network writes it (ITU-T E.164).
var e164 = regexp.MustCompile(`\A\+[1-9][0-9]{6,14}\z`)

// sipCaller is what a trunk may want for a number of its own.
var sipCaller = regexp.MustCompile(`\A\+?[0-9A-Za-z._-]{1,40}\z`)

// telephone checks how piket telephones.
func (c *configChecker) telephone() {
	t := &c.config.Telephone
	for _, b := range []struct {
		name        string
		field       *time.Duration
		least, most time.Duration
	}{
		{"after", &t.After, 0, 10 * time.Minute}, {"ring", &t.Ring, 5 * time.Second, 2 * time.Minute}, {"pause", &t.Pause, 5 * time.Second, 10 * time.Minute},
	} {
		c.between(b.name, b.field, *b.field, b.least, b.most)
	}
	for _, b := range []struct {
		name  string
		field *int
		most  int
	}{{"tries", &t.Tries, 5}, {"lines", &t.Lines, 50}} {
		if *b.field < 1 || *b.field > b.most {
			c.add(b.field, "%s: want a number from 1 to %d, found %d", b.name, b.most, *b.field)
		}
	}
	for i := range t.Priorities {
		if p := &t.Priorities[i]; *p != "" && !slices.Contains(incident.Priorities, *p) {
			c.problems.AddUnknown(c.doc.At(p), "priority", string(*p), []string{"P1", "P2", "P3", "P4"})
		}
	}
	sip, twilio := c.doc.Given(&t.SIP), c.doc.Given(&t.Twilio)
	switch {
	case sip && twilio:
		c.add(&t.Twilio, "telephone: there is a way by sip as well; choose one")
	case c.doc.Given(t) && !sip && !twilio:
		c.add(t, "telephone: say by sip or by twilio")
	}
	if len(t.Speech) == 0 && sip {
		c.add(&t.Speech, "speech: want a command, such as [espeak-ng, --stdin, --stdout]")
	}
	c.sip(&t.SIP)
	c.twilio(t)
}

func (c *configChecker) sip(s *telephone.SIPConfig) {
	host := s.Server
	if s.Server != "" {
		var err error
		if host, _, err = telephone.SplitServer(s.Server, s.Transport); err != nil {
			c.add(&s.Server, "server: %v", err)
		}
	}
	if !slices.Contains(telephone.Transports, s.Transport) {
		c.problems.AddUnknown(c.doc.At(&s.Transport), "transport", s.Transport, telephone.Transports)
	}
	if s.CAFile != "" && s.Transport != "tls" {
		c.add(&s.CAFile, "ca_file: transport %s knows no certificates", s.Transport)
	}
	if (s.Username == "") != s.Password.IsZero() {
		c.add(s, "sip: username and password belong together")
	}
	if s.Register && s.Username == "" {
		c.add(&s.Register, "register: there is no username to register")
	}
	if s.Address != "" && net.ParseIP(s.Address) == nil {
		c.add(&s.Address, "address: want an address of this machine, found %q", s.Address)
	}
	if s.Public != "" && net.ParseIP(s.Public) == nil {
		c.add(&s.Public, "public_address: want an address, found %q", s.Public)
	}
	if caller := &c.config.Telephone.Caller; host != "" && *caller != "" && !sipCaller.MatchString(*caller) {
		c.add(caller, "caller: want a number such as +31201234567, found %q", *caller)
	}
}

func (c *configChecker) twilio(t *telephone.Config) {
	if t.Twilio.Account == "" {
		return
	}
	if err := trusted.Address(t.Twilio.URL, true); err != nil {
		c.add(&t.Twilio.URL, "url: %v", err)
	}
	if !e164.MatchString(t.Caller) {
		c.add(t, "telephone: Twilio calls from a caller such as +31201234567, found %q", t.Caller)
	}
	if c.config.Web.ExternalURL == "" {
		c.add(&t.Twilio, "twilio: it tells keys to web.external_url, which is not given")
	}
}

// telephoneWarnings says why nobody could be telephoned.
func (c *Config) telephoneWarnings() []string {
	if c.Telephone.SIP.Server == "" {
		return nil
	}
	if err := (telephone.Speaker{Command: c.Telephone.Speech}).Check(); err != nil {
		return []string{"telephone: " + err.Error() + ": people are called by tones, customers not at all"}
	}
	return nil
}
