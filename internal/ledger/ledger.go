// Package ledger holds the two books against each other: the database, which
// may have been put back to an older state, and the journal beside it, which
// says what was about to be sent. A database that has forgotten a send would
// send it again; when the books differ, piket freezes and a person looks.
//
//	watch := ledger.Watch{Journal: j, Touches: store.Touches, Freeze: switch, …}
//	go watch.Run(ctx)
package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/journal"
)

// The kinds of records that the two books are held against each other by.
//
// A checkpoint is made every [Every] and right before every send. So a failover
// that loses only what came after the newest one, and no send with it, goes
// unnoticed. It loses less than a minute, and that is safe for machines: what is
// gone is either asked for again (a question, a yes and a no, which is a no to that
// plan until somebody says yes), looked at again (every finding), or planned again
// and never sent before (an intent: its send would be in the journal). Power that
// is owed begins with the outcome of a send, and a claim that lost its outcome is
// settled by looking. It is less good for people: a mail may go out twice, what was
// reported is to be reported again, and an alert that was accepted in that minute
// is back only when its sender repeats it, as Alertmanager does for as long as it
// fires. Against that a database must not lose commits (synchronous_commit = on
// and a synchronous standby).
const (
	Intent     = "intent"     // about to be sent
	Checkpoint = "checkpoint" // how far the database was
	Mismatch   = "mismatch"   // piket froze, for the reason that it says
	Accepted   = "accepted"   // a person thawed: the database counts as it stands
)

// Span is how far back the books are compared. It is what a journal keeps at
// the least.
const Span = journal.LeastKept

// Head is how far a database is. The zero Head is one that does not say.
type Head struct {
	Generation string // another one after every restore on purpose
	Position   int64
	Hash       string // of the event at Position
	Timeline   int64  // the database server's count of failovers, 0 when it does not say
}

// Database is what a database says of itself, read at one moment.
type Database struct {
	Touches []*incident.Touch // every action of the last [Span] at least
	Host    string            // whose journal it is held against: what other replicas claimed stands in theirs
	Head    Head
	// HashAt is the hash of the event at the position of the newest checkpoint,
	// "" when there is no such event.
	HashAt string
}

// Compare says why the database cannot be the one that the journal was written
// beside; "" when it can. It names at most a few of the intents that are missing.
func Compare(records []journal.Record, db Database, now time.Time) string {
	accepted := lastOf(records, Accepted)
	for _, differs := range []string{
		forgotten(records[accepted+1:], db, now),
		unheardOf(records, accepted, db, now),
		turnedBack(records, db),
	} {
		if differs != "" {
			return differs
		}
	}
	return ""
}

// forgotten says which intents the journal knows and the database does not.
func forgotten(records []journal.Record, db Database, now time.Time) string {
	claimed := map[string]time.Time{}
	for _, t := range db.Touches {
		claimed[t.Intent] = t.ClaimedAt
	}
	var missing []string
	for _, r := range records {
		if r.Kind == Intent && now.Sub(r.At) < Span && !known(claimed[r.Intent], r.At) {
			missing = append(missing, fmt.Sprintf("%s (%s, %s)", r.Intent, r.What, r.At.UTC().Format("2 Jan 15:04 UTC")))
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return "the database does not know what was sent: " + some(missing) + "; look at these servers, then piket thaw"
}

// known reports whether a claim is the one that was journalled. What was claimed
// after that is another one: a database that has forgotten gives the same name
// again.
func known(claimed, journalled time.Time) bool {
	return !claimed.IsZero() && !claimed.After(journalled)
}

// unheardOf says what the database sent before the journal began: then the
// journal was lost, and what else was in it nobody knows. So the database needs no
// mark of its own that there is a journal.
func unheardOf(records []journal.Record, accepted int, db Database, now time.Time) string {
	if accepted >= 0 || len(records) == 0 || records[0].Kind != journal.Began {
		return ""
	}
	var before []string
	for _, t := range db.Touches {
		if strings.HasPrefix(t.ClaimedBy, db.Host) && !t.ClaimedAt.IsZero() && t.ClaimedAt.Before(records[0].At) && now.Sub(t.ClaimedAt) < Span {
			before = append(before, fmt.Sprintf("%s (%s)", t.Intent, t.What()))
		}
	}
	if len(before) == 0 {
		return ""
	}
	return "the journal is missing and began anew after these were sent: " + some(before) + "; look at these servers, then piket thaw"
}

// turnedBack compares the database with the newest checkpoint.
func turnedBack(records []journal.Record, db Database) string {
	at := newestCheckpoint(records)
	if at < 0 || db.Head == (Head{}) {
		return ""
	}
	switch c := records[at]; {
	case c.Generation != db.Head.Generation:
		return fmt.Sprintf("the database was restored: it is generation %q, and at %s it was %q; look at what was touched since its copy, then piket thaw",
			db.Head.Generation, c.At.UTC().Format("2 Jan 15:04 UTC"), c.Generation)
	case db.Head.Position < c.Position:
		// The same words for as long as it is so: a thaw answers them.
		return fmt.Sprintf("the database ends before event %d, which it had at %s: it was put back; look at what was touched since, then piket thaw",
			c.Position, c.At.UTC().Format("2 Jan 15:04 UTC"))
	case db.HashAt != c.Hash:
		return fmt.Sprintf("event %d of the database is not the one that it had at %s: its past was changed; piket timeline verify says more",
			c.Position, c.At.UTC().Format("2 Jan 15:04 UTC"))
	}
	return ""
}

// newestCheckpoint returns where the database was last seen, -1 for nowhere.
// That a person accepted a database is such a sight as well.
func newestCheckpoint(records []journal.Record) int {
	for i := len(records) - 1; i >= 0; i-- {
		if r := records[i]; r.Hash != "" && (r.Kind == Checkpoint || r.Kind == Accepted) {
			return i
		}
	}
	return -1
}

func lastOf(records []journal.Record, kind string) int {
	for i := len(records) - 1; i >= 0; i-- {
		if records[i].Kind == kind {
			return i
		}
	}
	return -1
}

// maxNamed bounds what one reason lists: the freeze file's is cut off.
const maxNamed = 2

func some(list []string) string {
	if len(list) <= maxNamed {
		return strings.Join(list, ", ")
	}
	return strings.Join(slices.Clone(list[:maxNamed]), ", ") + fmt.Sprintf(" and %d more", len(list)-maxNamed)
}
