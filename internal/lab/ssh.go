package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// sshLife bounds one SSH connection, by the machine's own clock.
const sshLife = time.Minute

// exit codes of a shell.
const (
	exitOK       = 0
	exitInactive = 3 // systemctl is-active, for a unit that is not running
	exitNoUnit   = 5 // systemctl restart, for a unit that does not exist
	exitNotFound = 127
)

// newPassword draws a password that fits IPMI 2.0, which allows 20 bytes.
func newPassword() string { return rand.Text()[:16] }

func newSigner() (ssh.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an ed25519 key: %w", err)
	}
	return ssh.NewSignerFromKey(key)
}

// serveSSH starts the server's sshd on a port of its own.
func (d *Datacenter) serveSSH(s *server) error {
	l, err := d.listen(func() bool { return d.systemAnswers(s) })
	if err != nil {
		return fmt.Errorf("listen for SSH on %s: %w", s.Name, err)
	}
	s.sshPort = port(l.Addr())
	d.start(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					panic("lab: the listener of sshd broke: " + err.Error())
				}
				return
			}
			d.start(func() { d.greet(s, conn) }, func() { hangUp(conn) })
		}
	}, func() { _ = l.Close() }) // the accept loop sees it
	return nil
}

// greet logs a client in and serves the commands of its sessions, one after
// the other.
func (d *Datacenter) greet(s *server, conn net.Conn) {
	defer hangUp(conn)
	if err := conn.SetDeadline(time.Now().Add(sshLife)); err != nil {
		return // the client is gone already
	}
	login, channels, requests, err := ssh.NewServerConn(conn, d.sshConfig(s))
	if err != nil {
		d.note(s, "ssh", loginAttempt, "refused: "+err.Error())
		return
	}
	defer login.Close()
	d.start(func() { ssh.DiscardRequests(requests) }, func() {})
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions") // the client is gone: nobody to tell
			continue
		}
		if !d.serveSession(s, offered) {
			return
		}
	}
}

func (d *Datacenter) sshConfig(s *server) *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_9.2p1 " + s.Name,
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if meta.User() != sshUser || string(key.Marshal()) != string(d.userKey.Marshal()) {
				return nil, fmt.Errorf("user %q may not log in with this key", meta.User())
			}
			return &ssh.Permissions{}, nil
		},
	}
	key := s.hostKey
	if d.has(s, SSHKeyChanged) {
		key = s.otherHostKey
	}
	c.AddHostKey(key)
	return c
}

// serveSession runs the one command of a session and reports whether the
// connection lives on.
func (d *Datacenter) serveSession(s *server, offered ssh.NewChannel) bool {
	channel, requests, err := offered.Accept()
	if err != nil {
		return false
	}
	defer channel.Close()
	for request := range requests {
		var command struct{ Line string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &command) != nil {
			_ = request.Reply(false, nil) // the client is gone: nobody to tell
			continue
		}
		_ = request.Reply(true, nil)
		return d.runCommand(s, channel, command.Line)
	}
	return true
}

// runCommand carries out a command line, answers, and reports whether the
// connection lives on.
func (d *Datacenter) runCommand(s *server, channel ssh.Channel, line string) bool {
	out := d.command(s, line)
	if out.gone {
		return false
	}
	_, _ = fmt.Fprint(channel, out.stdout) // as below
	_, _ = fmt.Fprint(channel.Stderr(), out.stderr)
	status := ssh.Marshal(struct{ Code uint32 }{out.code})
	_, _ = channel.SendRequest("exit-status", false, status) // the client is gone: nobody to tell
	return !out.last
}

// outcome is what a command printed and how it ended.
type outcome struct {
	stdout, stderr string
	code           uint32
	last           bool // the machine goes down: no command comes after this one
	gone           bool // the connection breaks before the answer
}

// command carries out one command line on s, and books it.
func (d *Datacenter) command(s *server, line string) outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	entry := WireEntry{At: now, Server: s.Name, Door: "ssh", What: line, Result: "not carried out: the machine went silent"}
	out := outcome{gone: true}
	if s.machine.systemAnswers(now) && !s.site.faults[Cut] {
		out = s.run(shellWords(line), now)
		entry.Machine, entry.Result = s.Name, fmt.Sprintf("exit %d", out.code)
	}
	if s.faults[SSHDropsReply] {
		out.gone = true
		entry.Result += "; the reply was dropped"
	}
	d.wire.add(entry)
	return out
}

// shellWords splits a command line as the login shell behind sshd does: at
// spaces, except between single quotes, with a backslash for the next character.
func shellWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\'':
			quoted, begun = !quoted, true
		case c == '\\' && !quoted && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			begun = true
		case c == ' ' && !quoted:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// run is what the machine does for each command it knows. The lock is held.
func (s *server) run(argv []string, now time.Time) outcome {
	words := strings.Join(argv, " ")
	switch {
	case words == "systemctl restart "+s.SystemdUnit:
		s.machine.failed = false
		return outcome{}
	case words == "systemctl is-active "+s.SystemdUnit && s.machine.failed:
		return outcome{stdout: "failed\n", code: exitInactive}
	case words == "systemctl is-active "+s.SystemdUnit:
		return outcome{stdout: "active\n"}
	case words == "systemctl reboot":
		s.machine.reboot(now)
		return outcome{last: true}
	case words == "cat /proc/sys/kernel/random/boot_id /proc/uptime":
		up := now.Sub(s.machine.ready).Seconds()
		return outcome{stdout: fmt.Sprintf("%s\n%.2f %.2f\n", s.machine.bootID(), up, up)}
	case words == "env LC_ALL=C who -b -u":
		return outcome{stdout: s.who()}
	case words == "uptime":
		return outcome{stdout: uptime(now, s.machine.ready)}
	case len(argv) == 3 && argv[0] == "systemctl" && argv[1] == "restart":
		return outcome{stderr: fmt.Sprintf("Failed to restart %s: Unit %[1]s not found.\n", argv[2]), code: exitNoUnit}
	case len(argv) == 3 && argv[0] == "systemctl" && argv[1] == "is-active":
		return outcome{stdout: "inactive\n", code: exitInactive}
	case len(argv) == 0:
		return outcome{stderr: "no command\n", code: exitNotFound}
	}
	return outcome{stderr: argv[0] + ": command not found\n", code: exitNotFound}
}

// who lists the last boot, and who sits at the console.
func (s *server) who() string {
	list := "         system boot  " + s.machine.began.UTC().Format("Jan _2 15:04") + "\n"
	if s.faults[ConsoleOpen] {
		list += "technician tty1      " + s.machine.ready.UTC().Format("Jan _2 15:04") + "   .          812\n"
	}
	return list
}

func uptime(now, since time.Time) string {
	up := now.Sub(since)
	return fmt.Sprintf(" %s up %d days, %2d:%02d,  0 users,  load average: 0.08, 0.05, 0.01\n",
		now.Format("15:04:05"), int(up.Hours())/24, int(up.Hours())%24, int(up.Minutes())%60)
}
