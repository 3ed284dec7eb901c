package mailbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// readAll takes every mail that is not taken yet. One that has to wait keeps none
// of the others waiting; several that fail in a row have the store at fault.
func (s *session) readAll(ctx context.Context) (failed error) {
	tried, inARow := map[imap.UID]bool{}, 0
	now := s.parts.Clock.Now()
	maps.DeleteFunc(s.later, func(_ imap.UID, at time.Time) bool { return !now.Before(at) })
	if len(s.later) > 0 {
		failed = ErrBusy
	}
	for {
		list, err := s.untaken()
		if err != nil {
			return fmt.Errorf("%w: %w", errConnection, err)
		}
		list = slices.DeleteFunc(list, func(uid imap.UID) bool { return tried[uid] })
		if len(list) == 0 {
			return failed
		}
		for _, uid := range list[:min(len(list), atOnce)] {
			tried[uid] = true
			err := s.within(func() error { return s.takeOne(ctx, uid) })
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, errConnection):
				return err
			case errors.Is(err, ErrBusy):
				s.later[uid], failed = s.parts.Clock.Now().Add(busyWait), err
			case err != nil:
				failed = err
				if inARow++; inARow == maxInARow {
					return failed
				}
			default:
				inARow = 0
			}
		}
	}
}

// untaken lists the mails that are to be taken, the oldest first.
func (s *session) untaken() ([]imap.UID, error) {
	criteria := &imap.SearchCriteria{
		Since: s.since.AddDate(0, 0, -1), NotFlag: []imap.Flag{imap.FlagDeleted, taken}, // a date, by the server's clock
	}
	defer time.AfterFunc(commandTimeout, func() { s.conn.Close() }).Stop()
	found, err := s.client.UIDSearch(criteria, nil).Wait()
	if err != nil {
		return nil, fmt.Errorf("look for mail: %w", err)
	}
	var fresh imap.UIDSet
	list := slices.DeleteFunc(found.AllUIDs(), func(uid imap.UID) bool {
		_, later := s.later[uid]
		return s.old[uid] || later
	})
	if len(list) == 0 {
		return nil, nil
	}
	fresh.AddNum(list...)
	dates, err := s.client.Fetch(fresh, &imap.FetchOptions{UID: true, InternalDate: true}).Collect()
	if err != nil {
		return nil, fmt.Errorf("ask when mail came: %w", err)
	}
	for _, m := range dates {
		s.old[m.UID] = m.InternalDate.Before(s.since)
	}
	list = slices.DeleteFunc(list, func(uid imap.UID) bool { return s.old[uid] })
	slices.Sort(list)
	return list, nil
}

// errConnection says that nothing more can be asked on this connection.
var errConnection = errors.New("connection to the mailbox")

// takeOne fetches one mail, has it written down, and marks it then.
func (s *session) takeOne(ctx context.Context, uid imap.UID) error {
	letter, there, err := s.fetch(uid)
	if err != nil {
		return fmt.Errorf("%w: fetch mail %d: %w", errConnection, uid, err)
	}
	if !there { // another replica has moved it, or a person
		return nil
	}
	if err := s.parts.Take(ctx, letter); err != nil {
		return err
	}
	if err := s.mark(uid); err != nil {
		return fmt.Errorf("%w: mark mail %d: %w", errConnection, uid, err)
	}
	return nil
}

// fetch reads a mail while it comes, and lets go of what it does not need.
func (s *session) fetch(uid imap.UID) (l Letter, there bool, err error) {
	body := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: maxMailBytes}}
	command := s.client.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{body}})
	for message := command.Next(); message != nil; message = command.Next() {
		for item := message.Next(); item != nil; item = message.Next() {
			if section, ok := item.(imapclient.FetchItemDataBodySection); ok && section.Literal != nil {
				l, there = Read(section.Literal, false), true
			}
		}
	}
	return l, there, command.Close()
}

// mark says in the mailbox itself that a mail is taken: moved away, or with a
// keyword. Another replica may have done so at the same moment.
func (s *session) mark(uid imap.UID) error {
	if s.config.Done != "" {
		_, err := s.client.Move(imap.UIDSetNum(uid), s.config.Done).Wait()
		return err
	}
	return s.client.Store(imap.UIDSetNum(uid), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{taken}}, nil).Close()
}
