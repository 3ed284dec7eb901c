// Package kdump hears machines that are writing their memory to disk after a
// kernel panic. Whoever cuts their power meanwhile loses what they died of, so
// the crash kernel says every few seconds that it is at work: that is what
// fence_kdump_send of the fence agents does (fence_kdump_nodes in kdump.conf).
//
//	listener, err := kdump.Listen(kdump.Config{Listen: ":7410"}, clk, log, daemon.inventory)
//	go listener.Run(ctx)
//	at, heard := listener.LastHeard(server)
//
// The message proves nothing of who sent it: anybody whose packets get here may
// write any server's address into them, and keep piket from cutting its power, which
// shows on the timeline and among what is held back. So it only ever makes piket
// wait, for one server that the inventory knows, and for an hour of each day (which
// begins with a message) at the most: more of them are not heard, and the log says so.
package kdump

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
)

// Config is where to listen. The zero Config hears nothing.
type Config struct {
	Listen string `yaml:"listen"` // host:port for UDP; ":7410" is what senders expect
}

// Listener remembers when each server last spoke. Its methods are safe for
// concurrent use.
type Listener struct {
	conn      *net.UDPConn
	clock     *clock.Clock
	log       *slog.Logger
	inventory func() *inventory.Inventory

	mu    sync.Mutex
	heard map[string]heard // by name of the server: never more than there are
}

// heard is what one server has said within a day.
type heard struct {
	first, last time.Time
	counts      time.Duration // how long piket has waited for it since the first
}

// Bounds of what a server's messages may do. A memory is written within minutes:
// makedumpfile leaves out what is free or a cache.
const (
	day     = 24 * time.Hour
	longest = time.Hour       // that piket waits for one server in a day
	kept    = 2 * time.Minute // that one message makes it wait, which is remediation's dumpTime
)

// again returns what has been said once one more message came at now. A clock
// that was set back begins another day.
func (h heard) again(now time.Time) heard {
	if since := now.Sub(h.first); since < 0 || since >= day || now.Before(h.last) {
		return heard{first: now, last: now}
	}
	h.counts += min(now.Sub(h.last), kept)
	h.last = now
	return h
}

// spent reports whether it has been waited for long enough.
func (h heard) spent() bool { return h.counts >= longest }

// Listen opens the port. The caller runs the listener, or closes it.
func Listen(config Config, clk *clock.Clock, log *slog.Logger, inv func() *inventory.Inventory) (*Listener, error) {
	address, err := net.ResolveUDPAddr("udp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for kdump: %w", err)
	}
	conn, err := net.ListenUDP("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for kdump: %w", err)
	}
	return &Listener{conn: conn, clock: clk, log: log, inventory: inv, heard: map[string]heard{}}, nil
}

// Addr is where the listener listens.
func (l *Listener) Addr() net.Addr { return l.conn.LocalAddr() }

// Run listens until ctx ends. It runs in a goroutine of its clock.
func (l *Listener) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.listen()
	}()
	l.clock.Wait(ctx, time.Time{}, nil)
	l.Close() // listen sees it
	<-done
}

// Close gives the port back. A listener that runs does so by itself.
func (l *Listener) Close() { _ = l.conn.Close() }

func (l *Listener) listen() {
	buffer := make([]byte, messageSize+1) // one more, to see what is too long
	for {
		n, from, err := l.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return // closed: reading from UDP has no other end
		}
		if isMessage(buffer[:n]) {
			l.note(from.Addr())
		}
	}
}

// The message of fence_kdump, version 1: two words of 32 bits in the byte order
// of the machine that sends them.
const (
	messageSize = 8
	magic       = 0x1B302A40
	version     = 1
)

func isMessage(b []byte) bool {
	if len(b) != messageSize {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(b) == magic && order.Uint32(b[4:]) == version {
			return true
		}
	}
	return false
}

// note remembers who spoke, if the inventory has exactly one server at the
// address or with it among its aliases.
func (l *Listener) note(from netip.Addr) {
	server, ok := l.inventory().Find(from.Unmap().WithZone("").String())
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.heard[server.Name]
	now := before.again(l.clock.Now())
	l.heard[server.Name] = now
	if now.spent() && !before.spent() {
		l.log.Warn("a server says for too long that it is writing a crash dump, and is not waited for any more today: is it that server?", "host", server.Name, "since", now.first)
	}
}

// LastHeard returns when the server last said that it is writing its memory,
// since piket started; ok is false when it never did, or has said so for an hour
// of the day that began with its first message. A server that the
// inventory knows by a host name is heard when its IP address is among its
// aliases.
func (l *Listener) LastHeard(server inventory.Server) (at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, ok := l.heard[server.Name]
	if !ok || h.spent() {
		return time.Time{}, false
	}
	return h.last, true
}
