package lab

import (
	"fmt"
	"net/http"
)

// serveService starts what the server is there for: a page that says "ok NAME".
func (d *Datacenter) serveService(s *server) error {
	open := func() bool { return d.serviceAnswers(s) }
	p, err := d.servePage(open, "ok "+s.Name)
	if err != nil {
		return fmt.Errorf("listen for the service of %s: %w", s.Name, err)
	}
	s.servicePort = p
	return nil
}

// serveGateway starts what answers when the path to the site is there. It
// answers with a page, because a handshake alone proves nothing: proxies and
// firewalls complete those by themselves.
func (d *Datacenter) serveGateway(s *site) error {
	open := func() bool { return d.siteAnswers(s) }
	p, err := d.servePage(open, "gateway of "+s.Name)
	if err != nil {
		return fmt.Errorf("listen for the gateway of %s: %w", s.Name, err)
	}
	s.gatewayPort = p
	return nil
}

// servePage answers every request with text while open says so. A connection
// from better times is broken off as well.
func (d *Datacenter) servePage(open func() bool, text string) (int, error) {
	l, err := d.listen(open)
	if err != nil {
		return 0, err
	}
	d.serveHTTP(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !open() {
			panic(http.ErrAbortHandler)
		}
		_, _ = fmt.Fprintln(w, text) // the client is gone: nobody to tell
	}))
	return port(l.Addr()), nil
}
