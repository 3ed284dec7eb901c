package main

import (
	"net"
	"strconv"
	"time"
)

// alertmanagers checks whom piket asks what is silenced.
func (c *configChecker) alertmanagers() {
	a := &c.config.Alertmanager
	c.between("interval", &a.Interval, a.Interval, 5*time.Second, 2*time.Minute)
	if len(a.URL) == 0 && (!a.Token.IsZero() || a.CAFile != "") {
		c.add(a, "alertmanager: there is no url to ask")
	}
	for i := range a.URL {
		field := &a.URL[i]
		if *field == "" {
			continue
		}
		u := c.address("url", field)
		switch {
		case u == nil:
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			c.add(field, "url: a user name, a query or a fragment may not stand in it")
		case u.Scheme == "http" && !a.Token.IsZero() && !loopback(u.Hostname()):
			c.add(field, "url: without https the token would be readable on the way to %s", u.Hostname())
		}
	}
}

// kdump checks where piket listens for machines that write their memory.
func (c *configChecker) kdump() {
	field := &c.config.Kdump.Listen
	if *field == "" {
		return
	}
	host, port, err := net.SplitHostPort(*field)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || number == 0 || host != "" && net.ParseIP(host) == nil {
		c.add(field, "listen: want ADDRESS:PORT or :PORT, such as :7410, found %q", *field)
	}
}
