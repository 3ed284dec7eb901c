package lab

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// headerTimeout bounds how long a client may take to ask something.
const headerTimeout = 10 * time.Second

// gate is a listener that breaks off every new connection at once while
// nothing behind it answers, so that failures are quick. (A real machine that
// hangs lets them run into a time-out; on loopback nobody should wait for that.)
type gate struct {
	net.Listener
	open func() bool
}

// Accept returns the next connection that arrives while the gate is open.
func (g *gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || g.open() {
			return conn, err
		}
		hangUp(conn)
	}
}

// hangUp closes a connection with a reset instead of an orderly end.
func hangUp(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a connection that is closed already
	}
	_ = conn.Close()
}

// listen opens a port of loopback behind a gate.
func (d *Datacenter) listen(open func() bool) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &gate{Listener: l, open: open}, nil
}

// listenBoth opens a UDP port of loopback and holds the TCP port of that number:
// all controllers of a lab have one address, so only the number tells a Redfish
// one from an IPMI one in its inventory.
func listenBoth() (socket *net.UDPConn, held *net.TCPListener, err error) {
	for range 20 {
		held, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, nil, err
		}
		socket, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port(held.Addr())})
		if err == nil {
			return socket, held, nil
		}
		_ = held.Close() // accepted nothing
	}
	return nil, nil, err
}

func port(a net.Addr) int {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.Port
	case *net.UDPAddr:
		return a.Port
	}
	panic("lab: listens on TCP and UDP only, not on " + a.Network())
}

// serveHTTP answers on l until the lab stops.
func (d *Datacenter) serveHTTP(l net.Listener, h http.Handler) {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout,
		ErrorLog: log.New(io.Discard, "", 0), // broken connections are the lab's business
	}
	d.start(func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic("lab: a listener of loopback broke: " + err.Error())
		}
	}, func() { _ = s.Close() }) // nothing left to flush
}

// start runs f in a goroutine that ends soon after stop is called. It is the
// one place where the lab's goroutines begin.
func (d *Datacenter) start(f, stop func()) {
	d.closing.Lock()
	defer d.closing.Unlock()
	if d.closed {
		stop()
		return
	}
	d.started++
	id := d.started
	d.closers[id] = stop
	d.running.Go(func() {
		defer d.ended(id)
		f()
	})
}

// ended forgets a goroutine that is gone, so that a lab that runs for weeks
// does not remember every connection.
func (d *Datacenter) ended(id int) {
	d.closing.Lock()
	defer d.closing.Unlock()
	delete(d.closers, id)
}

// stop tells every goroutine to end.
func (d *Datacenter) stop() {
	d.closing.Lock()
	defer d.closing.Unlock()
	if d.closed {
		return
	}
	d.closed = true
	for _, stop := range d.closers {
		stop()
	}
}
