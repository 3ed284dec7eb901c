package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"time"
)

// TLS shakes hands with t.Address (host:port), says nothing more, and looks at
// the certificate that it is shown. Up is a certificate for t.ServerName (or
// the address's host) that t.CAFile, or the system's list, vouches for; the
// reason says so when it has few days left. One that has expired, or is not
// trusted, is Unknown: what shows it is alive, and who it is nobody knows. Its
// facts are cert_days and version.
func TLS(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return unknown("address %q: want HOST:PORT", t.Address)
	}
	config, err := trust(t.CAFile)
	if err != nil {
		return unknown("%v", err)
	}
	config.ServerName = cmp.Or(t.ServerName, host)
	began := time.Now()
	conn, err := dial(ctx, t.Address)
	if err != nil {
		return t.broke(ctx, err)
	}
	secured, err := secure(ctx, conn, config)
	if err != nil {
		result := t.handshakeBroke(ctx, err)
		result.noteConn(conn)
		return result
	}
	defer conn.Close() // and not secured: saying goodbye could block
	return t.shookHands(secured.ConnectionState(), conn, time.Since(began))
}

func (t Target) shookHands(state tls.ConnectionState, conn net.Conn, took time.Duration) Result {
	version := tls.VersionName(state.Version)
	result := up("%s in %s", version, millis(took))
	result.Facts = map[string]any{"version": version}
	result.noteConn(conn)
	t.judgeExpiry(&result, state)
	return result
}
