// Package signed makes links for people who have no sign-in: a customer who
// says whether everything works, a technician on site. A link names what it is
// for, the incident, whom it was given to and until when it holds, all in clear;
// a token behind them proves that piket gave it out.
//
//	path := key.Sign(signed.Link{Purpose: "confirm", Incident: "INC-2026-0001", Party: "bakery", Expires: t}.Path())
//	…
//	link, err := key.Read(purpose, incident, party, expires, token, now)
//
// What is drafted, stored and shown on pages is the path without its token; it
// is signed when the message leaves. So neither a database nor a page holds a
// link that works.
package signed

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrInvalid says that a link was not given out by this piket, or no longer
// holds. Which of them is told to nobody: trying again does not help.
var ErrInvalid = errors.New("this link does not hold, or no longer")

// Link is what a link says.
type Link struct {
	Purpose  string // first part of the path: "confirm", "feedback", …
	Incident string
	Party    string    // whom it was given to
	Expires  time.Time // counts in whole seconds
}

// Path returns the link without its token: /confirm/INC-2026-0001/bakery/1767600000.
func (l Link) Path() string {
	return fmt.Sprintf("/%s/%s/%s/%d", url.PathEscape(l.Purpose), url.PathEscape(l.Incident), url.PathEscape(l.Party), l.Expires.Unix())
}

// keyBytes is the size of a key: that of the hash.
const keyBytes = sha256.Size

// Key signs links. It prints as ***. The zero Key signs nothing and reads
// nothing.
type Key struct{ secret []byte }

// NewKey returns a random key.
func NewKey() Key {
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // it never fails
	return Key{secret}
}

// ParseKey reads what [Key.Reveal] wrote.
func ParseKey(text string) (Key, error) {
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != keyBytes {
		return Key{}, fmt.Errorf("a key for links has %d bytes in base64url", keyBytes)
	}
	return Key{secret}, nil
}

// minSecret is how long a secret must be that a key is made from: 16 bytes in hex.
const minSecret = 32

// KeyFrom returns the key that a secret of the configuration stands for, the same
// one for the same secret. A short one is an error: a link could be guessed.
func KeyFrom(secret string) (Key, error) {
	if len(secret) < minSecret {
		return Key{}, fmt.Errorf("the secret for links needs at least %d characters, such as those of openssl rand -hex 32", minSecret)
	}
	made, err := hkdf.Key(sha256.New, []byte(secret), nil, "piket links", keyBytes)
	if err != nil {
		return Key{}, fmt.Errorf("make the key for links: %w", err)
	}
	return Key{made}, nil
}

// FileKey returns the key in the file at path, which it makes at the first
// start, readable by its owner only. Of several that start at once one makes it.
func FileKey(path string) (Key, error) {
	text, err := KeepFile(path, NewKey().Reveal())
	if err != nil {
		return Key{}, fmt.Errorf("key for links: %w", err)
	}
	key, err := ParseKey(text)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// KeepFile returns what the file at path holds. The first to ask puts fresh into
// it, for its owner's eyes only.
func KeepFile(path, fresh string) (kept string, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFile(path, fresh+"\n"); err != nil {
			return "", fmt.Errorf("make it: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return "", fmt.Errorf("read it: %w", err)
	}
	return string(text), nil
}

// CopyFile puts what the file from holds into the file to. Where from is not
// there, it does nothing; another text that is there already stays, and is an
// error.
func CopyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var there string
	if err == nil {
		there, err = KeepFile(to, strings.TrimSpace(string(text)))
	}
	switch {
	case err != nil:
		return fmt.Errorf("copy a key: %w", err)
	case strings.TrimSpace(there) != strings.TrimSpace(string(text)):
		return fmt.Errorf("%s holds another key than %s", to, from)
	}
	return nil
}

// makeFile puts a whole file at path unless there is one: a crash half way
// leaves no half key.
func makeFile(path, text string) error {
	draft, err := os.CreateTemp(filepath.Dir(path), ".key-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(text)
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Reveal writes the key for the one place that keeps it.
func (k Key) Reveal() string { return base64.RawURLEncoding.EncodeToString(k.secret) }

// Signs reports whether there is a key to sign with.
func (k Key) Signs() bool { return len(k.secret) == keyBytes }

// String hides the key.
func (k Key) String() string { return "***" }

// GoString hides it from %#v, too.
func (k Key) GoString() string { return "***" }

// Sign puts the token behind a link's path.
func (k Key) Sign(path string) string { return path + "/" + k.token(path) }

// token proves a path: base64url(HMAC-SHA-256(key, path)). The parts of a path
// are escaped, so that no two links share one.
func (k Key) token(path string) string { return base64.RawURLEncoding.EncodeToString(k.sum(path)) }

// sum is the HMAC-SHA-256 of a text.
func (k Key) sum(text string) []byte {
	if len(k.secret) != keyBytes {
		panic("signed: nothing is ever signed without a key")
	}
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// Read returns the link whose parts arrived, if its token fits and its time is
// not over; otherwise ErrInvalid. The comparison takes as long whatever the
// token is.
func (k Key) Read(purpose, incident, party, expires, token string, now time.Time) (Link, error) {
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || len(k.secret) != keyBytes {
		return Link{}, ErrInvalid
	}
	l := Link{purpose, incident, party, time.Unix(seconds, 0).UTC()}
	if !hmac.Equal([]byte(token), []byte(k.token(l.Path()))) || !now.Before(l.Expires) {
		return Link{}, ErrInvalid
	}
	return l, nil
}
