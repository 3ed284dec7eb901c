package incident

import (
	"fmt"
	"slices"
)

// Ticked says that a line of a work order's checklist is done, or is not after
// all.
type Ticked struct {
	Order string `json:"order"`
	Line  int    `json:"line"` // from 0
	Off   bool   `json:"off,omitempty"`
	What  string `json:"what"` // the line itself
	By    string `json:"by"`
}

func (Ticked) Kind() Kind { return "ticked" }
func (p Ticked) Text() string {
	if p.Off {
		return sentence("%s takes back (%s): %s.", p.By, p.Order, p.What)
	}
	return sentence("%s has done (%s): %s.", p.By, p.Order, p.What)
}

// Found is what whoever is on site has found.
type Found struct {
	Order string `json:"order"`
	Words string `json:"words"`
	By    string `json:"by"`
}

func (Found) Kind() Kind     { return "found" }
func (p Found) Text() string { return sentence("%s found (%s): %s.", p.By, p.Order, p.Words) }

// PartReplaced says that a part was replaced. What tells a machine from others is
// not changed by it, see [IdentityClaimed].
type PartReplaced struct {
	Order string `json:"order"`
	Part  string `json:"part"`
	Old   string `json:"old,omitempty"` // serial number
	New   string `json:"new,omitempty"`
	By    string `json:"by"`
}

func (PartReplaced) Kind() Kind { return "part_replaced" }
func (p PartReplaced) Text() string {
	text := fmt.Sprintf("%s replaced (%s): %s", p.By, p.Order, p.Part)
	if p.Old != "" || p.New != "" {
		text += fmt.Sprintf(", serial %q by %q", p.Old, p.New)
	}
	return sentence("%s.", text)
}

// PhotoTaken is a photograph from the site. The picture lies in the store under
// its hash.
type PhotoTaken struct {
	Order  string `json:"order"`
	Hash   string `json:"hash"` // SHA-256 of the picture as it is kept
	Bytes  int    `json:"bytes"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Words  string `json:"words,omitempty"`
	By     string `json:"by"`
}

func (PhotoTaken) Kind() Kind { return "photo_taken" }
func (p PhotoTaken) Text() string {
	text := fmt.Sprintf("%s sent a photograph (%s, %d by %d, %.12s)", p.By, p.Order, p.Width, p.Height, p.Hash)
	if p.Words != "" {
		text += ": " + p.Words
	}
	return sentence("%s.", text)
}

// onSite books what is reported from the site.
func (i *Incident) onSite(e Event) {
	switch p := e.Payload.(type) {
	case Ticked:
		if o := i.OrderOf(p.Order); o != nil {
			o.tick(p)
		}
	case Found:
		if o := i.OrderOf(p.Order); o != nil {
			o.Findings = append(slices.Clone(o.Findings), p.Words)
		}
	case PartReplaced:
		if o := i.OrderOf(p.Order); o != nil {
			o.Parts = append(slices.Clone(o.Parts), p)
		}
	case PhotoTaken:
		if o := i.OrderOf(p.Order); o != nil {
			o.Photos = append(slices.Clone(o.Photos), p)
		}
	}
}

func (o *Order) tick(p Ticked) {
	ticks := slices.DeleteFunc(slices.Clone(o.Ticks), func(line int) bool { return line == p.Line })
	if !p.Off {
		ticks = append(ticks, p.Line)
	}
	slices.Sort(ticks)
	o.Ticks = ticks
}

// Photo returns the photograph with that hash that was sent for a work order of
// the incident.
func (i *Incident) Photo(hash string) (PhotoTaken, bool) {
	for _, o := range i.WorkOrders() {
		for _, p := range o.Photos {
			if p.Hash == hash {
				return p, true
			}
		}
	}
	return PhotoTaken{}, false
}
