package probes

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"

	"github.com/spinware/piket/internal/trusted"
)

const maxPageRedirects = 3

// pageClient returns a client that keeps to the page's own host, and inside our
// own network only if the inventory names the very address.
func (t Target) pageClient() (*http.Client, error) {
	client, err := t.client(followOnHost)
	if err != nil {
		return nil, err
	}
	transport := client.Transport.(lone)
	u, _ := url.Parse(t.URL) // client has parsed it
	if !trusted.NamesAddress(u.Hostname()) {
		transport.dial = dialPublic
	}
	client.Transport = transport
	return client, nil
}

// followOnHost follows a redirect on the page's own host only: elsewhere it may
// be a parking page, a login page, or something inside our own network.
func followOnHost(next *http.Request, before []*http.Request) error {
	if err := sameHost(next.URL.String(), before[0].URL.String()); err != nil {
		return err
	}
	if len(before) > maxPageRedirects {
		return fmt.Errorf("%w redirects more than %d times", errPage, maxPageRedirects)
	}
	return nil
}

func sameHost(next, first string) error {
	to, err := url.Parse(next)
	from, fromErr := url.Parse(first)
	if err := cmp.Or(err, fromErr); err != nil {
		return fmt.Errorf("%w: %w", errPage, err)
	}
	if to.Host != from.Host || to.Scheme != from.Scheme || to.User != nil {
		return fmt.Errorf("%w redirects to another host, %s", errAbsent, to.Host)
	}
	return nil
}

// dialPublic connects to public addresses only. It looks at the address that is
// really dialled, after the name was looked up.
func dialPublic(ctx context.Context, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1, Control: func(_, dialled string, _ syscall.RawConn) error { return refusePrivate(dialled) }}
	return dialer.DialContext(ctx, "tcp", address)
}

func refusePrivate(dialled string) error {
	to, err := netip.ParseAddrPort(dialled)
	if err != nil {
		return fmt.Errorf("%w: %w", errPage, err)
	}
	if !trusted.Public(to.Addr()) {
		return fmt.Errorf("%w has a private address, %s (to mean it, write that address in the url)", errPage, to.Addr().Unmap())
	}
	return nil
}
