package lab

import (
	"net"
	"sync"
)

// lan is the controller's network: it is silent while nothing answers, and can
// lose a reply.
type lan struct {
	*net.UDPConn
	open func() bool

	mu   sync.Mutex
	lose int
}

// swallow loses the next reply. Nothing else is answered in between: the
// library handles the packets of one session one after the other.
func (l *lan) swallow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose++
}

func (l *lan) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.UDPConn.ReadFrom(b)
		if err != nil || l.open() {
			return n, from, err
		}
	}
}

func (l *lan) WriteTo(b []byte, to net.Addr) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose > 0 {
		l.lose--
		return len(b), nil
	}
	return l.UDPConn.WriteTo(b, to)
}
