package bmc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
	driver "github.com/bmc-toolbox/bmclib/v2/providers/ipmitool"

	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
)

// ipmi is a session over IPMI 2.0 (RMCP+) with exactly one cipher suite. Each
// run of ipmitool logs in anew; what holds them together is the address, which
// is looked up once.
type ipmi struct {
	client   *bmclib.Client
	launcher *launcher
	tool     string // path of ipmitool
	host     string // an IP address
	port     string
	user     string
	suite    string
	password secret.Value
}

func openIPMI(ctx context.Context, b *inventory.BMC, password secret.Value) (session, error) {
	tool, err := exec.LookPath("ipmitool")
	if err != nil {
		return nil, trouble{unproven, "ipmitool is not installed here, and IPMI needs it: install the package ipmitool"}
	}
	if len(password.Reveal()) > maxIPMIPassword {
		return nil, trouble{unproven, fmt.Sprintf("the password is longer than the %d bytes that IPMI has room for", maxIPMIPassword)}
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, b.Address)
	if err != nil {
		return nil, networkTrouble(b.Address, err)
	}
	s := &ipmi{
		tool: tool, host: addresses[0], port: strconv.Itoa(cmp.Or(b.Port, inventory.DefaultIPMIPort)),
		user: b.Username, password: password, suite: strconv.Itoa(cmp.Or(b.CipherSuite, inventory.DefaultCipherSuite)),
	}
	if s.launcher, err = newLauncher(tool); err != nil {
		return nil, err
	}
	d, err := driver.New(bracketed(s.host), b.Username, password.Reveal(),
		driver.WithPort(s.port), driver.WithCipherSuite(s.suite), driver.WithIpmitoolPath(s.launcher.path))
	if err != nil {
		s.launcher.close()
		return nil, trouble{unproven, "ipmitool cannot be started (" + err.Error() + ")"}
	}
	s.client = newClient(s.host, b.Username, password)
	s.client.Registry.Register(driver.ProviderName, driver.ProviderProtocol, driver.Features, nil, d)
	return s, nil
}

// maxIPMIPassword is the room in RAKP (IPMI 2.0, table 22-30).
const maxIPMIPassword = 20

func (s *ipmi) close() { s.launcher.close() }

func (s *ipmi) power(ctx context.Context) (State, error) {
	said, err := s.client.GetPowerState(ctx)
	if err != nil {
		return Unknown, s.readTrouble(ctx, err.Error())
	}
	return ipmiState(said)
}

// ipmiState reads ipmitool's line about the chassis, which may stand among
// others.
func ipmiState(said string) (State, error) {
	switch {
	case strings.Contains(said, "Chassis Power is on"):
		return On, nil
	case strings.Contains(said, "Chassis Power is off"):
		return Off, nil
	}
	return Unknown, trouble{unproven, "the BMC does not say whether the power is on or off"}
}

func (s *ipmi) look(ctx context.Context) (machine, error) {
	uuids, err := s.guid(ctx)
	if err != nil {
		return machine{}, err
	}
	fru, err := s.run(ctx, "fru", "print", "0")
	if err != nil {
		return machine{}, err
	}
	state, err := s.power(ctx)
	if err != nil {
		return machine{}, err
	}
	return machine{serials: fruSerials(fru), uuids: uuids, state: state}, nil
}

// fruSerials returns the serial numbers in an FRU inventory, the one that is
// printed on the outside first.
func fruSerials(fru string) []string {
	var serials []string
	for _, area := range []string{"Product Serial", "Chassis Serial", "Board Serial"} {
		for line := range strings.Lines(fru) {
			key, value, found := strings.Cut(line, ":")
			value = strings.TrimSpace(value)
			if found && strings.TrimSpace(key) == area && !inventory.IsPlaceholder(value) {
				serials = append(serials, value)
			}
		}
	}
	return serials
}

// guid reads the system GUID (App 37h) as bytes: what ipmitool prints of it
// depends on its guess of the byte order.
func (s *ipmi) guid(ctx context.Context) ([]string, error) {
	out, err := s.run(ctx, "raw", "0x06", "0x37")
	if err != nil {
		return nil, err
	}
	const size = 16
	for line := range strings.Lines(out) {
		if raw, err := hex.DecodeString(strings.Join(strings.Fields(line), "")); err == nil && len(raw) == size {
			return uuidSpellings([size]byte(raw)), nil
		}
	}
	return nil, trouble{unproven, "the BMC gives no system GUID, and without one the machine cannot be told from another"}
}

