package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/spinware/piket/internal/incident"
)

// recordBytes is the size of the one record that a push is (RFC 8291, 4), and
// maxPayload what fits into it beside its padding mark, its tag and the header.
const (
	recordBytes = 4096
	maxPayload  = 3800
	saltBytes   = 16
	authBytes   = 16
)

// Encrypt makes of a text what only one browser can read (RFC 8291): the push
// service in between cannot.
func Encrypt(to incident.Subscribed, text []byte) ([]byte, error) {
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // it never fails
	return encrypt(to, text, ephemeral, salt)
}

func encrypt(to incident.Subscribed, text []byte, ephemeral *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	browser, auth, err := keysOf(to)
	if err != nil {
		return nil, err
	}
	if len(text) > maxPayload {
		return nil, fmt.Errorf("a push holds %d bytes at the most, not %d", maxPayload, len(text))
	}
	shared, err := ephemeral.ECDH(browser)
	if err != nil {
		return nil, err
	}
	public := ephemeral.PublicKey().Bytes()
	secret, err := hkdf.Key(sha256.New, shared, auth, "WebPush: info\x00"+string(browser.Bytes())+string(public), sha256.Size)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	header := binary.BigEndian.AppendUint32(append([]byte{}, salt...), recordBytes) // RFC 8188, 2.1
	header = append(append(header, byte(len(public))), public...)
	return gcm.Seal(header, nonce, append(append([]byte{}, text...), 2), nil), nil // 2: the last record
}

// keysOf reads the keys of a subscription, which came from a browser.
func keysOf(s incident.Subscribed) (*ecdh.PublicKey, []byte, error) {
	raw, err := b64.DecodeString(s.Key)
	if err != nil {
		return nil, nil, errors.New("the key of the browser is not written in base64url")
	}
	public, err := ecdh.P256().NewPublicKey(raw)
	if err != nil {
		return nil, nil, errors.New("the key of the browser is no point of P-256")
	}
	auth, err := b64.DecodeString(s.Auth)
	if err != nil || len(auth) != authBytes {
		return nil, nil, fmt.Errorf("the browser's secret has %d bytes in base64url", authBytes)
	}
	return public, auth, nil
}
