package ssh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
)

// loginLimit bounds connecting and logging in.
const loginLimit = 15 * time.Second

// dial logs in on a server whose host key is pinned. Its errors are words for
// the timeline; nothing has been done to the server when there is one.
func dial(ctx context.Context, server inventory.Server) (*ssh.Client, error) {
	if server.SSH == nil {
		return nil, fmt.Errorf("%s has no SSH access in the inventory", server.Name)
	}
	host := cmp.Or(server.SSH.Address, server.Address)
	address := net.JoinHostPort(host, strconv.Itoa(cmp.Or(server.SSH.Port, inventory.DefaultSSHPort)))
	signer, err := readKey(server.SSH)
	if err != nil {
		return nil, err
	}
	pins, err := parsePins(server.SSH.HostKeys)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	client, err := login(ctx, address, &ssh.ClientConfig{
		User: server.SSH.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: pins.check, HostKeyAlgorithms: pins.algorithms(),
	})
	if err != nil {
		return nil, loginTrouble(ctx, address, server.SSH.User, err)
	}
	return client, nil
}

// login connects and shakes hands within ctx. ClientConfig.Timeout covers only
// the TCP connection: a server that accepts and stays silent would hold us for
// ever, so the connection has a deadline and is closed when ctx ends.
func login(ctx context.Context, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline() // dial has set one
	if err := conn.SetDeadline(deadline); err != nil {
		_ = conn.Close()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		_ = c.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

func readKey(s *inventory.SSH) (ssh.Signer, error) {
	value, err := s.Key.Read()
	if err != nil {
		return nil, fmt.Errorf("the SSH key cannot be read (%w)", err)
	}
	// The file's last newline was cut off, and the PEM decoder wants it.
	signer, err := ssh.ParsePrivateKey([]byte(value.Reveal() + "\n"))
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		return nil, errors.New("the SSH key has a passphrase: give piket one without, that may do only what it must")
	}
	if err != nil {
		return nil, errors.New("the SSH key is not a private key in PEM or OpenSSH form")
	}
	return signer, nil
}

// pins are the host keys that a server may show.
type pins []ssh.PublicKey

// hostKeyError is a host key that is not pinned.
type hostKeyError struct{ expected, got string }

func (e hostKeyError) Error() string {
	return fmt.Sprintf("host key changed: expected %s, got %s; find out why before you change the inventory", e.expected, e.got)
}

func parsePins(lines []string) (pins, error) {
	var keys pins
	for _, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, errors.New("a host key in the inventory is not of the form \"ssh-ed25519 AAAA…\"")
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("no host key in the inventory, and without one nobody knows who answers")
	}
	return keys, nil
}

func (p pins) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	var expected []string
	for _, pin := range p {
		if bytes.Equal(pin.Marshal(), key.Marshal()) {
			return nil
		}
		expected = append(expected, ssh.FingerprintSHA256(pin))
	}
	return hostKeyError{expected: strings.Join(expected, " or "), got: ssh.FingerprintSHA256(key)}
}

// algorithms are those that show one of the pinned keys. Without the list, a
// server with several keys shows the one that the client likes best, which may
// not be the pinned one.
func (p pins) algorithms() []string {
	var names []string
	for _, pin := range p {
		if pin.Type() == ssh.KeyAlgoRSA { // the old name stands for the key; SHA-1 signatures are not taken
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		names = append(names, pin.Type())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// loginTrouble says in words why a login did not succeed.
func loginTrouble(ctx context.Context, address, user string, err error) error {
	var changed hostKeyError
	var dns *net.DNSError
	switch {
	case errors.As(err, &changed):
		return changed
	// The connection's own deadline may pass a moment before the context's.
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), strings.Contains(err.Error(), "i/o timeout"):
		return fmt.Errorf("%s does not answer in time", address)
	case errors.As(err, &dns):
		return fmt.Errorf("the name of the server cannot be looked up (%s)", dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s refuses the connection", address)
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		return fmt.Errorf("host key changed: %s shows no key of the pinned kind; find out why before you change the inventory", address)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%s does not let user %s in with the key of the inventory", address, user)
	}
	return fmt.Errorf("no SSH session with %s: %s", address, remediation.Clause(err.Error(), maxTail))
}