// uuidSpellings returns the UUIDs that 16 bytes may mean: in the order of
// SMBIOS, which most vendors use, of the IPMI specification (reversed), and of
// RFC 4122. The one whose version field makes sense comes first, as in
// ipmitool's own guess. Accepting all three costs nothing: two machines whose
// UUIDs are each other's permutation do not exist.
func uuidSpellings(b [16]byte) []string {
	smbios := b
	smbios[0], smbios[1], smbios[2], smbios[3] = b[3], b[2], b[1], b[0]
	smbios[4], smbios[5], smbios[6], smbios[7] = b[5], b[4], b[7], b[6]
	var reversed [16]byte
	for i := range b {
		reversed[i] = b[len(b)-1-i]
	}
	var likely, others []string
	for _, order := range [][16]byte{smbios, reversed, b} {
		text := fmt.Sprintf("%x-%x-%x-%x-%x", order[0:4], order[4:6], order[6:8], order[8:10], order[10:16])
		if version := order[6] >> 4; version >= 1 && version <= 5 {
			likely = append(likely, text)
		} else {
			others = append(others, text)
		}
	}
	return append(likely, others...)
}

// set lets bmclib send the command through the launcher, which asks before it
// starts a write. The GUID is read once more when it asks: the last look at who
// answers there comes after everything else.
func (s *ipmi) set(ctx context.Context, c *change, verb Verb) error {
	return s.change(ctx, c, func() error {
		_, err := s.client.SetPowerState(ctx, string(verb))
		return err
	})
}

// change lets send start ipmitool through the launcher, and judges what came of it.
func (s *ipmi) change(ctx context.Context, c *change, send func() error) error {
	m, err := s.look(ctx)
	if err != nil {
		return err
	}
	if m.starts, err = s.starts(ctx); err != nil {
		return err
	}
	stop := s.launcher.answer(func() error {
		if m.uuids, err = s.guid(ctx); err != nil {
			return err
		}
		err := c.pass(m)
		failpoint.Done(failpoint.IPMIBeforeSend, err)
		return err
	})
	sendErr := send()
	asked := stop()
	if !c.passed {
		return s.unsentTrouble(ctx, errors.Join(asked, sendErr))
	}
	failpoint.Reach(failpoint.IPMISent)
	return ipmiAnswer(ctx, sendErr)
}

// unsentTrouble says why no command was sent.
func (s *ipmi) unsentTrouble(ctx context.Context, err error) error {
	var t trouble
	switch {
	case err == nil:
		return trouble{down, "the BMC reported another power state when the command was about to be sent"}
	case errors.As(err, &t):
		return t
	}
	return s.readTrouble(ctx, err.Error())
}

// run asks ipmitool for something that changes nothing.
func (s *ipmi) run(ctx context.Context, command ...string) (string, error) {
	args := append([]string{
		"-v", "-I", "lanplus", "-H", s.host, "-p", s.port, "-U", s.user, "-E", "-C", s.suite, "-N", "2", "-R", "3",
	}, command...)
	cmd := exec.CommandContext(ctx, s.tool, args...)
	cmd.Env = []string{"IPMITOOL_PASSWORD=" + s.password.Reveal(), "PATH=" + os.Getenv("PATH")}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", s.readTrouble(ctx, out.String())
	}
	return out.String(), nil
}

// readTrouble says why ipmitool did not get through, from what it printed.
func (s *ipmi) readTrouble(ctx context.Context, printed string) error {
	address := net.JoinHostPort(s.host, s.port)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return trouble{unproven, "stopped before " + address + " had answered"}
	case ctx.Err() != nil:
		return trouble{down, address + " does not answer in time"}
	case strings.Contains(printed, "RAKP 2"):
		return trouble{denied, fmt.Sprintf("the BMC refuses user %s or the password: check both", s.user)}
	case strings.Contains(printed, "nsufficient resources"):
		return trouble{busy, "all sessions of the BMC are taken by others"}
	case strings.Contains(printed, "invalid authentication algorithm"), strings.Contains(printed, "ipher suite"):
		return trouble{down, fmt.Sprintf("the BMC does not speak cipher suite %s: set cipher_suite to one that it does", s.suite)}
	case strings.Contains(printed, "nsufficient privilege"), strings.Contains(printed, "privilege level"):
		return trouble{down, fmt.Sprintf("the BMC account %s has not the rights of an administrator", s.user)}
	case strings.Contains(printed, "Unable to establish"):
		return trouble{down, address + " does not answer"}
	case strings.Contains(printed, "permission denied"):
		return trouble{unproven, "the launcher of ipmitool may not be executed: set TMPDIR to a directory that is not mounted noexec"}
	}
	return trouble{down, "the BMC does not answer as it should: " + lastLine(printed)}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return clause(lines[len(lines)-1])
}
