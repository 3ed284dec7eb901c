package probes

import (
	"crypto/tls"
	"time"
)

// Detail is what only some kinds of check measure. The zero Detail is that of
// all others.
type Detail struct {
	Status int    `json:"status,omitempty"` // of HTTP
	Expiry Expiry `json:"expiry,omitzero"`
}

// Expiry is when the certificates behind an answer run out; the zero Expiry is
// that of an answer without any that are believed.
type Expiry struct {
	Earliest time.Time `json:"earliest"` // of those that were shown
	Chain    time.Time `json:"chain"`    // of the chain that is believed longest: from then on it is an error
}

// expiryOf reads it off a connection that was believed.
func expiryOf(state tls.ConnectionState) Expiry {
	e := Expiry{Chain: lasts(state)}
	for _, shown := range state.PeerCertificates {
		if e.Earliest.IsZero() || shown.NotAfter.Before(e.Earliest) {
			e.Earliest = shown.NotAfter
		}
	}
	return e
}

// detail returns what is worth keeping of r for as long as it is the last
// answer; nil, which costs no memory, for most kinds.
func (r Result) detail() *Detail {
	status, _ := r.Facts["status"].(int)
	if status == 0 && r.Expiry == (Expiry{}) {
		return nil
	}
	return &Detail{Status: status, Expiry: r.Expiry}
}
