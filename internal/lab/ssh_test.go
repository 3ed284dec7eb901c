package lab_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/lab"
)

// runSSH runs one command as the inventory says, with the pinned host key.
func (w *world) runSSH(name, command string) (string, error) {
	w.t.Helper()
	s := w.server(name).SSH
	key, err := s.Key.Read()
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey([]byte(key.Reveal()))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.runSSHAs(name, signer, command)
}

func (w *world) runSSHAs(name string, signer ssh.Signer, command string) (string, error) {
	w.t.Helper()
	s := w.server(name).SSH
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.HostKeys[0]))
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(s.Address, strconv.Itoa(s.Port)), patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	config := &ssh.ClientConfig{User: s.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(pinned)}
	login, channels, requests, err := ssh.NewClientConn(conn, name, config)
	if err != nil {
		return "", err
	}
	client := ssh.NewClient(login, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	var out bytes.Buffer
	session.Stdout = &out
	err = session.Run(command)
	return out.String(), err
}

func TestCommandsAnswerLikeTheRealOnes(t *testing.T) {
	w := start(t)
	w.breaks("web-02", lab.Crashed)
	for _, c := range []struct {
		server, command, out string
		exit                 int
	}{
		{"web-01", "systemctl is-active shop.service", "active\n", 0},
		{"web-02", "systemctl is-active booking.service", "failed\n", 3},
		{"web-01", "systemctl is-active other.service", "inactive\n", 3},
		{"web-01", "systemctl restart other.service", "", 5},
		{"web-01", "cat /proc/sys/kernel/random/boot_id /proc/uptime", w.status("web-01").BootID + "\n2591910.00 2591910.00\n", 0},
		{"web-01", "uptime", " 03:00:00 up 29 days, 23:58,  0 users,  load average: 0.08, 0.05, 0.01\n", 0},
		{"web-01", "rm -rf /", "", 127},
		{"web-01", "systemctl restart shop.service; reboot", "", 127},
	} {
		out, err := w.runSSH(c.server, c.command)
		exit := new(ssh.ExitError)
		if errors.As(err, &exit) != (c.exit != 0) || (c.exit != 0 && exit.ExitStatus() != c.exit) || out != c.out {
			t.Errorf("%s: %s: %q, %v; want %q and exit %d", c.server, c.command, out, err, c.out, c.exit)
		}
	}
	w.wantSends(0)
}

func TestRestartOfTheUnitCuresACrashedService(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Crashed)
	if _, err := w.runSSH("web-01", "systemctl restart shop.service"); err != nil {
		t.Fatal(err)
	}
	w.wantCondition("web-01", lab.IsRunning)
	wire := w.WireLog()
	if len(wire) != 1 || wire[0].Door != "ssh" || wire[0].What != "systemctl restart shop.service" || wire[0].Power {
		t.Errorf("the wire log says %+v", wire)
	}
}

func TestRebootOverSSHIsANewBootAndNoPowerCommand(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Crashed)
	before := w.status("web-01")
	if _, err := w.runSSH("web-01", "systemctl reboot"); err != nil {
		t.Fatal(err)
	}
	if now := w.status("web-01"); now.Condition != lab.IsBooting || now.Power != "On" || now.BootID == before.BootID {
		t.Errorf("afterwards it is %+v", now)
	}
	if _, err := w.runSSH("web-01", "uptime"); err == nil {
		t.Error("it answers while it boots")
	}
	w.pass(boot)
	w.wantCondition("web-01", lab.IsRunning)
	w.wantSends(0)
}

func TestDroppedSSHReplyHasNoExitStatusAndTheCommandRan(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Crashed)
	w.breaks("web-01", lab.SSHDropsReply)
	_, err := w.runSSH("web-01", "systemctl restart shop.service")
	if missing := new(ssh.ExitMissingError); !errors.As(err, &missing) {
		t.Errorf("got %v, want no exit status", err)
	}
	w.wantCondition("web-01", lab.IsRunning)
}

func TestChangedHostKeyIsSeen(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.SSHKeyChanged)
	if _, err := w.runSSH("web-01", "uptime"); err == nil || !strings.Contains(err.Error(), "host key mismatch") {
		t.Fatalf("got %v", err)
	}
}

func strangeKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func TestStrangeKeyMayNotLogIn(t *testing.T) {
	w := start(t)
	if _, err := w.runSSHAs("web-01", strangeKey(t), "uptime"); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
		t.Fatalf("got %v", err)
	}
}

func TestHungMachineBreaksOffSSHAtOnce(t *testing.T) {
	for _, fault := range []lab.Fault{lab.Hung, lab.Off, lab.Dead} {
		w := start(t)
		w.breaks("web-01", fault)
		if out, err := w.runSSH("web-01", "uptime"); err == nil {
			t.Errorf("%s: answered %q", fault, out)
		}
	}
}
