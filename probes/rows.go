package probes

import (
	"net/netip"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/inventory"
)

// plan is what there is to look at, and how it hangs together.
type plan struct {
	rows     []*row
	domains  []*domain
	observer observer
}

// planner makes a plan of an inventory.
type planner struct {
	cfg    Config
	sweeps bool // echoes can be sent to many at once
	plan
	racks, feeds, sites map[string]*domain
	places              map[place]*place // one for all servers that share their fate
}

// planOf lists everything in inv that is looked at: references, gateways, then
// servers, then the rest, so that who explains a failure stands before who
// suffers it. A server and its services share a slot.
func planOf(inv *inventory.Inventory, cfg Config, sweeps bool) plan {
	p := &planner{cfg: cfg, sweeps: sweeps, racks: map[string]*domain{}, feeds: map[string]*domain{}, sites: map[string]*domain{}, places: map[place]*place{}}
	p.rows = make([]*row, 0, len(inv.References)+len(inv.Sites)+len(inv.Servers))
	for _, r := range inv.References {
		p.reference(r)
	}
	for i := range inv.Sites {
		p.site(&inv.Sites[i])
	}
	p.standIn(standIns(inv))
	servers := make([]*row, len(inv.Servers))
	for i := range inv.Servers {
		servers[i] = p.server(&inv.Servers[i])
	}
	for i := range inv.Servers {
		p.onServer(&inv.Servers[i], servers[i])
	}
	for _, site := range inv.Sites {
		p.statusPage(site)
	}
	return p.plan
}

func (p *planner) add(r *row) *row {
	r.index = int32(len(p.rows))
	r.last = sighting{state: Unknown, reason: "not asked yet"}
	if r.interval == 0 {
		r.interval = p.cfg.Interval
	}
	p.rows = append(p.rows, r)
	return r
}

// ask gives r what to ask. An echo to an address goes with the sweep; a name
// has to be looked up first, and goes by itself.
func (p *planner) ask(r *row, kind string, t Target) {
	r.name = t.Name
	if addr, err := netip.ParseAddr(t.Address); p.sweeps && kind == "icmp" && err == nil {
		r.addr, r.lane = addr.Unmap(), swept
		return
	}
	r.question = &question{kind, t}
}

func (p *planner) reference(ref inventory.Reference) {
	r := &row{key: "reference/" + ref.Name, slot: slotOf(ref.Name), mute: true, judges: unanswered, words: ofNone, lane: vital}
	kind, t := Endpoint(ref.Name, ref.Probe, "", p.cfg.Timeout)
	p.ask(r, kind, t)
	r.mark = true
	if ref.Side == inventory.Near {
		p.observer.near = append(p.observer.near, p.add(r))
		return
	}
	p.observer.far = append(p.observer.far, p.add(r))
}

func (p *planner) site(site *inventory.Site) {
	d := p.domain(p.sites, "site", site.Name, site.Name)
	for _, rack := range site.Racks {
		p.domain(p.racks, "rack", rack.Name, site.Name)
	}
	for _, feed := range site.Feeds {
		p.domain(p.feeds, "feed", feed.Name, site.Name)
	}
	kind, t, ok := Gateway(*site, p.cfg.Timeout)
	if !ok {
		return
	}
	r := &row{key: "site/" + site.Name, slot: slotOf(site.Name), mute: true, words: ofNone, site: site.Name, lane: vital}
	p.ask(r, kind, t)
	d.gateway, r.gateway = p.add(r), d
}

func (p *planner) domain(known map[string]*domain, kind, name, site string) *domain {
	d := &domain{kind: kind, name: name, site: site}
	known[name] = d
	p.domains = append(p.domains, d)
	return d
}

// standIn lets the gateways of several sites judge the observer where nothing
// else does.
func (p *planner) standIn(sites []inventory.Site) {
	for _, site := range sites {
		gateway := p.sites[site.Name].gateway
		gateway.mark = true
		p.observer.far = append(p.observer.far, gateway)
	}
	p.observer.gateways = len(sites) > 0
}

