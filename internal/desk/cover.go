package desk

import (
	"fmt"
	"slices"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// maxCover bounds how long one person takes over: what lasts longer belongs into
// the inventory's rotation.
const maxCover = 92 * 24 * time.Hour

// Cover says that a member of a team takes over its duty for a while; its
// engineers and managers may. What is over is not changed: a cover begins now at the
// earliest.
func Cover(record *incident.Incident, team inventory.Team, by inventory.Person, c incident.Covered, now time.Time) ([]incident.Payload, error) {
	c.Team, c.By, c.Why = team.Name, by.Name, clip(c.Why)
	c.Cover = fmt.Sprintf("%s/D%d", record.ID, record.Version+1)
	if c.From.Before(now) {
		c.From = now.UTC()
	}
	switch {
	case !mayCover(team, by):
		return nil, ErrRole
	case !slices.Contains(team.Members, c.Person):
		return nil, fmt.Errorf("cover: %w: a member of the team %s", ErrIncomplete, team.Name)
	case !c.Until.After(c.From):
		return nil, fmt.Errorf("cover: %w: until when, after %s", ErrIncomplete, c.From.UTC().Format(time.RFC3339))
	case c.Until.Sub(c.From) > maxCover:
		return nil, fmt.Errorf("cover: %w: an end within %d days; change the rotation for more", ErrIncomplete, maxCover/(24*time.Hour))
	}
	return []incident.Payload{c}, nil
}

// Uncover takes a cover back.
func Uncover(record *incident.Incident, team inventory.Team, by inventory.Person, cover string) ([]incident.Payload, error) {
	switch {
	case !mayCover(team, by):
		return nil, ErrRole
	case !slices.ContainsFunc(record.Covers, func(c incident.Cover) bool { return c.Covered.Cover == cover }):
		return nil, fmt.Errorf("uncover: %w: there is no cover %q", ErrNotNow, cover)
	}
	return []incident.Payload{incident.Uncovered{Cover: cover, By: by.Name}}, nil
}

func mayCover(team inventory.Team, by inventory.Person) bool {
	return by.Has(inventory.Manager) || by.Has(inventory.Engineer) && slices.Contains(team.Members, by.Name)
}
