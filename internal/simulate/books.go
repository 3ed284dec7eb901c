package simulate

import (
	"context"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/ledger"
)

// note writes down on this machine's own disk what is about to be sent, if the
// books agree, as [ledger.Watch.Note] does.
func (w *world) note(r *replica, id string, i incident.Intended) error {
	if err := w.compareOnce(r); err != nil {
		return err
	}
	switch {
	case r.differs == w.epoch:
		return ledger.ErrDiffer
	case r.turned > 0 && w.now-r.turned < ledger.Settle:
		return ledger.ErrSettling
	}
	r.journal = append(r.journal, journal.Record{
		Kind: ledger.Intent, At: r.clock.Now(), Intent: i.Intent, Incident: id, Server: i.Server, What: i.What(),
	})
	return nil
}

// compareBooks holds the journal against the database, at the start and then
// every minute, for as long as the process lives.
func (w *world) compareBooks(r *replica, life int) {
	w.after(0, func() {
		if r.life != life || !r.alive {
			return
		}
		w.start(r, func() { _ = w.compareOnce(r) }, func() {})
	})
	w.after(ledger.Every, func() {
		if r.life == life && r.alive {
			w.compareBooks(r, life)
		}
	})
}

// compareOnce asks the real comparison. When the books differ, everything is
// frozen until a person has looked; then the database counts as it stands.
func (w *world) compareOnce(r *replica) error {
	touches, err := r.session.Touches(context.Background(), r.clock.Now().Add(-ledger.Span-time.Hour))
	if err != nil {
		return err
	}
	head := w.db.head()
	db := ledger.Database{Touches: touches, Head: head}
	for _, seen := range r.journal {
		if seen.Hash != "" {
			db.HashAt = w.db.hashAt(seen.Position) // of the newest
		}
	}
	epoch := w.epoch
	if r.timeline < epoch {
		r.timeline, r.turned = epoch, w.now
	}
	r.compared = epoch
	why := ledger.Compare(r.journal, db, r.clock.Now())
	if why == "" {
		r.checkpoint(ledger.Checkpoint, head)
		return nil
	}
	w.noticed = max(w.noticed, epoch)
	if r.differs == epoch {
		return nil // a person is looking
	}
	r.differs = epoch
	w.freeze(why)
	w.after(w.between(10*time.Minute, 40*time.Minute), func() {
		r.checkpoint(ledger.Accepted, w.db.head())
		r.differs = -1
		w.thaw()
	})
	return nil
}

// checkpoint notes how far the database is; of those only the newest is kept.
func (r *replica) checkpoint(kind string, head ledger.Head) {
	last := len(r.journal) - 1
	if r.journal[last].Kind == ledger.Checkpoint {
		r.journal = r.journal[:last]
	}
	r.journal = append(r.journal, journal.Record{Kind: kind, At: r.clock.Now(), Generation: head.Generation, Position: head.Position, Hash: head.Hash})
}

func (m *model) head() ledger.Head {
	return ledger.Head{Generation: "1", Position: int64(len(m.marks)), Hash: m.hashAt(int64(len(m.marks)))}
}

// hashAt stands for the hash of the event at a position: no two commits have the
// same.
func (m *model) hashAt(position int64) string {
	if position < 1 || position > int64(len(m.marks)) {
		return ""
	}
	return fmt.Sprint(m.marks[position-1])
}
