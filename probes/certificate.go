package probes

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"time"

	"github.com/spinware/piket/internal/trusted"
)

// DefaultCertWarn is in days. Certificates that renew themselves do so with 30
// of their 90 days left: with 14 left it has failed for two weeks.
const DefaultCertWarn = 14

// handshakeError is what went wrong between two sides that had a connection.
type handshakeError struct{ error }

func (h handshakeError) Unwrap() error { return h.error }

// curves leaves out the hybrid key exchange, which costs half as much again as
// all of the rest (482 against 307 µs of CPU a handshake, measured): nothing is
// said on these connections that anybody would keep for a quantum computer.
var curves = []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}

// secure speaks TLS on conn, which it closes when that fails with a
// handshakeError.
func secure(ctx context.Context, conn net.Conn, config *tls.Config) (*tls.Conn, error) {
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, handshakeError{err}
	}
	return secured, nil
}

// trust makes the TLS configuration that believes caFile, or the system's list
// of authorities when that is "".
func trust(caFile string) (*tls.Config, error) {
	roots, err := trusted.CAs(caFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, CurvePreferences: curves}, nil
}

// handshakeBroke judges a handshake. A certificate that is not trusted is
// Unknown: something is alive enough to show it, so that nothing is mended by a
// restart, but who it is nobody knows, and it was asked nothing more. It may as
// well be this machine's clock that is wrong, or its list of authorities. Two
// sides that agree on no version or cipher are both alive, too.
func (t Target) handshakeBroke(ctx context.Context, err error) Result {
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return distrusted(bad)
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return notTLS(header)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return unknown("the target refuses piket's TLS handshake: %v", op.Err)
	}
	if strings.HasPrefix(err.Error(), "tls: ") {
		return unknown("TLS handshake: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	return t.broke(ctx, err)
}

func notTLS(header tls.RecordHeaderError) Result {
	if strings.HasPrefix(string(header.RecordHeader[:]), "HTTP/") {
		return down("answers in plain HTTP and not in TLS")
	}
	return down("answers in something that is not TLS")
}

func distrusted(bad *tls.CertificateVerificationError) Result {
	result := unknown("%s", distrust(bad, time.Now()))
	if len(bad.UnverifiedCertificates) > 0 {
		leaf := bad.UnverifiedCertificates[0]
		result.Facts = map[string]any{"cert_days": daysLeft(leaf.NotAfter, time.Now())}
		result.noteCertificate(leaf)
	}
	return result
}

// distrust says why a certificate is not believed.
func distrust(bad *tls.CertificateVerificationError, now time.Time) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](bad); ok && invalid.Reason == x509.Expired && invalid.Cert != nil {
		if now.Before(invalid.Cert.NotBefore) {
			return fmt.Sprintf("the certificate is not valid before %s, or this machine's clock is slow", day(invalid.Cert.NotBefore))
		}
		return fmt.Sprintf("the certificate expired on %s", day(invalid.Cert.NotAfter))
	}
	if name, ok := errors.AsType[x509.HostnameError](bad); ok && name.Certificate != nil {
		return fmt.Sprintf("the certificate is for %s and not for %s", names(name.Certificate), name.Host)
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](bad); ok && unknown.Cert != nil {
		return fmt.Sprintf("the certificate is signed by %q, which is not trusted here", issuer(unknown.Cert))
	}
	return bad.Err.Error()
}

// judgeExpiry says in an answer how long the certificates behind it last, and
// warns when that is not long. It is up all the same.
func (t Target) judgeExpiry(result *Result, state tls.ConnectionState) {
	if len(state.PeerCertificates) == 0 {
		return
	}
	days := daysLeft(lasts(state), time.Now())
	if result.Facts == nil {
		result.Facts = map[string]any{}
	}
	result.Facts["cert_days"] = days
	result.Expiry = expiryOf(state)
	if days < cmp.Or(t.CertWarn, DefaultCertWarn) {
		result.Reason = clause(fmt.Sprintf("%s; the certificate has %d days left", result.Reason, days))
	}
	result.note("%s, %s", tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	result.noteCertificate(state.PeerCertificates[0])
}

// lasts returns until when the certificates are believed: as long as the chain
// that lasts longest, which is as long as its first part to expire.
func lasts(state tls.ConnectionState) time.Time {
	var longest time.Time
	for _, chain := range state.VerifiedChains {
		first := chain[0].NotAfter
		for _, certificate := range chain {
			if certificate.NotAfter.Before(first) {
				first = certificate.NotAfter
			}
		}
		if first.After(longest) {
			longest = first
		}
	}
	return longest
}

// daysLeft counts whole days; below zero they are past.
func daysLeft(until, now time.Time) int {
	return int(math.Floor(until.Sub(now).Hours() / 24))
}

func (r *Result) noteCertificate(leaf *x509.Certificate) {
	r.note("certificate for %s, signed by %s", names(leaf), issuer(leaf))
	r.note("valid from %s to %s", day(leaf.NotBefore), day(leaf.NotAfter))
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func issuer(certificate *x509.Certificate) string {
	return cmp.Or(certificate.Issuer.CommonName, certificate.Issuer.String(), "nobody")
}

// maxNames bounds how many of a certificate's names are shown; some have
// hundreds.
const maxNames = 5

func names(certificate *x509.Certificate) string {
	list := append([]string{}, certificate.DNSNames...)
	for _, ip := range certificate.IPAddresses {
		list = append(list, ip.String())
	}
	switch {
	case len(list) == 0:
		return cmp.Or(certificate.Subject.CommonName, "nobody")
	case len(list) > maxNames:
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxNames], ", "), len(list)-maxNames)
	}
	return strings.Join(list, ", ")
}
