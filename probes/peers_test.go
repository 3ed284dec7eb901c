package probes

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// short is the time of a probe that is expected to run into it, or whose
// answer does not depend on it. All others get the usual time: the machine may
// be busy.
const short = 250 * time.Millisecond

// waitsFor is short for the cases of a table whose names are listed.
func waitsFor(name string, listed ...string) time.Duration {
	if slices.Contains(listed, name) {
		return short
	}
	return DefaultTimeout
}

// listener answers every connection on loopback with handle, and closes it
// afterwards. Without handle the kernel accepts and nobody answers.
func listener(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	if handle == nil {
		return l.Addr().String()
	}
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	return l.Addr().String()
}

// says sends text and then listens until the other side has had enough.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, text)
		io.Copy(io.Discard, conn)
	}
}

// hangsUp sends text and closes.
func hangsUp(text string) func(net.Conn) {
	return func(conn net.Conn) { io.WriteString(conn, text) }
}

// bound returns a socket that holds a port of loopback and does not listen, so
// that nobody else can take the port meanwhile.
func bound(t *testing.T) (fd int, address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// refused returns an address that refuses.
func refused(t *testing.T) string {
	t.Helper()
	_, address := bound(t)
	return address
}

// hung returns an address whose kernel drops what would connect, as it does for
// a process that has stopped accepting: the queue of one place is full.
func hung(t *testing.T) string {
	t.Helper()
	fd, address := bound(t)
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		conn, err := net.DialTimeout("tcp", address, short)
		if err != nil {
			return address
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the kernel accepts more than the queue holds")
	return ""
}

// expect fails the test unless r has the state and its reason contains clause.
func expect(t *testing.T, r Result, state State, clause string) {
	t.Helper()
	if r.State != state || !strings.Contains(r.Reason, clause) {
		t.Errorf("got %s (%s), want %s (… %s …)", r.State, r.Reason, state, clause)
	}
}
