package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/spinware/piket/internal/inventory"
)

type personKey struct{}

func withPerson(ctx context.Context, p inventory.Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// personOf returns who the guard let through.
func personOf(r *http.Request) inventory.Person {
	p, _ := r.Context().Value(personKey{}).(inventory.Person)
	return p
}

// whoAsks finds the person behind a request: by bearer token, by session, or,
// in the demo, whoever comes. A token that fits nobody is nobody, whatever
// cookie travels beside it.
func (a *app) whoAsks(r *http.Request) (inventory.Person, bool) {
	if token, sent := bearer(r); sent {
		return a.personByToken(token)
	}
	name := a.SignInAs
	if cookie, err := r.Cookie(cookieName); err == nil {
		if known, ok := a.sessions.find(cookie.Value, a.Clock.Now()); ok {
			name = known
		}
	}
	return a.Inventory().Person(name)
}

// bearer returns the token that came with a request.
func bearer(r *http.Request) (token string, sent bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// personByToken compares a token with everybody's, in a time that does not
// depend on whose it is.
func (a *app) personByToken(token string) (found inventory.Person, ok bool) {
	for _, p := range a.Inventory().People {
		if p.Token.IsZero() {
			continue
		}
		value, err := p.Token.Read()
		if err != nil {
			a.Log.Warn("cannot read a person's token", "person", p.Name, "err", err)
			continue
		}
		if sameSecret(token, value.Reveal()) {
			found, ok = p, true
		}
	}
	return found, ok
}

// sameSecret compares in constant time; hashing first hides the length. An
// empty secret is the same as none.
func sameSecret(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && secret != ""
}
