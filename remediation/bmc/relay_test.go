package bmc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// tcpSwitch passes each new connection on to where it points at that moment.
type tcpSwitch struct {
	host   string
	port   int
	target atomic.Value
}

func (s *tcpSwitch) to(address string) { s.target.Store(address) }

func newSwitch(t *testing.T, address string) *tcpSwitch {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &tcpSwitch{host: "127.0.0.1", port: l.Addr().(*net.TCPAddr).Port}
	s.to(address)
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.join(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); open.Wait() })
	return s
}

func (s *tcpSwitch) join(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	other, err := net.Dial("tcp", s.target.Load().(string))
	if err != nil {
		return
	}
	defer func() { _ = other.Close() }()
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(conn, other); _ = conn.Close() })
	_, _ = io.Copy(other, conn)
	_ = other.Close()
	back.Wait()
}

// udpRelay stands between ipmitool and a BMC, and loses what it is told to.
type udpRelay struct {
	port   int
	front  *net.UDPConn
	back   net.Conn
	client atomic.Pointer[net.UDPAddr]
	deaf   atomic.Bool  // every reply is lost
	left   atomic.Int64 // replies that still pass, when above 0
}

func newRelay(t *testing.T, bmcPort int) *udpRelay {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: bmcPort})
	if err != nil {
		t.Fatal(err)
	}
	r := &udpRelay{port: front.LocalAddr().(*net.UDPAddr).Port, front: front, back: back}
	var both sync.WaitGroup
	both.Go(r.forward)
	both.Go(r.backward)
	t.Cleanup(func() { _ = front.Close(); _ = back.Close(); both.Wait() })
	return r
}

func (r *udpRelay) forward() {
	buf := make([]byte, 4096)
	for {
		n, client, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		r.client.Store(client)
		_, _ = r.back.Write(buf[:n])
	}
}

func (r *udpRelay) backward() {
	buf := make([]byte, 4096)
	for {
		n, err := r.back.Read(buf)
		if err != nil {
			return
		}
		if !r.deaf.Load() {
			_, _ = r.front.WriteToUDP(buf[:n], r.client.Load())
		}
		if r.left.Load() > 0 && r.left.Add(-1) == 0 {
			r.deaf.Store(true)
		}
	}
}

// keep lets n more replies pass and loses all after them.
func (r *udpRelay) keep(n int64) {
	r.left.Store(n)
	r.deaf.Store(n == 0)
}

// newCertificate returns a certificate of its own for loopback.
func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// bundle writes certificates into one file that a client may trust.
func bundle(t *testing.T, certificates ...[]byte) string {
	t.Helper()
	var all []byte
	for _, der := range certificates {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	path := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
