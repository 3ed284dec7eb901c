package bmc

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/bmc-toolbox/bmclib/v2"
	driver "github.com/bmc-toolbox/bmclib/v2/providers/redfish"
	"github.com/go-logr/logr"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
)

// redfish is a session over Redfish with basic authentication: controllers
// allow only a handful of login sessions, and a crash would leave one behind.
type redfish struct {
	client *bmclib.Client
	wire   *wire
	user   string
	system string // name, "" when the BMC has only one

	password secret.Value
	reader   *reader // nil until something beside the power is asked
}

func openRedfish(ctx context.Context, b *inventory.BMC, password secret.Value) (session, error) {
	if os.Getenv("DEBUG_BMCLIB") != "" {
		return nil, trouble{unproven, "DEBUG_BMCLIB is set, which prints the password of every BMC: unset it"}
	}
	roots, err := trusted.CAs(b.CAFile)
	if err != nil {
		return nil, trouble{unproven, "ca_file: " + err.Error()}
	}
	port := strconv.Itoa(cmp.Or(b.Port, inventory.DefaultRedfishPort))
	w := &wire{ctx: ctx, address: net.JoinHostPort(b.Address, port), systems: map[string]system{}}
	w.tls = &tls.Config{RootCAs: roots, ServerName: b.Address, VerifyConnection: w.sameLeaf}
	s := &redfish{wire: w, user: b.Username, password: password, system: b.System, client: newClient(bracketed(b.Address), b.Username, password)}
	d := driver.New(bracketed(b.Address), b.Username, password.Reveal(), logr.Discard(),
		driver.WithPort(port), driver.WithSystemName(b.System), driver.WithUseBasicAuth(true),
		driver.WithEtagMatchDisabled(true),
		driver.WithHttpClient(&http.Client{
			Transport:     w,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}))
	s.client.Registry.Register(driver.ProviderName, driver.ProviderProtocol, driver.Features, nil, d)
	if err := s.client.Open(ctx); err != nil {
		return nil, s.readTrouble(err)
	}
	return s, nil
}

// newClient returns a bmclib client without any driver. bmclib falls back from
// one driver to the next after any error, a lost answer included; a list of one
// leaves it nothing to fall back to. WithPerProviderTimeout is needed for its
// own bookkeeping too: without one, a context with a deadline makes it ignore
// the choice of driver.
func newClient(host, user string, password secret.Value) *bmclib.Client {
	client := bmclib.NewClient(host, user, password.Reveal(),
		bmclib.WithSecureTLS(nil), bmclib.WithPerProviderTimeout(operationLimit))
	client.Registry.Drivers = nil
	return client
}

func (s *redfish) look(ctx context.Context) (machine, error) {
	if _, err := s.client.GetPowerState(ctx); err != nil {
		return machine{}, s.readTrouble(err)
	}
	sys, err := s.chosen()
	if err != nil {
		return machine{}, err
	}
	return sys.machine(), nil
}

func (s *redfish) power(ctx context.Context) (State, error) {
	said, err := s.client.GetPowerState(ctx)
	if err != nil {
		return Unknown, s.readTrouble(err)
	}
	return redfishState(said)
}

// chosen returns the one system that the driver means: by name, or the only
// one. The driver would take the first of several with the same name.
func (s *redfish) chosen() (system, error) {
	var found []system
	for _, sys := range s.wire.systems {
		if s.system == "" || sys.Name == s.system {
			found = append(found, sys)
		}
	}
	if len(found) != 1 {
		return system{}, trouble{unproven, fmt.Sprintf("the BMC has %d systems that could be meant: name one in the inventory (bmc.system)", len(found))}
	}
	return found[0], nil
}

// set lets the driver send the reset that belongs to the verb. The driver reads
// the system once more before it writes, so the gate judges fresh facts.
func (s *redfish) set(ctx context.Context, c *change, verb Verb) error {
	return s.change(c, func(method, path string) ([]byte, error) {
		sys, err := s.chosen()
		if err != nil {
			return nil, err
		}
		if method != http.MethodPost || path != sys.Actions.Reset.Target {
			return nil, fmt.Errorf("a write to %s was stopped: it is not the reset of the system that was identified", clause(path))
		}
		return nil, c.pass(sys.machine())
	}, func() error {
		_, err := s.client.SetPowerState(ctx, string(verb))
		return err
	})
}

