package desk

import (
	"fmt"
	"slices"

	"github.com/spinware/piket/internal/incident"
)

// What one order may hold of what is reported from the site. A link is not a
// sign-in: whoever has it must not be able to fill the disk.
const (
	maxPhotos   = 30
	maxFindings = 50
	maxParts    = 20
)

// OnSite is what whoever has the link to an order may say. They say it under the
// name to whom the order went. Nothing of it approves, closes or acts on a machine.
type OnSite struct {
	Incident *incident.Incident
	Order    string
}

// at finds the order. What went to them is theirs to answer until it is over.
func (s OnSite) at() (*incident.Order, error) {
	o, err := openOrder(s.Incident, s.Order)
	switch {
	case err != nil:
		return nil, err
	case !o.Open():
		return nil, fmt.Errorf("work order %s: %w: it is %s", s.Order, ErrNotNow, o.State)
	case o.State == incident.OrderDraft:
		return nil, fmt.Errorf("work order %s: %w: it has not been given out", s.Order, ErrNotNow)
	}
	return o, nil
}

// Report says how far they are. A no needs its reason; calling the order off is
// not theirs.
func (s OnSite) Report(state, words string) ([]incident.Payload, error) {
	o, err := s.at()
	switch {
	case err != nil:
		return nil, err
	case state == incident.OrderCancelled:
		return nil, ErrRole
	case state == incident.OrderRefused && clip(words) == "":
		return nil, fmt.Errorf("work order: %w: why not", ErrIncomplete)
	}
	return moveOrder(o, incident.OrderProgress{Order: o.Order, State: state, By: o.To, Words: words})
}

// Hands says that their hands are in the rack, or out of it.
func (s OnSite) Hands(in bool) ([]incident.Payload, error) {
	o := s.Incident.OrderOf(s.Order)
	if o == nil {
		return nil, fmt.Errorf("work order %q: %w: no such order is open", s.Order, ErrNotNow)
	}
	return handsAt(s.Incident, o.To, s.Order, in)
}

// Tick says which lines of the checklist are done by now.
func (s OnSite) Tick(done []int) ([]incident.Payload, error) {
	o, err := s.at()
	if err != nil {
		return nil, err
	}
	var said []incident.Payload
	for line, what := range o.Checklist {
		was, is := slices.Contains(o.Ticks, line), slices.Contains(done, line)
		if was != is {
			said = append(said, incident.Ticked{Order: o.Order, Line: line, Off: was, What: what, By: o.To})
		}
	}
	return said, nil
}

// Find records what they have found.
func (s OnSite) Find(words string) ([]incident.Payload, error) {
	o, err := s.at()
	if err != nil {
		return nil, err
	}
	if words, err = said(words, "what was found"); err != nil {
		return nil, err
	}
	if len(o.Findings) >= maxFindings {
		return nil, fmt.Errorf("work order %s: %w", o.Order, ErrEnough)
	}
	return []incident.Payload{incident.Found{Order: o.Order, Words: words, By: o.To}}, nil
}

// Replace records a part that was replaced, with the serial numbers of both.
func (s OnSite) Replace(part, old, new string) ([]incident.Payload, error) {
	o, err := s.at()
	if err != nil {
		return nil, err
	}
	if part, err = said(part, "which part"); err != nil {
		return nil, err
	}
	if len(o.Parts) >= maxParts {
		return nil, fmt.Errorf("work order %s: %w", o.Order, ErrEnough)
	}
	return []incident.Payload{incident.PartReplaced{Order: o.Order, Part: part, Old: serial(old), New: serial(new), By: o.To}}, nil
}

// Photo records a photograph that lies in the store.
func (s OnSite) Photo(p incident.PhotoTaken) ([]incident.Payload, error) {
	o, err := s.at()
	switch {
	case err != nil:
		return nil, err
	case slices.ContainsFunc(o.Photos, func(other incident.PhotoTaken) bool { return other.Hash == p.Hash }):
		return nil, nil // the same twice: they pressed twice
	}
	p.Order, p.By, p.Words = o.Order, o.To, clip(p.Words)
	return []incident.Payload{p}, s.MorePhotos()
}

// MorePhotos says why no further photograph is taken in, nil when one is. It is
// asked before one is looked at.
func (s OnSite) MorePhotos() error {
	o, err := s.at()
	if err == nil && len(o.Photos) >= maxPhotos {
		err = fmt.Errorf("work order %s: %w: %d photographs are enough", o.Order, ErrEnough, maxPhotos)
	}
	return err
}

// Claim is their word that the whole machine, or what tells it from others, was
// replaced. It stands on the server's own record.
func (s OnSite) Claim(server, number string) ([]incident.Payload, error) {
	o, err := s.at()
	if err != nil {
		return nil, err
	}
	if number = serial(number); number == "" {
		return nil, fmt.Errorf("work order: %w: the serial number of the new machine", ErrIncomplete)
	}
	return []incident.Payload{incident.IdentityClaimed{Server: server, Serial: number, Incident: s.Incident.ID, Order: o.Order, By: o.To}}, nil
}

// maxSerialRunes is longer than any serial number.
const maxSerialRunes = 80

func serial(text string) string {
	runes := []rune(clip(text))
	return string(runes[:min(len(runes), maxSerialRunes)])
}
