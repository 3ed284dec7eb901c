package ssh_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	cryptossh "golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/ssh"
)

func TestCommandRunsToItsEndAndItsExitStatusIsTold(t *testing.T) {
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			check(t, ssh.Run(t.Context(), p.order("true")), incident.OutcomeDone, "exit status 0")
			check(t, ssh.Run(t.Context(), p.order("sh", "-c", "echo one; echo 'Unit not found.' >&2; exit 5")),
				incident.OutcomeDone, "exit status 5: Unit not found")
			check(t, ssh.Run(t.Context(), p.order("/nonexistent/command")), incident.OutcomeDone, "exit status 127")
		})
	}
}

func TestWordsReachTheCommandAsTheyAre(t *testing.T) {
	words := []string{"plain", "", "two words", "it's", `"quoted"`, "$HOME", "`id`", "$(id)", "a;b", "a|b", "a&b", "*", `back\slash`, "-n", "!x", "é"}
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			for _, word := range words {
				file := filepath.Join(t.TempDir(), "word")
				got := ssh.Run(t.Context(), p.order("sh", "-c", `printf %s "$1" >"$2"`, "sh", word, file))
				check(t, got, incident.OutcomeDone, "exit status 0")
				if written, err := os.ReadFile(file); err != nil || string(written) != word {
					t.Fatalf("%q arrived as %q (%v)", word, written, err)
				}
			}
		})
	}
}

func TestCommandThatNoShellPassesOnSafelyIsRefused(t *testing.T) {
	p := startGo(t)
	for name, command := range map[string][]string{
		"none": nil, "empty": {""}, "line break": {"echo", "a\nb"}, "NUL": {"echo", "a\x00b"}, "return": {"echo\r"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, ssh.Run(t.Context(), p.order(command...)), incident.OutcomeRefused, "command")
		})
	}
}

func TestAnotherHostKeyIsRefusedBeforeAnythingRuns(t *testing.T) {
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			other := newKey(t)
			real, _, _, _, err := cryptossh.ParseAuthorizedKey([]byte(p.server.SSH.HostKeys[0]))
			if err != nil {
				t.Fatal(err)
			}
			p.server.SSH.HostKeys = []string{other.line}
			check(t, ssh.Run(t.Context(), untouched(t, p)), incident.OutcomeRefused,
				"host key changed: expected "+cryptossh.FingerprintSHA256(other.signer.PublicKey())+", got "+cryptossh.FingerprintSHA256(real))
		})
	}
}

func TestHostKeyOfAnotherKindIsRefused(t *testing.T) {
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.server.SSH.HostKeys = []string{ecdsaLine(t)}
			check(t, ssh.Run(t.Context(), untouched(t, p)), incident.OutcomeRefused, "shows no key of the pinned kind")
		})
	}
}

func TestOneOfSeveralPinsIsEnough(t *testing.T) {
	p := startGo(t)
	p.server.SSH.HostKeys = append([]string{newKey(t).line, ecdsaLine(t)}, p.server.SSH.HostKeys...)
	check(t, ssh.Run(t.Context(), p.order("true")), incident.OutcomeDone, "exit status 0")
}

// untouched is an order which must not reach the point of running.
func untouched(t *testing.T, p *peer) remediation.Order {
	o := p.order("touch", filepath.Join(t.TempDir(), "touched"))
	o.Last = func() error { t.Error("asked for leave on a server that is not identified"); return nil }
	return o
}

func TestLastObjectionIsObeyed(t *testing.T) {
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			file := filepath.Join(t.TempDir(), "touched")
			o := p.order("touch", file)
			asked := 0
			o.Last = func() error { asked++; return errors.New("piket is frozen") }
			check(t, ssh.Run(t.Context(), o), incident.OutcomeRefused, "piket is frozen")
			if _, err := os.Stat(file); asked != 1 || !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("asked %d times; the command ran: %v", asked, err == nil)
			}
		})
	}
}

func TestKeyThatIsNotLetInIsRefused(t *testing.T) {
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			p.server.SSH.Key = secret.Ref{File: newKey(t).file}
			check(t, ssh.Run(t.Context(), untouched(t, p)), incident.OutcomeRefused, "does not let user")
		})
	}
}

