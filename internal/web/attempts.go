package web

import (
	"sync"
	"time"
)

// How often one may guess. The first is for one name from one address; the
// second for an address, which may be a proxy with a whole office behind it.
const (
	maxGuessesPerName    = 5
	maxGuessesPerAddress = 50
	guessWindow          = 5 * time.Minute
	maxRemembered        = 50_000

	maxVisitsPerLink = 100 // of one that holds, in a guessWindow: a person and a mail scanner need few
)

// attempts counts wrong passwords and refuses to judge more for a while.
type attempts struct {
	mu    sync.Mutex
	wrong map[string]guesses
}

type guesses struct {
	count int
	until time.Time // when they are forgotten
}

func newAttempts() *attempts { return &attempts{wrong: map[string]guesses{}} }

// begin counts a try before it is judged, so that many at once are not judged
// past the limit. It returns how long to wait first; 0 lets it be judged.
func (a *attempts) begin(remote, name string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tidy(now)
	address, both := network(remote), network(remote)+" "+name
	if wait := max(a.left(both, maxGuessesPerName, now), a.left(address, maxGuessesPerAddress, now)); wait > 0 {
		return wait
	}
	for _, key := range []string{address, both} {
		a.count(key, now)
	}
	return 0
}

// visit counts that a link which holds was opened, wherever from: many customers
// may come by one proxy. It returns how long to wait first, 0 for not.
func (a *attempts) visit(link string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tidy(now)
	key := "link " + link
	if wait := a.left(key, maxVisitsPerLink, now); wait > 0 {
		return wait
	}
	a.count(key, now)
	return 0
}

// count adds one to a key. a.mu is held.
func (a *attempts) count(key string, now time.Time) {
	g := a.wrong[key]
	if !now.Before(g.until) {
		g = guesses{until: now.Add(guessWindow)}
	}
	g.count++
	a.wrong[key] = g
}

func (a *attempts) left(key string, limit int, now time.Time) time.Duration {
	g := a.wrong[key]
	if g.count < limit {
		return 0
	}
	return max(0, g.until.Sub(now))
}

// forgive takes back what was counted for a password that proved right.
func (a *attempts) forgive(remote, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	address := network(remote)
	delete(a.wrong, address+" "+name)
	if g := a.wrong[address]; g.count > 0 {
		g.count--
		a.wrong[address] = g
	}
}

// tidy forgets what no longer counts once there is much of it, and everything
// when that is not enough: guessing costs a bcrypt each all the same. a.mu is
// held.
func (a *attempts) tidy(now time.Time) {
	if len(a.wrong) < maxRemembered {
		return
	}
	for key, g := range a.wrong {
		if !now.Before(g.until) {
			delete(a.wrong, key)
		}
	}
	if len(a.wrong) >= maxRemembered {
		clear(a.wrong)
	}
}
