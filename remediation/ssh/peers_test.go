package ssh_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/remediation"
)

const sshd = "/usr/sbin/sshd"

// peer is a server to run commands on.
type peer struct {
	server inventory.Server
	user   key
}

// key is an ed25519 key pair, as a file and as one line.
type key struct {
	signer ssh.Signer
	file   string
	line   string
}

// peers lists who plays the server. OpenSSH's own is there where it is
// installed; where PIKET_REQUIRE_PEERS is set, as in continuous integration, it
// must be.
func peers(t *testing.T) map[string]func(*testing.T) *peer {
	t.Helper()
	all := map[string]func(*testing.T) *peer{"x-crypto": startGo}
	switch _, err := os.Stat(sshd); {
	case err == nil:
		all["openssh"] = startOpenSSH
	case os.Getenv("PIKET_REQUIRE_PEERS") != "":
		t.Fatalf("%s is not installed, and PIKET_REQUIRE_PEERS asks for it", sshd)
	default:
		t.Logf("%s is not installed: only the server of x/crypto plays", sshd)
	}
	return all
}

func newKey(t *testing.T) key {
	t.Helper()
	_, private := ed25519Pair(t)
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return key{signer: signer, line: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))),
		file: write(t, "key", string(pem.EncodeToMemory(block)))}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newPeer listens, and lets handle serve each connection.
func newPeer(t *testing.T, hostKey, userKey key, handle func(net.Conn)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			open.Go(func() { defer conn.Close(); handle(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, conn := range conns {
			_ = conn.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return &peer{user: userKey, server: inventory.Server{Name: "web-07", Address: "127.0.0.1", SSH: &inventory.SSH{
		Port: l.Addr().(*net.TCPAddr).Port, User: me.Username,
		Key: secret.Ref{File: userKey.file}, HostKeys: []string{hostKey.line},
	}}}
}

// startOpenSSH serves each connection with a real sshd, as inetd would.
func startOpenSSH(t *testing.T) *peer {
	t.Helper()
	return startOpenSSHWith(t, "")
}

// startOpenSSHWith adds lines to the configuration of sshd.
func startOpenSSHWith(t *testing.T, lines string) *peer {
	t.Helper()
	hostKey, userKey := newKey(t), newKey(t)
	if os.Geteuid() == 0 { // where sshd, as root, locks up the process that reads the network
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := write(t, "sshd_config", fmt.Sprintf(
		"HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nPidFile none\n%s",
		hostKey.file, write(t, "authorized_keys", userKey.line+"\n"), lines))
	return newPeer(t, hostKey, userKey, func(conn net.Conn) {
		file, err := conn.(*net.TCPConn).File()
		if err != nil {
			t.Errorf("hand the connection to sshd: %v", err)
			return
		}
		defer file.Close()
		var log bytes.Buffer
		cmd := exec.Command(sshd, "-i", "-e", "-f", config)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, &log
		if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 255 { // 255: the client hung up or was refused
			t.Errorf("sshd: %v\n%s", err, log.String())
		}
	})
}

// startGo serves with x/crypto/ssh and runs commands in this machine's shell.
func startGo(t *testing.T) *peer {
	t.Helper()
	return startGoWith(t, runCommand)
}

// startGoWith leaves it to run what becomes of a command. What run returns is
// the exit status; an error ends the connection without one.
func startGoWith(t *testing.T, run func(ssh.Channel, string) (uint32, error)) *peer {
	t.Helper()
	hostKey, userKey := newKey(t), newKey(t)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(offered.Marshal(), userKey.signer.PublicKey().Marshal()) {
			return nil, errors.New("not this key")
		}
		return nil, nil
	}}
	config.AddHostKey(hostKey.signer)
	return newPeer(t, hostKey, userKey, func(conn net.Conn) {
		login, channels, requests, err := ssh.NewServerConn(conn, config)
		if err != nil {
			return // refused: that is what some tests are about
		}
		go ssh.DiscardRequests(requests)
		for offered := range channels {
			serveSession(offered, run, login)
		}
	})
}

func serveSession(offered ssh.NewChannel, run func(ssh.Channel, string) (uint32, error), login *ssh.ServerConn) {
	channel, requests, err := offered.Accept()
	if err != nil {
		return
	}
	for req := range requests {
		var body struct{ Command string }
		if req.Type != "exec" || ssh.Unmarshal(req.Payload, &body) != nil {
			_ = req.Reply(false, nil)
			continue
		}
		if body.Command == refuseCommand {
			_ = req.Reply(false, nil)
			continue
		}
		_ = req.Reply(true, nil)
		status, err := run(channel, body.Command)
		if err != nil {
			_ = login.Close()
			return
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		_ = channel.Close()
	}
}

// refuseCommand is answered with a no, as it reaches the server.
const refuseCommand = "'not-here'"

func runCommand(channel ssh.Channel, command string) (uint32, error) {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return 0, err
	}
	return uint32(cmd.ProcessState.ExitCode()), nil
}

// order asks p to run a command.
func (p *peer) order(command ...string) remediation.Order {
	return remediation.Order{
		Intent: incident.Intended{Server: p.server.Name, Action: "ssh", Command: command},
		Server: p.server,
		Last:   func() error { return nil },
	}
}

func check(t *testing.T, got remediation.Result, outcome incident.Outcome, detail string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Detail, detail) {
		t.Fatalf("got %s: %q, want %s: …%s…", got.Outcome, got.Detail, outcome, detail)
	}
}
