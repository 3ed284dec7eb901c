package probes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const aDay = 24 * time.Hour

// authority signs certificates of the tests.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"},
		NotBefore: time.Now().Add(-1000 * aDay), NotAfter: time.Now().Add(1000 * aDay),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := a.sign(template, template, a.key)
	var err error
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

// issue makes a certificate for www.example.net and loopback.
func (a *authority) issue(from, until time.Duration) tls.Certificate {
	key := newKey(a.t)
	der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "www.example.net"},
		DNSNames: []string{"www.example.net"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
	}, a.certificate, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tlsServer shakes hands and then answers as a web server would.
func tlsServer(t *testing.T, config *tls.Config) string {
	return listener(t, func(conn net.Conn) {
		secured := tls.Server(conn, config)
		if secured.Handshake() != nil {
			return
		}
		secured.Read(make([]byte, 1024))
		io.WriteString(secured, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
	})
}

func serving(certificate tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}}
}

// Whatever is wrong with a certificate, something is alive that shows it, and
// nobody knows who: neither up nor down. The page behind it is never asked for.
func TestCertificatesAreJudgedTheSameWithAndWithoutAPageBehind(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good := serving(ca.issue(-aDay, 60*aDay+time.Hour))
	cases := []struct {
		name   string
		config *tls.Config
		ca     string
		state  State
		reason string
		days   any
	}{
		{"well", good, ca.file, Up, " in ", 60},
		{"few days left", serving(ca.issue(-aDay, 6*aDay+time.Hour)), ca.file, Up, "the certificate has 6 days left", 6},
		{"last hour", serving(ca.issue(-aDay, time.Hour)), ca.file, Up, "the certificate has 0 days left", 0},
		{"expired", serving(ca.issue(-9*aDay, -2*aDay-time.Hour)), ca.file, Unknown, "the certificate expired on ", -3},
		{"not yet valid", serving(ca.issue(2*aDay+time.Hour, 9*aDay+time.Hour)), ca.file, Unknown, "or this machine's clock is slow", 9},
		{"other authority", good, other.file, Unknown, "is signed by \"Test authority\", which is not trusted", 60},
		{"authority of the system's list", good, "", Unknown, "not trusted here", 60},
		{"no such file", good, ca.file + ".gone", Unknown, "read certificates", nil},
		{"old version", &tls.Config{Certificates: good.Certificates, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, ca.file, Unknown, "protocol version", nil},
		{"wants our certificate", &tls.Config{Certificates: good.Certificates, MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}, ca.file, Unknown, "refuses piket's TLS handshake", nil},
		{"no certificate for the name", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }}, ca.file, Unknown, "refuses piket's TLS handshake", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			address := tlsServer(t, c.config)
			results := map[string]Result{
				"tls":  TLS(t.Context(), Target{Address: address, CAFile: c.ca}),
				"http": HTTP(t.Context(), Target{URL: "https://" + address, CAFile: c.ca}),
			}
			for kind, result := range results {
				if expect(t, result, c.state, c.reason); result.Facts["cert_days"] != c.days {
					t.Errorf("%s: cert_days is %v, want %v", kind, result.Facts["cert_days"], c.days)
				}
				if shown := strings.Join(result.Evidence, "\n"); c.days != nil && !strings.Contains(shown, "certificate for www.example.net, 127.0.0.1, signed by Test authority") {
					t.Errorf("%s: the certificate is not in the evidence: %q", kind, result.Evidence)
				}
			}
		})
	}
}

func TestTLSNamesWhoseCertificateItWants(t *testing.T) {
	ca := newAuthority(t)
	address := tlsServer(t, serving(ca.issue(-aDay, 60*aDay)))
	elsewhere := strings.Replace(address, "127.0.0.1", "localhost", 1)
	cases := []struct {
		name, address, server string
		state                 State
		reason                string
	}{
		{"the address", address, "", Up, "TLS 1.3 in"},
		{"a name", address, "www.example.net", Up, "TLS 1.3 in"},
		{"another name", address, "shop.example.net", Unknown, "the certificate is for www.example.net, 127.0.0.1 and not for shop.example.net"},
		{"the address's name", elsewhere, "", Unknown, "and not for localhost"},
		{"a name at another name", elsewhere, "www.example.net", Up, "TLS 1.3 in"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := TLS(t.Context(), Target{Address: c.address, ServerName: c.server, CAFile: ca.file})
			expect(t, result, c.state, c.reason)
			if version := result.Facts["version"]; c.state == Up && version != "TLS 1.3" {
				t.Errorf("fact version is %v", version)
			}
		})
	}
}

func TestTheInventorySaysWhenACertificateIsOld(t *testing.T) {
	ca := newAuthority(t)
	address := tlsServer(t, serving(ca.issue(-aDay, 20*aDay+time.Hour)))
	for warn, told := range map[int]bool{0: false, 20: false, 21: true, 365: true} {
		result := TLS(t.Context(), Target{Address: address, CAFile: ca.file, CertWarn: warn})
		if result.State != Up || strings.Contains(result.Reason, "20 days left") != told {
			t.Errorf("with cert_warn %d: %s (%s)", warn, result.State, result.Reason)
		}
	}
}

func TestTLSTellsSilenceFromGarbage(t *testing.T) {
	cases := []struct {
		name, address string
		state         State
		reason        string
	}{
		{"refused", refused(t), Down, "connection refused"},
		{"accepts and is silent", listener(t, nil), Down, "no answer within"},
		{"hangs up", listener(t, hangsUp("")), Down, "conn"},
		{"garbage", listener(t, says("\x00\xff\x13\x37 not a record")), Down, "not TLS"},
		{"plain HTTP", listener(t, says("HTTP/1.1 400 Bad Request\r\n\r\n")), Down, "plain HTTP"},
		{"no such name", "mail.invalid:993", Unknown, "look up mail.invalid"},
		{"no port", "127.0.0.1", Unknown, "want HOST:PORT"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			timeout := waitsFor(c.name, "accepts and is silent", "no such name")
			expect(t, TLS(t.Context(), Target{Address: c.address, Timeout: timeout}), c.state, c.reason)
		})
	}
}

func TestTheEarliestCertificateAndTheChainAreTold(t *testing.T) {
	ca := newAuthority(t)
	address := tlsServer(t, serving(ca.issue(-aDay, 6*aDay)))
	result := Kinds.Probe(t.Context(), "tls", Target{Name: "shop", Address: address, CAFile: ca.file})
	if left := time.Until(result.Expiry.Earliest); result.State != Up || left < 5*aDay || left > 6*aDay || result.Expiry.Chain != result.Expiry.Earliest {
		t.Errorf("%s (%s): %+v", result.State, result.Reason, result.Expiry)
	}
}