// change lets the driver work with permit as its gate, and judges what came of it.
func (s *redfish) change(c *change, permit func(method, path string) ([]byte, error), drive func() error) error {
	s.wire.write = permit
	err := drive()
	s.wire.write = nil
	if !c.passed {
		return s.unsentTrouble(c, err)
	}
	return s.answer()
}

// answer judges the write by what the BMC said to it, not by bmclib's view: an
// accepted soft shutdown comes back as an error from it.
func (s *redfish) answer() error {
	status := s.wire.written.status
	switch {
	case status == 0:
		return s.wire.written.fault
	case status/100 == 2:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return declined{fmt.Sprintf("the BMC does not allow user %s to do that (HTTP %d)", s.user, status)}
	case status/100 == 4 && status != http.StatusRequestTimeout:
		return declined{fmt.Sprintf("the BMC refused the command (HTTP %d)", status)}
	}
	return fmt.Errorf("the BMC answered HTTP %d, which says neither yes nor no", status)
}

// unsentTrouble says why no command was sent.
func (s *redfish) unsentTrouble(c *change, err error) error {
	switch {
	case err == nil:
		return trouble{down, "the BMC reported another power state when the command was about to be sent"}
	case s.wire.ctx.Err() != nil:
		return networkTrouble(s.wire.address, s.wire.ctx.Err())
	case s.wire.last.fault != nil || s.wire.last.status/100 != 2:
		return s.readTrouble(err)
	case strings.Contains(err.Error(), "is not supported by this service"):
		return trouble{down, fmt.Sprintf("the BMC does not offer what %s needs", c.what)}
	}
	return trouble{down, "the BMC changed its mind before the command was sent: " + clause(err.Error())}
}

// readTrouble says why a read did not succeed, from what was seen on the wire.
func (s *redfish) readTrouble(err error) error {
	status := s.wire.last.status
	switch {
	case errors.Is(s.wire.ctx.Err(), context.DeadlineExceeded) && s.wire.met:
		return trouble{busy, s.wire.address + " took the connection and did not answer in time: it is slow, or hangs"}
	case s.wire.ctx.Err() != nil:
		return networkTrouble(s.wire.address, s.wire.ctx.Err())
	case s.wire.last.fault != nil:
		return s.wire.last.fault
	case s.wire.last.full:
		return trouble{busy, fmt.Sprintf("all sessions of the BMC are taken by others (HTTP %d)", status)}
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return trouble{busy, fmt.Sprintf("the BMC is too busy to answer (HTTP %d)", status)}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return trouble{denied, fmt.Sprintf("the BMC refuses user %s or the password (HTTP %d): check both, and the account's rights", s.user, status)}
	case status/100 == 2 && s.system != "" && strings.Contains(err.Error(), "no matching redfish system"):
		return trouble{unproven, fmt.Sprintf("the BMC has no system named %q: see bmc.system in the inventory", s.system)}
	case status/100 == 2 && len(s.wire.systems) > 1:
		_, several := s.chosen()
		return several
	case status/100 == 2:
		return trouble{down, "the BMC's answer is not Redfish as it should be"}
	}
	return trouble{down, fmt.Sprintf("the BMC answers HTTP %d", status)}
}

// close gives back the connection of the reader: no login session was made.
func (s *redfish) close() {
	if s.reader != nil {
		s.reader.close()
	}
}

// ask returns the session's reader, with so many requests to spend until ctx
// ends.
func (s *redfish) ask(ctx context.Context, most int) *reader {
	if s.reader == nil {
		s.reader = newReader(s)
	}
	s.reader.ctx, s.reader.left = ctx, most
	if s.reader.refused {
		s.reader.left = 0
	}
	return s.reader
}

func (sys system) machine() machine {
	var m machine
	m.state, _ = redfishState(sys.PowerState)
	m.starts = redfishOverride(sys.Boot.BootSourceOverrideEnabled, sys.Boot.BootSourceOverrideTarget)
	if sys.SerialNumber != "" {
		m.serials = []string{sys.SerialNumber}
	}
	if sys.UUID != "" {
		m.uuids = []string{sys.UUID}
	}
	return m
}

// redfishState reads the standard's words. PoweringOn, PoweringOff and Paused
// are neither on nor off.
func redfishState(said string) (State, error) {
	switch said {
	case "On":
		return On, nil
	case "Off":
		return Off, nil
	}
	return Unknown, trouble{unproven, fmt.Sprintf("the BMC says %q, which is neither on nor off", clause(said))}
}

// bracketed writes an IPv6 address as drivers want it that append ":port".
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
