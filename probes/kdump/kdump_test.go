package kdump_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes/kdump"
)

var night = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// hear starts a listener that knows the machine at the given addresses.
func hear(t *testing.T, aliases ...string) (*kdump.Listener, inventory.Server) {
	t.Helper()
	inv, err := inventory.New(inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1"}},
		Servers: []inventory.Server{
			{Name: "web-01", Site: "ams1", Address: "192.0.2.11", Aliases: aliases},
			{Name: "web-02", Site: "ams1", Address: "192.0.2.12", Aliases: []string{"127.0.0.2"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	clk := clock.Jumping(night)
	listener, err := kdump.Listen(kdump.Config{Listen: "127.0.0.1:0"}, clk, slog.New(slog.DiscardHandler), func() *inventory.Inventory { return inv })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := clk.Go(func() { listener.Run(ctx) })
	t.Cleanup(func() { stop(); <-done })
	server, _ := inv.Server("web-01")
	return listener, server
}

// send sends packets from an address of the loopback; all that is sent arrives
// in its order.
func send(t *testing.T, to net.Addr, from string, packets ...[]byte) {
	t.Helper()
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, to.(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, p := range packets {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits until the server was heard; the test's own end is the bound.
func eventually(t *testing.T, l *kdump.Listener, server inventory.Server) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if at, ok := l.LastHeard(server); ok {
			if !at.Equal(night) {
				t.Fatalf("heard at %v, want %v", at, night)
			}
			return
		}
		<-tick.C
	}
	t.Fatal("nothing was heard")
}

var (
	little = []byte{0x40, 0x2a, 0x30, 0x1b, 1, 0, 0, 0} // as fence_kdump_send 4.12.1 sends it on amd64
	big    = []byte{0x1b, 0x30, 0x2a, 0x40, 0, 0, 0, 1}
)

func TestAMachineThatWritesItsMemoryIsHeard(t *testing.T) {
	for name, packet := range map[string][]byte{"little endian": little, "big endian": big} {
		t.Run(name, func(t *testing.T) {
			l, server := hear(t, "127.0.0.1")
			send(t, l.Addr(), "127.0.0.1", packet)
			eventually(t, l, server)
			if _, ok := l.LastHeard(inventory.Server{Name: "web-02"}); ok {
				t.Error("another machine was heard")
			}
		})
	}
}

func TestOtherPacketsAndStrangersAreNotHeard(t *testing.T) {
	bad := [][]byte{
		nil, {0}, little[:7], append(little[:8:8], 0), make([]byte, 1400),
		{0x40, 0x2a, 0x30, 0x1b, 2, 0, 0, 0}, {0x41, 0x2a, 0x30, 0x1b, 1, 0, 0, 0}, {0x40, 0x2a, 0x30, 0x1b, 0, 0, 0, 1},
	}
	l, server := hear(t, "127.0.0.1")
	send(t, l.Addr(), "127.0.0.1", bad...)
	send(t, l.Addr(), "127.0.0.3", little) // nobody of the inventory
	send(t, l.Addr(), "127.0.0.2", little) // comes last: by then all others have been read
	other := inventory.Server{Name: "web-02"}
	eventually(t, l, other)
	if _, ok := l.LastHeard(server); ok {
		t.Error("a packet of another kind was heard")
	}
}

// The real sender is in Debian's package fence-agents, outside of the path.
func TestTheSenderOfTheFenceAgentsIsHeard(t *testing.T) {
	sender, err := exec.LookPath("fence_kdump_send")
	if err != nil {
		sender = "/usr/libexec/fence-agents/fence_kdump_send"
	}
	if _, err := os.Stat(sender); err != nil {
		if os.Getenv("PIKET_REQUIRE_PEERS") != "" {
			t.Fatal("fence_kdump_send is not installed, and PIKET_REQUIRE_PEERS asks for it")
		}
		t.Skip("fence_kdump_send is not installed: its bytes are in the other tests")
	}
	l, server := hear(t, "127.0.0.1")
	port := l.Addr().(*net.UDPAddr).Port
	if out, err := exec.CommandContext(t.Context(), sender, "-p", strconv.Itoa(port), "-c", "1", "-i", "1", "127.0.0.1").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, l, server)
}
