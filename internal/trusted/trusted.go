// Package trusted says whom piket talks to when it has something to lose: whose
// certificates hold, and which addresses a token may be sent to.
//
//	if err := trusted.Address(config.URL, true); err != nil { … }
//	roots, err := trusted.CAs(config.CAFile)
//	tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
package trusted

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
)

// CAs reads the certificates of a PEM file, which alone hold from then on; nil,
// which is the machine's own list, when no file is named. The error names the file;
// trying again makes sense once somebody has mended it.
func CAs(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

// Address says what is wrong with the address of a service, below which piket
// puts paths of its own; nil when nothing is. Where a token goes along, everybody
// on the way could read it without TLS.
func Address(address string, token bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return errors.New("want an address such as https://piket.example.net")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("a user name, a query or a fragment may not stand in it")
	case u.Scheme == "http" && token && !Loopback(u.Hostname()):
		return fmt.Errorf("without https the token would be readable on the way to %s", u.Hostname())
	}
	return nil
}

// Loopback reports whether what is sent to host stays on this machine.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// NamesAddress reports whether a host needs no looking up, so that nobody but
// who wrote it down has chosen where it leads.
func NamesAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}

// sharedSpace is what carriers use inside their networks (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// Public reports whether an address that is being dialled is one of the open
// network, and not of our own or of this machine. Look at the address after the
// name was looked up: who answers for a name may answer with one of ours.
func Public(address netip.Addr) bool {
	ip := address.Unmap()
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !sharedSpace.Contains(ip)
}
