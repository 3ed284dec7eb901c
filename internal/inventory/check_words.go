package inventory

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	nameForm = regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,62}\z`)
	unitForm = regexp.MustCompile(`\A[A-Za-z0-9@:._+][A-Za-z0-9@:._+-]{0,254}\z`)
	hostForm = regexp.MustCompile(`\A[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?\z`)
	userForm = regexp.MustCompile(`\A[A-Za-z0-9_][A-Za-z0-9_.@\\$-]{0,62}\z`)
	phone    = regexp.MustCompile(`\A\+?[0-9][0-9 ()./-]{2,30}\z`)
)

// crowds are words that people write when they mean everything. One name must
// never stand for more than one thing.
var crowds = map[string]bool{"all": true, "any": true, "every": true}

func (c *checker) nameForm(what string, name *string) {
	if crowds[*name] {
		c.add(name, "%s name %q reads as if it meant all of them", what, *name)
		return
	}
	if !nameForm.MatchString(*name) {
		hint := "use lower-case letters, digits, dots, hyphens and underscores, at most 63"
		c.hint(name, hint, "%s name %q is not allowed", what, *name)
	}
}

// line checks text that is printed on one line and in the header of a mail.
func (c *checker) line(what string, text *string) {
	if strings.ContainsFunc(*text, unicode.IsControl) {
		c.add(text, "%s: line breaks and control characters are not allowed", what)
	}
}

// host checks an address without a port. Nothing that passes can be taken for
// an option, a user, a port or a path.
func (c *checker) host(what string, host *string) {
	if *host == "" || isHost(*host) {
		return
	}
	hint := ""
	if _, _, err := net.SplitHostPort(*host); err == nil {
		hint = "leave out the port"
	}
	c.hint(host, hint, "%s %q: want a host name or an IP address", what, *host)
}

// isHost leaves out zones (fe80::1%eth0): they differ from machine to machine.
func isHost(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	return len(s) <= 253 && hostForm.MatchString(s) && !onlyNumbers(s)
}

// onlyNumbers catches 192.0.2.256, a host name by its letters and a slip in an
// address by its looks.
func onlyNumbers(s string) bool { return strings.Trim(s, "0123456789.") == "" }

// hostPort checks an address behind which a port may stand, or must.
func (c *checker) hostPort(what string, address *string, must bool) {
	if *address == "" || (!must && isHost(*address)) {
		return
	}
	host, port, err := net.SplitHostPort(*address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err == nil && portErr == nil && number > 0 && isHost(host) {
		return
	}
	c.add(address, "%s %q: want HOST:PORT", what, *address)
}

// url checks an address of the web. A password in it would show on every page.
func (c *checker) url(what string, text *string) {
	if *text == "" {
		return
	}
	u, err := url.Parse(*text)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || !isHost(u.Hostname()):
		c.add(text, "%s: want an address such as https://www.example.net/", what)
	case u.User != nil:
		c.add(text, "%s: a user name or password may not stand in it", what)
	}
}

// argument checks a user name that is handed to another program.
func (c *checker) argument(what string, text *string) {
	if *text != "" && !userForm.MatchString(*text) {
		c.add(text, "%s %q: want letters, digits and _ . - @ without spaces, not beginning with a hyphen", what, *text)
	}
}

func (c *checker) mails(list []string) {
	for i := range list {
		c.mail(&list[i])
	}
}

// mail checks a bare address: names and comments around it do not belong in a
// recipient list.
func (c *checker) mail(address *string) {
	if *address == "" {
		return
	}
	if a, err := mail.ParseAddress(*address); err != nil || a.Address != *address {
		c.add(address, "email %q: want an address such as noor@example.net", *address)
	}
}

func (c *checker) telephone(number *string) {
	if *number != "" && !phone.MatchString(*number) {
		c.add(number, "telephone %q: want digits, such as +31 20 000 0100", *number)
	}
}
