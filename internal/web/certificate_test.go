package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// authority signs the client certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{t, cert, key}
}

func (a authority) client(name string) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "anything"}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestWebhookKnowsASenderByItsVerifiedCertificate(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	s := newSite(t)
	s.config.ClientNames = []string{"alertmanager.example.net"}
	listener := httptest.NewUnstartedServer(s.server.Handler())
	known := x509.NewCertPool()
	known.AddCert(ours.cert)
	listener.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: known}
	listener.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a refused handshake is part of the test
	listener.StartTLS()
	defer listener.Close()
	cases := []struct {
		name  string
		certs []tls.Certificate
		want  int // 0: not even a connection
	}{
		{"the name that may report", []tls.Certificate{ours.client("alertmanager.example.net")}, 200},
		{"another name", []tls.Certificate{ours.client("other.example.net")}, 403},
		{"no certificate", nil, 401},
		{"another authority", []tls.Certificate{theirs.client("alertmanager.example.net")}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := listener.Client()
			transport := client.Transport.(*http.Transport).Clone()
			transport.TLSClientConfig.Certificates = c.certs
			defer transport.CloseIdleConnections()
			answer, err := (&http.Client{Transport: transport}).Post(listener.URL+"/api/alertmanager", "application/json", strings.NewReader(hook))
			if err != nil {
				if c.want != 0 {
					t.Fatal(err)
				}
				return
			}
			answer.Body.Close()
			if answer.StatusCode != c.want {
				t.Errorf("answered %d, want %d", answer.StatusCode, c.want)
			}
		})
	}
}