func TestWhatIsWrongBeforehandIsSaidInWords(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*testing.T, *remediation.Order)
		why    string
	}{
		"no SSH":        {func(_ *testing.T, o *remediation.Order) { o.Server.SSH = nil }, "has no SSH access in the inventory"},
		"no last check": {func(_ *testing.T, o *remediation.Order) { o.Last = nil }, "no last check"},
		"no pins":       {func(_ *testing.T, o *remediation.Order) { o.Server.SSH.HostKeys = nil }, "no host key in the inventory"},
		"bad pin":       {func(_ *testing.T, o *remediation.Order) { o.Server.SSH.HostKeys = []string{"ssh-ed25519 x"} }, "a host key in the inventory is not"},
		"key file gone": {func(_ *testing.T, o *remediation.Order) { o.Server.SSH.Key = secret.Ref{File: "/nonexistent/key"} }, "the SSH key cannot be read"},
		"no key": {func(t *testing.T, o *remediation.Order) {
			o.Server.SSH.Key = secret.Ref{File: write(t, "key", "canary-secret")}
		},
			"not a private key"},
		"key with a passphrase": {func(t *testing.T, o *remediation.Order) { o.Server.SSH.Key = secret.Ref{File: lockedKey(t)} }, "has a passphrase"},
		"nobody listens":        {func(t *testing.T, o *remediation.Order) { o.Server.SSH.Port = closedPort(t) }, "refuses the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			p := startGo(t)
			o := p.order("true")
			tt.change(t, &o)
			got := ssh.Run(t.Context(), o)
			check(t, got, incident.OutcomeRefused, tt.why)
			if strings.Contains(got.Detail, "canary-secret") {
				t.Fatalf("the key is in %q", got.Detail)
			}
		})
	}
}

func TestServerThatStaysSilentIsGivenUp(t *testing.T) {
	p := newPeer(t, newKey(t), newKey(t), func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<20)); _, _ = conn.Read(make([]byte, 1)) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	check(t, ssh.Run(ctx, p.order("true")), incident.OutcomeRefused, "does not answer in time")
	if took := time.Since(began); took > 3*time.Second {
		t.Fatalf("took %v", took)
	}
}

func TestConnectionLostMeansUnknown(t *testing.T) {
	var ran atomic.Int32
	p := startGoWith(t, func(cryptossh.Channel, string) (uint32, error) { ran.Add(1); return 0, errors.New("reboot") })
	check(t, ssh.Run(t.Context(), p.order("systemctl", "reboot")), incident.OutcomeUnknown, "broke off before the command gave an exit status")
	if n := ran.Load(); n != 1 {
		t.Fatalf("the command ran %d times", n)
	}
}

func TestCommandThatHangsEndsWithTheContextAsUnknown(t *testing.T) {
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			ctx, cancel := context.WithCancel(t.Context())
			pipe := filepath.Join(t.TempDir(), "started")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			o := p.order("sh", "-c", `echo begun >"$1"; exec sleep 2`, "sh", pipe)
			started := make(chan struct{})
			go func() {
				defer close(started)
				if _, err := os.ReadFile(pipe); err != nil { // waits for the command
					t.Error(err)
				}
				cancel()
			}()
			began := time.Now()
			check(t, ssh.Run(ctx, o), incident.OutcomeUnknown, "no exit status in time")
			<-started
			if took := time.Since(began); took > 1900*time.Millisecond {
				t.Fatalf("took %v", took)
			}
		})
	}
}

func TestServerThatRunsNoCommandsIsRefused(t *testing.T) {
	p := startGo(t)
	check(t, ssh.Run(t.Context(), p.order("not-here")), incident.OutcomeRefused, "does not run commands")
}

func TestOutputIsCleanedAndBounded(t *testing.T) {
	p := startGo(t)
	got := ssh.Run(t.Context(), p.order("sh", "-c",
		`i=0; while [ $i -lt 3000 ]; do echo "a line among very many of them, all of the same length"; i=$((i+1)); done; printf 'end \033[31mred\007 %0400d\n\n' 7`))
	check(t, got, incident.OutcomeDone, "exit status 0: end [31mred 000")
	if len([]rune(got.Detail)) > 220 {
		t.Fatalf("detail has %d characters", len([]rune(got.Detail)))
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func lockedKey(t *testing.T) string {
	t.Helper()
	_, private := ed25519Pair(t)
	block, err := cryptossh.MarshalPrivateKeyWithPassphrase(private, "", []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "locked", string(pem.EncodeToMemory(block)))
}
