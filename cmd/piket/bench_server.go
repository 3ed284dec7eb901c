package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	stdio "io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"
)

// benchPlace is where the server of a benchmark is, as it writes it.
type benchPlace struct {
	Addresses   []string `json:"addresses"`
	Certificate string   `json:"certificate,omitempty"` // for https: whom to trust, in PEM
}

// benchAddresses of loopback are served: from one address to another there are
// only 28,000 ports, and each rests for a minute after use.
const benchAddresses = 16

// serveBench serves until standard input ends, which it does with its parent.
func serveBench(ctx context.Context, kind string, io console) error {
	var place benchPlace
	var listeners []net.Listener
	for i := range benchAddresses {
		l, err := net.Listen("tcp", net.JoinHostPort(benchAddress(i).String(), "0"))
		if err != nil {
			return fmt.Errorf("serve the benchmark: %w", err)
		}
		defer l.Close()
		listeners = append(listeners, l)
		place.Addresses = append(place.Addresses, l.Addr().String())
	}
	serve := acceptAll
	if kind == "https" {
		certificate, err := benchCertificate()
		if err != nil {
			return fmt.Errorf("make a certificate: %w", err)
		}
		place.Certificate = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
		serve = func(l net.Listener) { serveOK(l, certificate) }
	}
	for _, l := range listeners {
		go serve(l) // ends with its listener, and nobody waits for it: the process ends
	}
	if err := json.NewEncoder(io.out).Encode(place); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { os.Stdin.Close() })()
	stdio.Copy(stdio.Discard, os.Stdin) // however it ends, it has ended
	return nil
}

// acceptAll accepts and closes.
func acceptAll(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// serveOK answers every request with a short page.
func serveOK(l net.Listener, certificate tls.Certificate) {
	server := http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			stdio.WriteString(w, "ok\n")
		}),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ErrorLog:  log.New(stdio.Discard, "", 0),
	}
	_ = server.ServeTLS(l, "", "") // ends with its listener
}

// benchCertificate vouches for itself, and long enough that nobody warns of its end.
func benchCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(60 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for i := range benchAddresses {
		template.IPAddresses = append(template.IPAddresses, benchAddress(i).AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
