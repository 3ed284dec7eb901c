package ssh_test

import (
	"os"
	"strings"
	"testing"
	"time"

	cryptossh "golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/ssh"
)

// The peers run the commands on this very machine, so that the answer is known.
func TestBootIDIsThatOfTheKernel(t *testing.T) {
	want, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Skip("this is not Linux")
	}
	for name, start := range peers(t) {
		t.Run(name, func(t *testing.T) {
			p := start(t)
			_, target, _ := probes.BootOf(p.server, 0)
			got := ssh.Boot(t.Context(), target)
			if got.State != probes.Up || got.Facts["id"] != strings.TrimSpace(string(want)) {
				t.Fatalf("%s (%s), facts %v", got.State, got.Reason, got.Facts)
			}
			if _, known := got.Facts["users"]; known != (len(got.Evidence) == 0) {
				t.Errorf("facts %v and evidence %q", got.Facts, got.Evidence)
			}
		})
	}
}

func TestAnAccountThatIsBoundToACommandProvesNothing(t *testing.T) {
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		if os.Getenv("PIKET_REQUIRE_PEERS") != "" {
			t.Fatal("sshd is not installed, and PIKET_REQUIRE_PEERS asks for it")
		}
		t.Skip("sshd is not installed")
	}
	for name, forced := range map[string]string{"something": "echo welcome", "nothing": "true", "a failure": "false", "a flood": "head -c 1000000 /dev/zero"} {
		p := startOpenSSHWith(t, "ForceCommand "+forced+"\n")
		_, target, _ := probes.BootOf(p.server, 0)
		if got := ssh.Boot(t.Context(), target); got.State != probes.Unknown || len(got.Facts) > 0 {
			t.Errorf("%s: %s (%s), facts %v", name, got.State, got.Reason, got.Facts)
		}
	}
}

func TestAServerThatNeverEndsItsAnswerIsLeft(t *testing.T) {
	released := make(chan struct{})
	p := startGoWith(t, func(channel cryptossh.Channel, _ string) (uint32, error) {
		_, _ = channel.Write([]byte("0b7c1f52-"))
		<-released
		return 0, nil
	})
	t.Cleanup(func() { close(released) })
	got := ssh.Boot(t.Context(), probes.Target{Name: "web-07", Address: p.server.Address, SSH: p.server.SSH, Timeout: 300 * time.Millisecond})
	if got.State != probes.Unknown || !strings.Contains(got.Reason, "no answer in time") {
		t.Errorf("%s (%s)", got.State, got.Reason)
	}
}

func TestALookThatFailsProvesNothing(t *testing.T) {
	p := startGo(t)
	other := newKey(t)
	for name, c := range map[string]struct {
		change func(*inventory.SSH)
		says   string
	}{
		"another host key": {func(s *inventory.SSH) { s.HostKeys = []string{other.line} }, "host key changed"},
		"another user":     {func(s *inventory.SSH) { s.Key.File = other.file }, "does not let user"},
		"nobody there":     {func(s *inventory.SSH) { s.Port = 1 }, "refuses the connection"},
		"no host key":      {func(s *inventory.SSH) { s.HostKeys = nil }, "no host key"},
	} {
		access := *p.server.SSH
		c.change(&access)
		got := ssh.Boot(t.Context(), probes.Target{Name: "web-07", Address: p.server.Address, SSH: &access})
		if got.State != probes.Unknown || len(got.Facts) > 0 || !strings.Contains(got.Reason, c.says) {
			t.Errorf("%s: %s (%s), facts %v", name, got.State, got.Reason, got.Facts)
		}
	}
	if got := ssh.Boot(t.Context(), probes.Target{Name: "web-07", Address: "192.0.2.1"}); got.State != probes.Unknown {
		t.Errorf("a server without SSH is %s", got.State)
	}
}

func TestEveryBootOfTheLabHasItsOwnID(t *testing.T) {
	clk := clock.Jumping(time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC))
	world, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	inv, err := inventory.Load(world.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	server, _ := inv.Server("web-01")
	look := func(users int, who string) any {
		t.Helper()
		_, target, _ := probes.BootOf(server, 0)
		got := ssh.Boot(t.Context(), target)
		if got.State != probes.Up || got.Facts["users"] != users || got.Facts["who"] != who {
			t.Fatalf("%s (%s), facts %v, %q", got.State, got.Reason, got.Facts, got.Evidence)
		}
		return got.Facts["id"]
	}
	first := look(0, "")
	if err := world.Break("web-01", lab.ConsoleOpen); err != nil {
		t.Fatal(err)
	}
	if again := look(1, "technician on tty1"); again != first {
		t.Errorf("boot id %v became %v without a boot", first, again)
	}
	if err := world.Repair("web-01"); err != nil { // it boots
		t.Fatal(err)
	}
	<-clk.Go(func() { clk.Wait(t.Context(), clk.Now().Add(lab.DefaultBoot), nil) })
	if again := look(0, ""); again == first {
		t.Errorf("boot id %v survived a boot", first)
	}
}
