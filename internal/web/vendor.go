package web

import (
	"fmt"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation/technician"
)

// vendor asks a vendor of the inventory for something [2.4].
func (m moment) vendor(s said) ([]incident.Payload, error) {
	v, ok := m.inventory.Vendor(s.Vendor)
	if !ok {
		return nil, fmt.Errorf("vendor: %w: the inventory knows no vendor %q", desk.ErrIncomplete, s.Vendor)
	}
	var server inventory.Server
	if m.incident.Subject.Kind == "server" {
		server, _ = m.inventory.Server(m.incident.Subject.Name)
	}
	w := technician.Writer{ExternalURL: m.config.ExternalURL}
	return desk.OrderVendor(m.incident, m.by, w.ForVendor(v, server, m.incident, technician.Asked{Words: s.Words, Part: s.Part}, m.now))
}