func (p *planner) server(s *inventory.Server) *row {
	r := &row{
		key: "server/" + s.Name, slot: slotOf(s.Name), server: p.placeOf(s),
		words: ofServers, on: s.Name, site: s.Site,
	}
	kind, t := Reachable(*s, p.cfg.Timeout)
	p.ask(r, kind, t)
	p.add(r)
	for _, d := range r.server.domains() {
		d.members = append(d.members, r)
	}
	return r
}

// placeOf finds the domains of a server. One that hangs on two feeds survives
// the loss of either: its silence says nothing about them.
func (p *planner) placeOf(s *inventory.Server) *place {
	at := place{rack: p.racks[s.Rack], site: p.sites[s.Site]}
	if len(s.Feeds) == 1 {
		at.feed = p.feeds[s.Feeds[0]]
	}
	if p.places[at] == nil {
		p.places[at] = &at
	}
	return p.places[at]
}

// onServer adds what is on a server. Its BMC stands below the way to the site
// and not below the server: that a server is gone does not explain why its BMC
// is.
func (p *planner) onServer(s *inventory.Server, server *row) {
	for _, svc := range s.Services {
		r := &row{
			key: "service/" + s.Name + "/" + svc.Name, above: server, slot: server.slot,
			words: ofServices, on: s.Name, site: s.Site, service: svc.Name,
		}
		kind, t := Service(*s, svc, p.cfg.Timeout)
		p.ask(r, kind, t)
		p.add(r)
	}
	kind, t, ok := BMCOf(*s, p.cfg.Timeout)
	if !ok {
		return
	}
	r := &row{
		key: "bmc/" + s.Name, slot: slotOf(t.Name), interval: p.cfg.BMCInterval, lane: slow,
		words: ofBMCs, on: s.Name, site: s.Site,
	}
	if site := p.sites[s.Site]; site != nil {
		r.above = site.gateway
	}
	p.ask(r, kind, t)
	p.add(r)
}

func (p *planner) statusPage(site inventory.Site) {
	kind, t, ok := StatusPageOf(site, p.cfg.Timeout)
	if !ok {
		return
	}
	r := &row{
		key: "statuspage/" + site.Name, slot: slotOf(t.Name), interval: p.cfg.StatusPageInterval, lane: slow, judges: Announced,
		words: ofPages, site: site.Name,
	}
	p.ask(r, kind, t)
	p.add(r)
}

// byKey returns the rows by their keys. It is not kept: a fleet's rows are
// seldom looked for one by one.
func (p *plan) byKey() map[string]*row {
	rows := make(map[string]*row, len(p.rows))
	for _, r := range p.rows {
		rows[r.key] = r
	}
	return rows
}

// inherit takes over what an earlier plan knew of the same rows and domains,
// and returns what stood about domains that are gone.
func (p *plan) inherit(old plan, rows map[string]*row) (abandoned []*alerts.Alert) {
	p.observer.firing = old.observer.firing
	same := map[*domain]*domain{}
	for _, was := range old.domains {
		for _, is := range p.domains {
			if is.kind == was.kind && is.name == was.name {
				is.firing, is.worst, is.looked, is.ended = was.firing, was.worst, was.looked, was.ended
				same[was] = is
			}
		}
		if same[was] == nil && was.firing != nil {
			abandoned = append(abandoned, was.firing)
		}
	}
	for _, r := range p.rows {
		if known, ok := rows[r.key]; ok {
			r.inherit(known)
			if r.partOf = same[r.partOf]; r.partOf != nil && !slices.Contains(r.server.domains(), r.partOf) {
				r.partOf = nil // it was moved
			}
		}
	}
	return abandoned
}

// echoTimeout is how long one echo of a sweep is waited for. Nothing on earth
// is farther than that, and a reply that comes later still comes before the
// last of several misses.
const echoTimeout = time.Second
