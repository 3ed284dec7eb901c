// Package pushtest is a browser and its push service, for tests: it takes what
// is pushed, checks who sent it, and decrypts it as RFC 8291 has a browser do.
package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Browser is one that has subscribed.
type Browser struct {
	t       testing.TB
	service *httptest.Server
	private *ecdh.PrivateKey
	auth    []byte
	now     func() time.Time

	mu     sync.Mutex
	status int
	notes  []string
}

// New starts one; now is the sender's clock.
func New(t testing.TB, now func() time.Time) *Browser {
	t.Helper()
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{t: t, private: private, auth: make([]byte, 16), now: now, status: http.StatusCreated}
	_, _ = rand.Read(b.auth)
	b.service = httptest.NewTLSServer(b)
	t.Cleanup(b.service.Close)
	return b
}

// Host is the push service's.
func (b *Browser) Host() string { return strings.TrimPrefix(b.service.URL, "https://") }

// CAFile writes who vouches for it.
func (b *Browser) CAFile(dir string) string {
	b.t.Helper()
	path := filepath.Join(dir, "push-ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.service.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// Subscription is what the browser hands out.
func (b *Browser) Subscription() incident.Subscribed {
	return incident.Subscribed{
		Name: "telephone", Endpoint: b.service.URL + "/push/abc",
		Key: base64.RawURLEncoding.EncodeToString(b.private.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(b.auth),
	}
}

// Answer sets the status that the service answers from now on.
func (b *Browser) Answer(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

// Notes are what the browser was shown until now.
func (b *Browser) Notes() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.notes...)
}

// ServeHTTP is the push service.
func (b *Browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = b.vouch(r)
	}
	var text []byte
	if err == nil {
		text, err = b.decrypt(body)
	}
	if err != nil {
		b.t.Errorf("the push is not one: %v", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if b.status/100 == 2 {
		b.notes = append(b.notes, string(text))
	}
	w.WriteHeader(b.status)
}

// vouch checks the headers of RFC 8030 and the proof of RFC 8292.
func (b *Browser) vouch(r *http.Request) error {
	if r.Method != http.MethodPost || r.Header.Get("Content-Encoding") != "aes128gcm" || r.Header.Get("TTL") == "" || r.Header.Get("Urgency") != "high" {
		return fmt.Errorf("%s with %v", r.Method, r.Header)
	}
	var token, key string
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "vapid t=%s k=%s", &token, &key); err != nil {
		return fmt.Errorf("authorization %q: %w", r.Header.Get("Authorization"), err)
	}
	token = strings.TrimSuffix(token, ",")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return fmt.Errorf("token %q", token)
	}
	decoded := make([][]byte, 3)
	for n, part := range parts {
		var err error
		if decoded[n], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return err
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if len(decoded[2]) != 64 || !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(decoded[2][:32]), new(big.Int).SetBytes(decoded[2][32:])) {
		return errors.New("the signature is wrong")
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(decoded[1], &claims); err != nil {
		return err
	}
	left := time.Unix(claims.Exp, 0).Sub(b.now())
	if claims.Aud != b.service.URL || left <= 0 || left > 24*time.Hour || !strings.Contains(claims.Sub, ":") {
		return fmt.Errorf("claims %+v, %v left", claims, left)
	}
	return nil
}

// decrypt follows RFC 8291, 3.4 and RFC 8188, written out with HMAC alone, so
// that it shares nothing with what encrypts.
func (b *Browser) decrypt(body []byte) ([]byte, error) {
	if len(body) < 21+65+17 || binary.BigEndian.Uint32(body[16:20]) < uint32(len(body)-86) || body[20] != 65 {
		return nil, fmt.Errorf("a header of %x", body[:min(len(body), 21)])
	}
	salt, sender, sealed := body[:16], body[21:86], body[86:]
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := b.private.ECDH(public)
	if err != nil {
		return nil, err
	}
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha256.New, key)
		for _, part := range parts {
			h.Write([]byte(part))
		}
		return h.Sum(nil)
	}
	secret := mac(mac(b.auth, string(shared)), "WebPush: info\x00", string(b.private.PublicKey().Bytes()), string(sender), "\x01")
	prk := mac(salt, string(secret))
	block, err := aes.NewCipher(mac(prk, "Content-Encoding: aes128gcm\x00\x01")[:16])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	text, err := gcm.Open(nil, mac(prk, "Content-Encoding: nonce\x00\x01")[:12], sealed, nil)
	if err != nil {
		return nil, err
	}
	text = []byte(strings.TrimRight(string(text), "\x00"))
	if len(text) == 0 || text[len(text)-1] != 2 {
		return nil, errors.New("the last record is not marked as one")
	}
	return text[:len(text)-1], nil
}
