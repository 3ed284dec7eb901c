package bmc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// identity is what tells one machine from every other. Both parts must match.
type identity struct{ serial, uuid string }

// machine is what a BMC says of the server it belongs to. There can be several
// spellings of each identifier: boards and chassis carry serials of their own,
// and IPMI leaves the byte order of the UUID to the vendor.
type machine struct {
	serials []string // preferred first
	uuids   []string // preferred first
	state   State
	starts  told // from what it starts next: "none", "pxe once"
}

// plain reduces an identifier to what counts: UUIDs are written with and
// without dashes, in upper and lower case.
func plain(uuid string) string {
	return strings.ToLower(strings.NewReplacer("-", "", " ", "", "{", "", "}", "").Replace(uuid))
}

// usable says why the inventory's identity proves nothing; nil when it does.
func (id identity) usable() error {
	switch {
	case inventory.IsPlaceholder(id.serial):
		return fmt.Errorf("the serial number in the inventory (%q) identifies no machine: enter the real one", id.serial)
	case inventory.IsPlaceholder(id.uuid):
		return fmt.Errorf("the UUID in the inventory (%q) identifies no machine: enter the real one", id.uuid)
	}
	return nil
}

// is says in what m differs from the machine that is wanted; nil when it is it.
func (m machine) is(want identity) error {
	serial := slices.ContainsFunc(m.serials, func(s string) bool {
		return strings.EqualFold(strings.TrimSpace(s), strings.TrimSpace(want.serial))
	})
	uuid := slices.ContainsFunc(m.uuids, func(u string) bool { return plain(u) == plain(want.uuid) })
	if serial && uuid {
		return nil
	}
	return fmt.Errorf("not the machine it should be: the BMC belongs to serial %s, UUID %s; the inventory says serial %s, UUID %s",
		first(m.serials), first(m.uuids), want.serial, want.uuid)
}

func first(values []string) string {
	if len(values) == 0 {
		return "(none)"
	}
	return clause(values[0])
}

// Identity reads the serial number and the UUID of the machine behind the BMC
// of server, and whether they are those of the inventory by the same judgement
// that a power command goes by: a UUID may be spelt in three byte orders. It
// changes nothing; trying again makes sense after a network error.
func Identity(ctx context.Context, server inventory.Server) (serial, uuid string, matches bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, operationLimit)
	defer cancel()
	address := server.BMC.Address
	s, err := open(ctx, server.BMC)
	if err != nil {
		return "", "", false, fmt.Errorf("open BMC %s: %w", address, err)
	}
	defer s.close()
	m, err := s.look(ctx)
	if err != nil {
		return "", "", false, fmt.Errorf("read identity from BMC %s: %w", address, err)
	}
	if len(m.serials) == 0 || len(m.uuids) == 0 {
		return "", "", false, fmt.Errorf("read identity from BMC %s: it gives no serial number or no UUID", address)
	}
	matches = m.is(identity{serial: server.Serial, uuid: server.UUID}) == nil
	return m.serials[0], m.uuids[0], matches, nil
}

// Identify is the look that reads serial number and UUID, as facts of these names.
// It changes nothing, and whoever asks judges what they are.
func Identify(ctx context.Context, t probes.Target) probes.Result {
	if t.BMC == nil {
		return probes.Result{State: probes.Unknown, Reason: "it has no BMC"}
	}
	serial, uuid, _, err := Identity(ctx, inventory.Server{BMC: t.BMC})
	if err != nil {
		return judge(err)
	}
	return probes.Result{State: probes.Up, Reason: "the BMC belongs to serial " + clause(serial), Facts: map[string]any{"serial": serial, "uuid": uuid}}
}
