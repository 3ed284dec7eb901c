package dispatch

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// fields is what an order says to a machine, with what stands on no timeline: the
// code of the door and the token of the link.
func (d *Dispatcher) fields(inc *incident.Incident, site inventory.Site) inventory.OrderFields {
	o, hands := inc.Order, site.RemoteHands
	server, _ := d.Inventory().Server(inc.Subject.Name)
	f := inventory.OrderFields{
		Order: o.Order, Incident: inc.ID, Subject: o.Subject, Site: site.Name, Rack: server.Rack, Server: server.Name,
		Serial: server.Serial, AssetTag: server.AssetTag, Model: server.Model, Priority: string(inc.Priority),
		CallBack: hands.CallBack, Reference: hands.Reference, Currency: o.Currency, Cost: o.Cost, CostLimit: o.Limit,
		AcknowledgeBy: o.AcknowledgeBy.UTC().Format(time.RFC3339), ArriveBy: o.ArriveBy.UTC().Format(time.RFC3339),
	}
	if server.Unit > 0 {
		f.Unit = fmt.Sprint(server.Unit)
	}
	for _, rack := range site.Racks {
		if rack.Name == server.Rack {
			f.Room = rack.Room
		}
	}
	if !hands.AccessCode.IsZero() {
		if code, err := hands.AccessCode.Read(); err == nil {
			f.AccessCode = code.Reveal()
		} else {
			d.Log.Error("the access code of a site cannot be read", "order", o.Order, "err", err)
		}
	}
	f.Text = strings.ReplaceAll(o.Body, incident.AccessCodeMark, f.AccessCode)
	if o.Link != "" {
		signed := d.Sign(o.Link)
		f.Link, f.Text = d.External()+signed, strings.ReplaceAll(f.Text, o.Link, signed)
	}
	return f
}
