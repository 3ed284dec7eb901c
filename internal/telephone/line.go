package telephone

import (
	"context"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Line makes calls: a SIP trunk, or Twilio.
type Line interface {
	// Call rings a number, has the conversation, and returns when it is over, at
	// the latest at c.Until. It dials once: what failed may have rung.
	Call(ctx context.Context, c Call) Result
	// Check says why no call could be made at this moment; trying again makes
	// sense.
	Check(ctx context.Context) error
}

// Call is one call.
type Call struct {
	Incident, Ring string
	Number         string // as it is dialled
	Language       string
	Script         string // what is said, first and at key 2
	Keys           string // which keys there are
	Staff          bool   // they are called by tones rather than not at all
	RingFor        time.Duration
	Until          time.Time

	// Press says what is answered to a key; it is called while the call goes on.
	Press func(ctx context.Context, key string) Answer
}

// Answer is what a key brings about.
type Answer struct {
	Say  string // "" repeats the script
	Over bool   // and then the call ends
}

// Result is what became of a call. No outcome means that it is not known yet, and
// will be said by somebody else.
type Result struct {
	Outcome incident.RingOutcome
	Detail  string
	Heard   bool // it was listened to the end

	Code    string        // what the other side said, such as "486 Busy Here"
	Rang    time.Duration // until it was taken up
	Talked  time.Duration
	Spoken  time.Duration // audio that was sent
	Pressed []string
}
