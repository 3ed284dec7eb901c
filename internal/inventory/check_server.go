package inventory

import (
	"bytes"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

func (c *checker) server(s *Server) {
	c.line("title", &s.Title)
	c.line("asset_tag", &s.AssetTag)
	c.line("model", &s.Model)
	c.place(s)
	c.host("address", &s.Address)
	c.aliasesOf(s)
	c.identity(s)
	if s.Reachable != nil {
		c.endpoint(s.Reachable, s.Address)
		c.noHeartbeat(s.Reachable)
	}
	if s.BMC != nil {
		c.bmc(s.BMC)
	}
	if s.SSH != nil {
		c.ssh(s.SSH)
	}
	services := map[string]*string{}
	for i := range s.Services {
		c.service(&s.Services[i], s, services)
	}
	c.references("customer", s.Customers, c.customers)
	c.word("data", &s.Data, []string{DataLocal, DataNone})
	c.line("protected_why", &s.ProtectedWhy)
	if s.ProtectedWhy != "" && !s.Protected {
		c.hint(&s.ProtectedWhy, "write protected: true", "server %q says why it is protected, and is not", s.Name)
	}
}

// place checks where the server stands. Without a site nobody can tell its own
// failure from that of everything around it.
func (c *checker) place(s *Server) {
	c.reference("site", &s.Site, c.sites)
	c.reference("rack", &s.Rack, c.racks)
	if s.Site == "" && s.Rack == "" {
		c.hint(s, "give a site or a rack", "server %q stands nowhere", s.Name)
	}
	if on, ok := c.siteOfRack[s.Rack]; ok && s.Site != "" && s.Site != on && c.sites[s.Site] != nil {
		c.add(&s.Rack, "rack %q is on site %q, not on %q", s.Rack, on, s.Site)
	}
	site := s.Site
	if site == "" {
		site = c.siteOfRack[s.Rack]
	}
	c.feedsOn(site, s.Feeds)
	if c.given(&s.Unit, s.Unit == 0) && (s.Unit < 1 || s.Unit > 60) {
		c.add(&s.Unit, "unit %d: want a height unit from 1 to 60", s.Unit)
	}
}

// aliasesOf refuses an alias that names two servers at once.
func (c *checker) aliasesOf(s *Server) {
	for i := range s.Aliases {
		alias := &s.Aliases[i]
		if *alias == "" {
			continue
		}
		c.line("alias", alias)
		if _, ok := c.servers[*alias]; ok && *alias != s.Name {
			c.add(alias, "alias %q is the name of another server", *alias)
			continue
		}
		c.once("alias", *alias, alias, c.aliases)
	}
}

// Protocols of a BMC.
const (
	Redfish = "redfish"
	IPMI    = "ipmi"
)

func (c *checker) bmc(b *BMC) {
	c.word("protocol", &b.Protocol, []string{Redfish, IPMI})
	c.host("address", &b.Address)
	c.port(&b.Port)
	c.argument("username", &b.Username)
	if b.Protocol == Redfish && c.given(&b.CipherSuite, b.CipherSuite == 0) {
		c.add(&b.CipherSuite, "cipher_suite is for ipmi; redfish speaks TLS")
	}
	if b.Protocol == IPMI {
		c.ipmi(b)
	}
	if b.Address == "" {
		return
	}
	c.once("bmc address", b.place(), &b.Address, c.bmcs)
}

// place tells one BMC from another. On the registered ports of both protocols
// one and the same machine answers.
func (b *BMC) place() string {
	host := strings.ToLower(strings.TrimSuffix(canonical(b.Address), "."))
	if port := b.port(); port != DefaultRedfishPort && port != DefaultIPMIPort {
		return hostPort(host, port)
	}
	return host
}

// ipmi refuses every cipher suite without authentication and encryption. Suite
// 0 has neither: whoever knows a user name gets in (CVE-2013-4782).
func (c *checker) ipmi(b *BMC) {
	if c.given(&b.CipherSuite, b.CipherSuite == 0) && b.CipherSuite != 17 && b.CipherSuite != 3 {
		hint := "write 17, or 3 for a BMC that has no better"
		c.hint(&b.CipherSuite, hint, "cipher_suite %d is not allowed", b.CipherSuite)
	}
	if b.CAFile != "" {
		c.add(&b.CAFile, "ca_file is for redfish; ipmi has no certificates")
	}
	if b.System != "" {
		c.add(&b.System, "system is for redfish")
	}
}

func (c *checker) ssh(s *SSH) {
	c.host("address", &s.Address)
	c.port(&s.Port)
	c.argument("user", &s.User)
	for i := range s.HostKeys {
		if s.HostKeys[i] != "" {
			c.hostKey(&s.HostKeys[i])
		}
	}
}

// hostKey checks one key, and that no other server has it. A machine made as
// the copy of another one keeps its keys, and then the key proves nothing: a
// command meant for one could be run on the other.
func (c *checker) hostKey(key *string) {
	public, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(*key))
	if err != nil || len(options) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		c.hint(key, "ssh-keyscan HOST shows it behind the host's name", "host key: want one public key such as \"ssh-ed25519 AAAA…\"")
		return
	}
	if first := c.first(string(public.Marshal()), key, c.hostKeys); first != nil {
		hint := "make new ones on the copy: rm /etc/ssh/ssh_host_*, then ssh-keygen -A"
		c.hint(key, hint, "host key is given twice%s (a command for one server could be run on the other that has it)", c.firstAt(first))
	}
}

// service checks one service. Its unit becomes an argument of systemctl.
func (c *checker) service(service *Service, on *Server, seen map[string]*string) {
	c.name("service", &service.Name, seen)
	if service.Unit != "" && !unitForm.MatchString(service.Unit) {
		c.add(&service.Unit, "unit %q: want the name of a systemd unit, of letters, digits and @ : . _ + -", service.Unit)
	}
	if service.Probe.Check != "" {
		c.endpoint(&service.Probe, on.Address)
		c.heartbeat(&service.Probe)
	}
}

// port checks a port that may be left out.
func (c *checker) port(port *int) {
	if c.given(port, *port == 0) && (*port < 1 || *port > 65535) {
		c.add(port, "port %d: want a number from 1 to 65535", *port)
	}
}

func hostPort(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}
