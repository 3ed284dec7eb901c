package main

import (
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spinware/piket/internal/trusted"
)

// mailbox checks where mail comes in.
func (c *configChecker) mailbox() {
	m := &c.config.Mailbox
	listens := m.Listen.Address != ""
	switch {
	case !m.Reads() && !listens:
		if m.Username != "" || !m.Password.IsZero() {
			c.add(m, "mailbox: it has no address to read at, and none to listen on")
		}
		if len(m.Listen.Recipients) > 0 {
			c.add(&m.Listen, "listen: it has no address")
		}
		return
	case !c.config.Mail.Enabled():
		c.add(m, "mailbox: what comes in is answered, and there is no way out: give mail, too")
	}
	if m.Reads() {
		c.imap()
	}
	if listens {
		c.smtpListener()
	}
}

func (c *configChecker) imap() {
	m := &c.config.Mailbox
	host := c.hostPort("address", &m.Address)
	if !slices.Contains(tlsWords, m.TLS) {
		c.problems.AddUnknown(c.doc.At(&m.TLS), "tls mode", m.TLS, tlsWords)
	}
	if m.Username == "" || m.Password.IsZero() {
		c.add(m, "mailbox: a username and a password are needed to read it")
	}
	if m.TLS == "none" && !trusted.Loopback(host) {
		c.add(&m.TLS, "tls: without it the password would be readable on the way to %s", host)
	}
	if m.Folder == "" || m.Folder == m.Done {
		c.add(&m.Folder, "folder: want the one that mail comes into, and another one for done")
	}
	c.between("poll", &m.Poll, m.Poll, 5*time.Second, 15*time.Minute)
}

func (c *configChecker) smtpListener() {
	l := &c.config.Mailbox.Listen
	host := c.hostPort("address", &l.Address)
	if host != "" && net.ParseIP(host) == nil {
		c.add(&l.Address, "address: want an address of this machine such as 127.0.0.1:2525, found %q", l.Address)
	}
	if len(l.Recipients) == 0 {
		c.add(l, "listen: without recipients no mail is taken")
	}
	for i := range l.Recipients {
		field := &l.Recipients[i]
		if a, err := mail.ParseAddress(*field); err != nil || a.Address != *field {
			c.add(field, "recipients: %q is not an address such as support@example.net", *field)
		}
	}
	for i := range l.Networks {
		if n := &l.Networks[i]; n.IsValid() && n.Bits() == 0 {
			c.add(n, "networks: %s is everybody: name your own mail servers", n)
		}
	}
}

// hostPort checks that a field says HOST:PORT, and returns the host.
func (c *configChecker) hostPort(name string, field *string) string {
	if *field == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(*field)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || number == 0 || host == "" || strings.ContainsAny(host, " /") {
		c.add(field, "%s: want HOST:PORT, found %q", name, *field)
		return ""
	}
	return host
}
