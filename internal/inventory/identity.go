package inventory

import (
	"regexp"
	"slices"
	"strings"
)

// IsPlaceholder reports whether a serial number or UUID is one that vendors
// leave in machines whose identity was never written. It identifies nothing,
// and neither does the empty one.
func IsPlaceholder(id string) bool {
	bare := strings.ToLower(strings.Trim(id, " .\t"))
	if slices.Contains(placeholders, bare) {
		return true
	}
	return repeats(strings.ReplaceAll(bare, "-", ""))
}

// placeholders in lower case. The first UUID is shared by many boards (see
// device-management-toolkit/rpc-go, issue 1037); the second is the same bytes
// in the order in which SMBIOS before 2.6 and some BMCs show them.
var placeholders = []string{
	"03000200-0400-0500-0006-000700080009",
	"00020003-0004-0005-0006-000700080009",
	"12345678-1234-5678-90ab-cddeefaabbcc",
	"0123456789", "123456789", "1234567890", "12345678", "123456", "1234", "0123456789abcdef",
	"to be filled by o.e.m", "o.e.m", "oem", "default", "default string", "not specified",
	"not applicable", "not available", "not set", "none", "null", "n/a", "na", "unknown", "empty", "invalid",
	"serial", "serial number", "system serial number", "chassis serial number", "base board serial number",
	"sernum", "sys-1234567890", "system uuid", "uuid", "undefined", "unspecified", "-",
}

// repeats reports whether s is one or two characters over and over, as 0000
// and fefe are.
func repeats(s string) bool {
	for i := 2; i < len(s); i++ {
		if s[i] != s[i-2] {
			return false
		}
	}
	return len(s) != 2 || s[0] == s[1]
}

var uuidForm = regexp.MustCompile(`\A[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z`)

// Machine is what tells one machine from every other.
type Machine struct{ Serial, UUID string }

// Same reports whether two are the same machine: case does not count, and a UUID
// may be written in either byte order.
func (m Machine) Same(other Machine) bool {
	serial := strings.EqualFold(strings.TrimSpace(m.Serial), strings.TrimSpace(other.Serial))
	return serial && sameUUID(m.UUID, other.UUID)
}

func sameUUID(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSpace(a)), strings.ToLower(strings.TrimSpace(b))
	return a == b || uuidForm.MatchString(a) && swapped(a) == b
}

// Machine is what the server's BMC must answer.
func (s Server) Machine() Machine { return Machine{s.Serial, s.UUID} }

// Restated is another machine than the files name for a server, as people have
// confirmed.
type Restated struct {
	Server   string
	Was, Now Machine // Was is what the files say
}

// Restate returns the inventory with the machines that people have confirmed. What
// the files say has changed since, or what would make two servers one machine, is
// left as the files say.
func (inv *Inventory) Restate(list []Restated) *Inventory {
	copied := *inv
	copied.Servers = slices.Clone(inv.Servers)
	copied.restated = map[string]Restated{}
	for i := range copied.Servers {
		s := &copied.Servers[i]
		for _, r := range list {
			if r.Server == s.Name && s.Machine() == r.Was && inv.Unusable(s.Name, r.Now) == "" && copied.Unusable(s.Name, r.Now) == "" {
				s.Serial, s.UUID = r.Now.Serial, r.Now.UUID
				copied.restated[s.Name] = r
			}
		}
	}
	copied.lookup = newLookup(&copied)
	return &copied
}

// Restated returns what people have confirmed of a server against its files, and
// whether they have.
func (inv *Inventory) Restated(server string) (Restated, bool) {
	r, ok := inv.restated[server]
	return r, ok
}

// Unusable says why a server cannot be a machine: it identifies nothing, or is
// another server's. "" when it can.
func (inv *Inventory) Unusable(server string, m Machine) string {
	switch {
	case IsPlaceholder(m.Serial) || IsPlaceholder(m.UUID):
		return "the serial number or the UUID is missing, or is a vendor's placeholder"
	case !uuidForm.MatchString(m.UUID):
		return "the UUID is not written as 8-4-4-4-12 hexadecimal digits"
	}
	for _, s := range inv.Servers {
		serial := s.Serial != "" && strings.EqualFold(strings.TrimSpace(s.Serial), strings.TrimSpace(m.Serial))
		if s.Name != server && (serial || s.UUID != "" && sameUUID(m.UUID, s.UUID)) {
			return "it is the machine of " + s.Name
		}
	}
	return ""
}

// identity checks what the BMC must answer before power is cut. Of two servers
// with the same identity neither could be told from the other.
func (c *checker) identity(s *Server) {
	c.line("serial", &s.Serial)
	if s.UUID != "" && !uuidForm.MatchString(s.UUID) {
		c.hint(&s.UUID, "dmidecode -s system-uuid shows it", "uuid %q is not written as 8-4-4-4-12 hexadecimal digits", s.UUID)
	} else {
		c.unique("uuid", &s.UUID, c.uuids)
		c.otherOrder(s)
	}
	c.unique("serial", &s.Serial, c.serials)
}

func (c *checker) otherOrder(s *Server) {
	if s.UUID == "" {
		return
	}
	other := swapped(s.UUID)
	if first := c.uuids[other]; first != nil && first != &s.UUID && other != strings.ToLower(s.UUID) {
		c.add(&s.UUID, "uuid %q is that of another server in the other byte order%s", s.UUID, c.firstAt(first))
	}
}

func (c *checker) unique(what string, id *string, seen map[string]*string) {
	if *id == "" {
		return
	}
	if IsPlaceholder(*id) {
		hint := "leave the key out, or fill in what stands on the machine's label"
		c.hint(id, hint, "%s %q is a vendor's placeholder and identifies nothing", what, *id)
		return
	}
	c.once(what, strings.ToLower(*id), id, seen)
}

// swapped is a UUID with its first three fields in the other byte order. BMCs
// show it in either, so two servers whose UUIDs differ in that alone could not
// be told apart.
func swapped(uuid string) string {
	pairs := func(field string) string {
		var out strings.Builder
		for i := len(field); i > 0; i -= 2 {
			out.WriteString(field[i-2 : i])
		}
		return out.String()
	}
	fields := strings.SplitN(strings.ToLower(uuid), "-", 4)
	return pairs(fields[0]) + "-" + pairs(fields[1]) + "-" + pairs(fields[2]) + "-" + fields[3]
}
