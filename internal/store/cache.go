package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/spinware/piket/internal/incident"
)

// maxKnown bounds how many folded incidents are kept in memory. One takes a few
// kilobytes.
const maxKnown = 4096

// cache keeps ongoing incidents as they were last seen, so that a timeline is
// not added up anew for every word that is added to it. It is never believed
// without a look at the version in the database: another process may have
// written, and a database may have forgotten.
type cache struct {
	mu   sync.Mutex
	byID map[string]folded
}

func (c *cache) get(id string) folded {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

// put keeps f, and lets go of an incident that has ended. When there are too
// many it drops any one: incidents are visited in turn, and dropping the one
// that was seen longest ago would drop each just before its turn.
func (c *cache) put(id string, f folded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[string]folded{}
	}
	if !f.inc.Ongoing() {
		delete(c.byID, id)
		return
	}
	if len(c.byID) >= maxKnown {
		for any := range c.byID {
			delete(c.byID, any)
			break
		}
	}
	c.byID[id] = f
}

// load returns an incident as the database has it, or ErrNotFound. Only what it
// does not know yet is read.
func (s *Store) load(ctx context.Context, q querier, id string) (folded, error) {
	id = plain(id)
	known, head := s.known.get(id), ""
	err := q.QueryRowContext(ctx, `SELECT head FROM incidents WHERE id = $1`, id).Scan(&head)
	switch {
	case err == sql.ErrNoRows:
		return folded{}, fmt.Errorf("%s: %w", id, ErrNotFound)
	case err != nil:
		return folded{}, fmt.Errorf("read %s: %w", id, err)
	case known.inc != nil && known.head == head:
		return known, nil
	}
	if known.inc == nil {
		return foldAfter(ctx, q, id, folded{inc: incident.Fold(nil)})
	}
	f, err := foldAfter(ctx, q, id, folded{known.inc.Clone(), known.head})
	if err == errOtherPast {
		return foldAfter(ctx, q, id, folded{inc: incident.Fold(nil)})
	}
	return f, err
}

// errOtherPast says that what is in the database does not follow on what was
// known of it: commits were lost.
var errOtherPast = fmt.Errorf("the timeline does not follow on what was known of it")

// foldAfter adds to f, which it changes, what the database has after it.
func foldAfter(ctx context.Context, q querier, id string, f folded) (folded, error) {
	list, err := events(ctx, q, id, f.inc.Version)
	if err != nil {
		return folded{}, err
	}
	if f.head != "" && (len(list) == 0 || list[0].Prev != f.head) {
		return folded{}, errOtherPast
	}
	if len(list) == 0 {
		return folded{}, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	for _, e := range list {
		f.inc.Apply(e)
	}
	return folded{f.inc, list[len(list)-1].Hash}, nil
}
