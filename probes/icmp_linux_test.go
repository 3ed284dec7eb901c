package probes

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// pingSocketsAllowed reads what the kernel grants to this process's group.
func pingSocketsAllowed(t *testing.T) bool {
	t.Helper()
	data, err := os.ReadFile("/proc/sys/net/ipv4/ping_group_range")
	if err != nil {
		t.Fatal(err)
	}
	var low, high int
	if _, err := fmt.Sscan(string(data), &low, &high); err != nil {
		t.Fatal(err)
	}
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range append(groups, os.Getegid()) {
		if low <= g && g <= high {
			return true
		}
	}
	return false
}

// rawSocketsAllowed reports whether this process has CAP_NET_RAW.
func rawSocketsAllowed(t *testing.T) bool {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func expectPing(t *testing.T, result Result, allowed bool) {
	t.Helper()
	if !allowed {
		expect(t, result, Unknown, `net.ipv4.ping_group_range="0 2147483647", or give it CAP_NET_RAW`)
		if len(result.Facts) != 0 {
			t.Errorf("facts without a measurement: %v", result.Facts)
		}
		return
	}
	expect(t, result, Up, "answers in")
	if loss := result.Facts["loss"]; loss != 0.0 {
		t.Errorf("fact loss is %v, want 0", loss)
	}
	if rtt, ok := result.Facts["rtt_ms"].(float64); !ok || rtt < 0 || rtt > 3000 {
		t.Errorf("fact rtt_ms is %v", result.Facts["rtt_ms"])
	}
}

func TestICMPAnswersOrSaysWhatItLacks(t *testing.T) {
	allowed := pingSocketsAllowed(t) || rawSocketsAllowed(t)
	if !allowed && os.Getenv("PIKET_REQUIRE_PEERS") == "1" {
		t.Fatal("PIKET_REQUIRE_PEERS=1, but this machine grants neither ping sockets nor CAP_NET_RAW")
	}
	expectPing(t, ICMP(t.Context(), Target{Address: "127.0.0.1"}), allowed)
	expectPing(t, ICMP(t.Context(), Target{Address: "localhost"}), allowed)
}

func TestICMPWithoutPrivilegesDependsOnThePingGroup(t *testing.T) {
	results := make(chan Result, 1)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, and with it
		// the loss of the capability.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			results <- unknown("drop capabilities: %v", err)
			return
		}
		results <- ICMP(context.Background(), Target{Address: "127.0.0.1"})
	}()
	expectPing(t, <-results, pingSocketsAllowed(t))
}
