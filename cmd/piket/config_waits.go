package main

import (
	"net"
	"strconv"
	"time"
)

// orders checks how long a work order may stay in a state before a manager is called.
func (c *configChecker) orders() {
	f := &c.config.Orders
	c.between("agree", &f.Agree, f.Agree, time.Minute, day)
	c.between("send", &f.Send, f.Send, time.Minute, day)
	c.between("work", &f.Work, f.Work, 10*time.Minute, 3*day)
	c.between("hands_in", &f.HandsIn, f.HandsIn, 5*time.Minute, day)
}

// alertmanagers checks whom piket asks what is silenced.
func (c *configChecker) alertmanagers() {
	a := &c.config.Alertmanager
	c.between("interval", &a.Interval, a.Interval, 5*time.Second, 2*time.Minute)
	if len(a.URL) == 0 && (!a.Token.IsZero() || a.CAFile != "") {
		c.add(a, "alertmanager: there is no url to ask")
	}
	for i := range a.URL {
		c.service("url", &a.URL[i], !a.Token.IsZero())
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
