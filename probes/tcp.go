package probes

import (
	"context"
	"net"
	"time"
)

// TCP asks whether something accepts connections at t.Address (host:port). It
// says nothing on the connection and closes it at once.
func TCP(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	began := time.Now()
	conn, err := dial(ctx, t.Address)
	if err != nil {
		return t.broke(ctx, err)
	}
	took := time.Since(began)
	defer conn.Close()
	result := up("accepts connections in %s", millis(took))
	result.noteConn(conn)
	return result
}

// noteConn says who talked to whom: of a name it shows which of its addresses,
// and of a machine with several which one it asked from.
func (r *Result) noteConn(conn net.Conn) {
	r.note("connected to %s from %s", conn.RemoteAddr(), conn.LocalAddr())
}

// dial opens one connection, without keep-alives: no probe lives that long.
func dial(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	return dialer.DialContext(ctx, "tcp", address)
}
