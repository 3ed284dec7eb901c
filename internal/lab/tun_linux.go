package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoTUN is returned by OpenTUN when this process may not make network
// devices. Trying again without root or CAP_NET_ADMIN is of no use.
var ErrNoTUN = errors.New("no TUN device (needs /dev/net/tun, and root or CAP_NET_ADMIN)")

// TUN is a pretend network of machines that do nothing but answer pings, for
// tests and benchmarks that need real packets. The packets pass the kernel's
// own stack, a real device and its queue. Its methods are safe for concurrent
// use and take effect with the next packet.
//
// Open it inside [InNamespace], so that it cannot get in the way of the
// machine's own network.
type TUN struct {
	file    *os.File
	replies chan homeward
	running sync.WaitGroup

	mu       sync.Mutex
	random   *rand.Rand
	loss     float64
	delay    time.Duration
	dead     map[netip.Addr]time.Time // since when echoes to it were swallowed; zero for not yet
	deadNets []netip.Prefix
	refused  map[netip.Addr]bool                          // a router says that there is no such host
	watch    func(to netip.Addr, at time.Time, lost bool) // nil: nobody does
}

// homeward is a packet on its way back.
type homeward struct {
	due    time.Time
	packet []byte
}

const (
	maxReplies   = 1 << 16 // on their way back; more are lost, as in a real switch
	tunQueue     = 1 << 16 // packets that the kernel holds for a slow reader
	maxTUNPacket = 2048
)

// OpenTUN makes the device and a route to each prefix through it. The first
// host address of each is this machine's own; all others answer at once, until
// told otherwise. It returns ErrNoTUN when the kernel refuses the device.
func OpenTUN(prefixes ...netip.Prefix) (*TUN, error) {
	fd, name, err := openTUNDevice()
	if err != nil {
		return nil, err
	}
	if err := configureDevice(name, prefixes); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("configure %s: %w", name, err)
	}
	t := &TUN{
		file: os.NewFile(uintptr(fd), name), replies: make(chan homeward, maxReplies),
		random: rand.New(rand.NewPCG(1, 1)), dead: map[netip.Addr]time.Time{},
		refused: map[netip.Addr]bool{},
	}
	t.running.Go(t.read)
	t.running.Go(t.write)
	return t, nil
}

// Close takes the device away, with what is on its way back.
func (t *TUN) Close() error {
	err := t.file.Close() // read ends, and lets write end
	t.running.Wait()
	return err
}

// Loss loses each echo with probability p, independently. The same seed loses
// the same ones.
func (t *TUN) Loss(p float64, seed uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loss, t.random = p, rand.New(rand.NewPCG(seed, seed))
}

// Delay holds each reply back for d, so that the true round trip is d and the
// few microseconds of the kernel on top.
func (t *TUN) Delay(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.delay = d
}

// Kill silences one address.
func (t *TUN) Kill(address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dead[address] = time.Time{}
}

// KillAll silences a prefix: a rack, a site, or everything.
func (t *TUN) KillAll(prefix netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deadNets = append(t.deadNets, prefix.Masked())
}

// Refuse has a router answer for one address that the host is unreachable.
func (t *TUN) Refuse(address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[address] = true
}

// Revive lets one address answer again after Kill or Refuse.
func (t *TUN) Revive(address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.dead, address)
	delete(t.refused, address)
}

// ReviveAll lets everything answer again.
func (t *TUN) ReviveAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.dead)
	clear(t.refused)
	t.deadNets = nil
}

// Missed returns when the first echo to address was swallowed since Kill. ok is
// false when none was yet.
func (t *TUN) Missed(address netip.Addr) (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at = t.dead[address]
	return at, !at.IsZero()
}

// Watch has f told of every echo from now on, one after the other: to whom it
// is, when it came, and whether it is lost. The network waits while f runs.
func (t *TUN) Watch(f func(to netip.Addr, at time.Time, lost bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = f
}

// read takes packets from the kernel until the device is closed.
func (t *TUN) read() {
	defer close(t.replies)
	buffer := make([]byte, maxTUNPacket)
	for {
		n, err := t.file.Read(buffer)
		if err != nil {
			return
		}
		arrived := time.Now()
		to, ok := echoTo(buffer[:n])
		if !ok {
			continue
		}
		delay, fate := t.fate(to, arrived)
		packet := fate.packet(buffer[:n])
		if packet == nil {
			continue
		}
		select {
		case t.replies <- homeward{arrived.Add(delay), packet}:
		default: // the switch is full
		}
	}
}

// write returns packets to the kernel when they are due, in the order in which
// they came.
func (t *TUN) write() {
	for r := range t.replies {
		if wait := time.Until(r.due); wait > 0 {
			<-time.After(wait)
		}
		if _, err := t.file.Write(r.packet); err != nil && errors.Is(err, os.ErrClosed) {
			return
		}
	}
}

// fate is what becomes of an echo.
type fate int

const (
	answered fate = iota
	swallowed
	refused
)

func (t *TUN) fate(to netip.Addr, now time.Time) (time.Duration, fate) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delay, fate := t.decide(to, now)
	if t.watch != nil {
		t.watch(to, now, fate == swallowed)
	}
	return delay, fate
}

// decide says what becomes of an echo. The lock is held.
func (t *TUN) decide(to netip.Addr, now time.Time) (time.Duration, fate) {
	if since, dead := t.dead[to]; dead {
		if since.IsZero() {
			t.dead[to] = now
		}
		return 0, swallowed
	}
	for _, prefix := range t.deadNets {
		if prefix.Contains(to) {
			return 0, swallowed
		}
	}
	if t.loss > 0 && t.random.Float64() < t.loss {
		return 0, swallowed
	}
	if t.refused[to] {
		return t.delay, refused
	}
	return t.delay, answered
}

// packet returns what comes back for an echo, nil for nothing.
func (f fate) packet(echo []byte) []byte {
	switch f {
	case answered:
		return replyTo(echo)
	case refused:
		return refusalOf(echo)
	}
	return nil
}
