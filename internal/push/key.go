package push

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Key is by which push services know piket (RFC 8292, VAPID). A subscription is
// bound to it: with another key, nobody hears anything. It prints as ***.
type Key struct{ private *ecdsa.PrivateKey }

var b64 = base64.RawURLEncoding

// NewKey returns a random key.
func NewKey() Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("push: a key can always be made: " + err.Error())
	}
	return Key{private}
}

// ParseKey reads what [Key.Reveal] wrote.
func ParseKey(text string) (Key, error) {
	raw, err := b64.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return Key{}, errors.New("a key for pushes is written in base64url")
	}
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return Key{}, errors.New("a key for pushes is a number of P-256")
	}
	return Key{private}, nil
}

// Reveal writes the key for the one place that keeps it.
func (k Key) Reveal() string {
	raw, err := k.private.Bytes()
	if err != nil {
		panic("push: the key can be written: " + err.Error())
	}
	return b64.EncodeToString(raw)
}

// String hides the key.
func (k Key) String() string { return "***" }

// GoString hides it from %#v, too.
func (k Key) GoString() string { return "***" }

// Public is what a browser is given when it subscribes.
func (k Key) Public() string {
	raw, err := k.private.PublicKey.Bytes()
	if err != nil {
		panic("push: the public key can be written: " + err.Error())
	}
	return b64.EncodeToString(raw)
}

// tokenLasts is how long one proof holds; a day is the most that RFC 8292 allows.
const tokenLasts = 12 * time.Hour

// authorization proves to the push service at origin who is sending.
func (k Key) authorization(origin, contact string, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{"aud": origin, "exp": now.Add(tokenLasts).Unix(), "sub": contact})
	if err != nil {
		return "", err
	}
	text := b64.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + b64.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signature := make([]byte, 64) // RFC 7518, 3.4: both numbers, 32 bytes each
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return "vapid t=" + text + "." + b64.EncodeToString(signature) + ", k=" + k.Public(), nil
}
