// Package incident is the timeline and what it adds up to. An incident is a
// fold over its events and nothing beside them: the page, the restart state,
// the audit log and the review are all read off the same list.
//
//	inc := incident.Fold(events)
//	if inc.Status == incident.Open && inc.Priority == incident.P1 { … }
//
// Nothing here reads a clock, a file or a database.
package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Event is one line of an incident's timeline. Events are only ever appended.
type Event struct {
	Incident string    // INC-2026-0001
	Seq      int       // 1, 2, 3 … within the incident, without a gap
	At       time.Time // when it happened
	Recorded time.Time // when it was written down
	Actor    string    // who: "piket", "probe", "alertmanager", "person:noor"
	Payload  Payload   // what
	Prev     string    // hash of the event before, "" for the first
	Hash     string    // of everything above
}

// Payload is what an event says. Each kind is a type of this package, listed
// in [Kinds].
type Payload interface {
	// Kind names the type in storage, in JSON and on metrics. It never changes.
	Kind() Kind
	// Text says it to a manager in one plain sentence.
	Text() string
}

// Moment is how a moment is written for people: its day, to the minute, and by
// whose clock.
const Moment = "2006-01-02 15:04 MST"

// Kind names a type of event.
type Kind string

// Actors that are not persons.
const (
	Piket = "piket"
	Probe = "probe"
)

// Person is the actor name of somebody from the inventory.
func Person(name string) string { return "person:" + name }

// Seal links e to the event before it and computes its hash. At and Recorded
// are cut to microseconds in UTC first, so that what is hashed is what every
// database gives back.
func (e Event) Seal(prev string) (Event, error) {
	data, err := Encode(e.Payload)
	if err != nil {
		return Event{}, err
	}
	return e.SealEncoded(prev, data), nil
}

// SealEncoded is Seal of an event whose payload is encoded already.
func (e Event) SealEncoded(prev string, data []byte) Event {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Recorded = e.Recorded.UTC().Truncate(time.Microsecond)
	e.Prev = prev
	e.Hash = Digest(e, data)
	return e
}

// Encode writes a payload as the bytes that are stored.
func Encode(p Payload) ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", p.Kind(), err)
	}
	return data, nil
}

// Digest is the SHA-256 over everything an event says, with its payload as the
// bytes that are stored. Each field stands behind its length and a colon, so that
// no two events share an input.
func Digest(e Event, payload []byte) string {
	text := make([]byte, 0, 512+len(payload))
	for _, field := range []string{
		e.Prev, e.Incident, strconv.Itoa(e.Seq),
		e.At.UTC().Format(time.RFC3339Nano), e.Recorded.UTC().Format(time.RFC3339Nano),
		e.Actor, string(e.Payload.Kind()),
	} {
		text = append(strconv.AppendInt(text, int64(len(field)), 10), ':')
		text = append(text, field...)
	}
	text = append(strconv.AppendInt(text, int64(len(payload)), 10), ':')
	sum := sha256.Sum256(append(text, payload...))
	return hex.EncodeToString(sum[:])
}

// Decode reads a payload of the given kind. An unknown kind is an error: it
// was written by a newer piket, and folding past it would forget something.
func Decode(kind Kind, data []byte) (Payload, error) {
	read, ok := Kinds[kind]
	if !ok {
		return nil, fmt.Errorf("event kind %q is not known to this version of piket", kind)
	}
	p, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind, err)
	}
	return p, nil
}

// MarshalJSON writes the event as the API, the CLI and the headless demo show
// it.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Incident string    `json:"incident"`
		Seq      int       `json:"seq"`
		At       time.Time `json:"at"`
		Recorded time.Time `json:"recorded"`
		Type     Kind      `json:"type"`
		Actor    string    `json:"actor"`
		Text     string    `json:"text"`
		Data     Payload   `json:"data"`
		Hash     string    `json:"hash"`
	}{e.Incident, e.Seq, e.At, e.Recorded, e.Payload.Kind(), e.Actor, e.Payload.Text(), e.Payload, e.Hash})
}
