package technician

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Asked is what a person wants of a vendor [2.4].
type Asked struct {
	Words string // what is asked
	Part  string // the spare part, "" when none is
}

// ForVendor composes what a vendor is asked. Without words the order is empty, and
// the desk refuses it.
func (w Writer) ForVendor(v inventory.Vendor, server inventory.Server, inc *incident.Incident, asks Asked, now time.Time) incident.WorkOrdered {
	o := incident.WorkOrdered{
		Order: fmt.Sprintf("%s/W%d", inc.ID, inc.Version+1),
		To:    v.Name, Email: v.Email, Telephone: v.Telephone, Language: cmp.Or(v.Language, inventory.DefaultLanguage), For: incident.ToVendor,
		State: incident.OrderApproved, AcknowledgeBy: now.Add(v.Acknowledge), ArriveBy: now.Add(v.Arrive),
		Subject: line(fmt.Sprintf("Request for %s (%s)", or(server.Name, inc.Subject.Name), inc.ID)),
	}
	asked := line(asks.Words)
	if asked == "" {
		return o
	}
	o.Checklist = []string{asked}
	if asks.Part != "" {
		o.Checklist = append(o.Checklist, "Spare part: "+line(asks.Part))
	}
	if w.ExternalURL != "" {
		o.Link = link(o, inc.ID).Path()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Request %s, written %s\n", o.Order, stamp(now))
	if o.Link != "" {
		fmt.Fprintf(&b, "\nYOUR PAGE (accept, findings, parts)\n  %s%s\n", w.ExternalURL, o.Link)
	}
	section(&b, "CONTRACT", []string{or(v.Contract, "none is known")})
	section(&b, "MACHINE", machine(server))
	section(&b, "WHAT IS WRONG", wrong(inc))
	section(&b, "WHAT HAS BEEN TRIED", tried(inc))
	section(&b, "WHAT WE ASK", numbered(o.Checklist))
	section(&b, "TELL US", []string{"Acknowledge by " + stamp(o.AcknowledgeBy) + ". Always name " + inc.ID + "."})
	o.Body = b.String()
	return o
}

func machine(s inventory.Server) []string {
	if s.Name == "" {
		return []string{"None in particular."}
	}
	return []string{"Model:   " + or(s.Model, "not known"), "Serial:  " + or(s.Serial, "not known"), "Asset:   " + or(s.AssetTag, "not known")}
}
