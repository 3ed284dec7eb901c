package web

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// cookieName is the session's cookie.
const cookieName = "piket_session"

// maxSessions bounds how many are remembered; the one that ends first makes
// room.
const maxSessions = 10_000

// sessions remembers who is signed in. They lie in memory and are hashed, so
// that neither a backup nor a dump of the table lets anybody in; a restart
// signs everybody out.
type sessions struct {
	mu   sync.Mutex
	byID map[[sha256.Size]byte]session
}

type session struct {
	person string
	ends   time.Time
}

func newSessions() *sessions { return &sessions{byID: map[[sha256.Size]byte]session{}} }

// begin signs a person in and returns the secret that proves it: 256 random
// bits.
func (s *sessions) begin(person string, now time.Time, ttl time.Duration) string {
	secret := rand.Text() + rand.Text() // 130 bits each
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidy(now)
	s.byID[sha256.Sum256([]byte(secret))] = session{person, now.Add(ttl)}
	return secret
}

// find returns who began the session.
func (s *sessions) find(secret string, now time.Time) (person string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byID[sha256.Sum256([]byte(secret))]
	return found.person, ok && now.Before(found.ends)
}

// end forgets a session.
func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, sha256.Sum256([]byte(secret)))
}

// tidy makes room for one more. s.mu is held.
func (s *sessions) tidy(now time.Time) {
	var first [sha256.Size]byte
	var firstEnd time.Time
	for id, one := range s.byID {
		if !now.Before(one.ends) {
			delete(s.byID, id)
		} else if firstEnd.IsZero() || one.ends.Before(firstEnd) {
			first, firstEnd = id, one.ends
		}
	}
	if len(s.byID) >= maxSessions {
		delete(s.byID, first)
	}
}
