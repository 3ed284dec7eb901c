package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/inventory"
)

// fault is a kind of thing that goes wrong.
type fault string

// The kinds. A seed draws some of them, and the report counts in how many
// worlds each really happened.
const (
	serverHangs   fault = "server_hang"
	serverOff     fault = "server_off"
	serviceStops  fault = "service_crash"
	rackLoss      fault = "rack_loss"
	feedLoss      fault = "feed_loss"
	siteOutage    fault = "site_outage"
	uplinkCut     fault = "uplink_cut"
	announcements fault = "status_page"
	flapping      fault = "flapping"
	bmcLies       fault = "bmc_lies"
	swaps         fault = "bmc_swapped"
	lostReplies   fault = "lost_reply"
	crashes       fault = "replica_crash"
	pauses        fault = "replica_pause"
	partitions    fault = "store_partition"
	lostCommits   fault = "commit_answer_lost"
	failovers     fault = "failover"
	clockJumps    fault = "clock_jump"
	freezes       fault = "freeze"
	answers       fault = "wrong_answers"
	technicians   fault = "technician"
	bookChanges   fault = "runbook_changed"
	inventoryNews fault = "inventory_changed"
	storms        fault = "alert_storm"
	duplicates    fault = "duplicate_alerts"
	earlyResolved fault = "resolved_first"
	falseAlarms   fault = "false_alarm"
	crowds        fault = "crowd"
	earnings      fault = "trust_earned"
	reinstalls    fault = "reinstalled"
	foreignBoots  fault = "foreign_boot_device"
	keptBoots     fault = "boot_device_kept"
)

// recipes say how often, on average, a kind happens in a world that has drawn
// it, and how it is done. What has no recipe happens where it belongs: a reply
// is lost in a send.
var recipes = []struct {
	kind  fault
	often float64
	do    func(*world)
}{
	{serverHangs, 7, (*world).hangServer},
	{serverOff, 5, (*world).switchOff},
	{serviceStops, 5, (*world).stopService},
	{rackLoss, 1.5, (*world).loseRack},
	{feedLoss, 1.2, (*world).loseFeed},
	{siteOutage, 1, (*world).loseSite},
	{uplinkCut, 1.5, (*world).cutUplink},
	{announcements, 1.5, (*world).announce},
	{flapping, 1, (*world).flap},
	{bmcLies, 14, (*world).corrupt},
	{swaps, 2, (*world).swap},
	{partitions, 3, (*world).partition},
	{failovers, 1.3, (*world).failOver},
	{clockJumps, 3, (*world).jumpClock},
	{freezes, 3, (*world).someFreeze},
	{bookChanges, 2, (*world).changeBooks},
	{inventoryNews, 3, (*world).changeInventory},
	{storms, 1, (*world).storm},
	{earlyResolved, 3, (*world).resolveFirst},
	{falseAlarms, 3, (*world).falseAlarm},
	{crowds, 1, (*world).crowd},
	{foreignBoots, 4, (*world).setForeign},
}

// scattered are the kinds without a recipe.
var scattered = []fault{lostReplies, crashes, pauses, lostCommits, answers, technicians, duplicates, earnings, reinstalls, keptBoots}

// plan is what may go wrong in one world.
type plan map[fault]bool

func (p plan) has(f fault) bool { return p[f] }

// draw decides what goes wrong in this world, and when.
func (w *world) draw() {
	w.plan = plan{}
	for _, f := range scattered {
		w.plan[f] = w.chance(0.7)
	}
	for _, r := range recipes {
		always := r.kind == serverHangs || r.kind == serverOff
		if !always && !w.chance(0.62) {
			continue
		}
		w.plan[r.kind] = true
		span := w.length - 90*time.Minute
		for n := max(1, int(r.often*(0.5+w.rng.Float64())*w.length.Hours()/24)); n > 0; n-- {
			w.at(w.between(2*time.Minute, max(span, 10*time.Minute)), func() { r.do(w) })
		}
	}
	if w.plan.has(earnings) {
		w.remember()
	}
	if w.plan.has(reinstalls) && w.chance(0.6) {
		w.library = w.libraries[len(w.libraries)-2]
	}
	w.crashing, w.pausing = 3+w.rng.IntN(8), 3+w.rng.IntN(8)
}

// happened counts that a kind of fault took place.
func (w *world) happened(f fault) { w.faults[f]++ }

func (w *world) anyMachine(fits func(*machine) bool) *machine {
	for range 8 {
		if m := w.machines[w.rng.IntN(len(w.machines))]; fits(m) {
			return m
		}
	}
	return nil
}

func (w *world) ill(kind fault, change func(*machine)) {
	m := w.anyMachine(func(m *machine) bool { return m.well(w.now) && m.hands == 0 })
	if m == nil {
		return
	}
	w.happened(kind)
	w.say(nil, string(kind)+" "+m.name)
	w.be(m, func() { change(m) })
	if w.plan.has(bmcLies) && w.chance(0.5) {
		m.lie = lies[w.rng.IntN(len(lies))]
	}
	if w.chance(0.15) { // it comes back by itself
		w.after(w.between(time.Minute, 12*time.Minute), func() {
			if m.hung || m.stopped {
				w.be(m, func() { m.hung, m.stopped = false, false })
			}
		})
	}
}

func (w *world) hangServer() {
	w.ill(serverHangs, func(m *machine) { m.hung, m.shell, m.broken = true, w.chance(0.15), w.chance(0.15) })
}
func (w *world) switchOff()   { w.ill(serverOff, func(m *machine) { m.on = false }) }
func (w *world) stopService() { w.ill(serviceStops, func(m *machine) { m.stopped = true }) }

// crowd has several servers of one circle fall within minutes.
func (w *world) crowd() {
	k := w.racks[w.rng.IntN(len(w.racks))]
	w.happened(crowds)
	for _, m := range w.machines {
		if m.rack == k && w.chance(0.5) {
			w.after(w.between(0, 3*time.Minute), func() {
				if m.hands == 0 {
					w.be(m, func() { m.hung = true })
				}
			})
		}
	}
}

func (w *world) lose(s *span, kind fault, name string, d time.Duration, changed func()) {
	if s.down {
		return
	}
	w.happened(kind)
	w.say(nil, string(kind)+" "+name)
	s.set(true, w.now)
	s.aside = w.chance(0.5)
	changed()
	w.after(d, func() {
		s.set(false, w.now)
		w.say(nil, name+" is back")
		changed()
	})
}

func (w *world) loseRack() {
	k := w.racks[w.rng.IntN(len(w.racks))]
	w.lose(&k.state, rackLoss, k.name, w.between(4*time.Minute, 90*time.Minute), func() {})
}

func (w *world) loseSite() {
	s := w.sites[w.rng.IntN(len(w.sites))]
	w.lose(&s.state, siteOutage, s.name, w.between(2*time.Minute, 90*time.Minute), func() {})
}

// loseFeed takes the power from what hangs on one feed alone; not all of it
// starts by itself when it is back.
func (w *world) loseFeed() {
	f := w.feeds[w.rng.IntN(len(w.feeds))]
	w.lose(&f.state, feedLoss, f.name, w.between(5*time.Minute, 90*time.Minute), func() {
		for _, m := range w.machines {
			switch {
			case !slices.Contains(m.rack.feeds, f) || len(m.rack.feeds) > 1:
			case f.state.down:
				w.settleTrouble(m)
			case m.on && !w.chance(0.1):
				w.boot(m)
			default:
				w.be(m, func() { m.on = false })
			}
		}
	})
}

func (w *world) cutUplink() {
	r := w.replicas[w.rng.IntN(len(w.replicas))]
	d := w.between(90*time.Second, 40*time.Minute)
	if w.chance(0.4) { // all of them behind the same one
		for _, other := range w.replicas {
			w.lose(&other.uplink, uplinkCut, "uplink of "+other.name, d, func() {})
		}
		return
	}
	w.lose(&r.uplink, uplinkCut, "uplink of "+r.name, d, func() {})
}

func (w *world) announce() {
	s := w.sites[w.rng.IntN(len(w.sites))]
	w.happened(announcements)
	s.announced = w.now + w.between(10*time.Minute, 2*time.Hour)
}

func (w *world) flap() {
	m := w.anyMachine(func(m *machine) bool { return m.well(w.now) && m.hands == 0 })
	if m == nil {
		return
	}
	w.happened(flapping)
	at := time.Duration(0)
	for range 12 {
		w.after(at, func() { w.be(m, func() { m.hung = m.hands == 0 }) })
		at += w.between(60*time.Second, 3*time.Minute)
		w.after(at, func() { w.be(m, func() { m.hung = false }) })
		at += w.between(45*time.Second, 3*time.Minute)
	}
}

// corrupt makes a BMC lie for some hours.
func (w *world) corrupt() {
	m := w.machines[w.rng.IntN(len(w.machines))]
	m.lie = lies[w.rng.IntN(len(lies))]
	w.after(w.between(time.Hour, 8*time.Hour), func() { m.lie = honest })
}

// lied counts a lie that somebody was told.
func (w *world) lied(m *machine, l lie) {
	if m.lie == l && l != honest {
		w.happened(bmcLies)
	}
}

// swap exchanges the addresses of two BMCs, as a DHCP server or a cable would;
// one of them is about to be needed.
func (w *world) swap() {
	a := w.anyMachine(func(m *machine) bool { return m.well(w.now) && m.hands == 0 })
	b := w.machines[w.rng.IntN(len(w.machines))]
	if a == nil || a == b {
		return
	}
	w.byRoute[a.bmcAddress], w.byRoute[b.bmcAddress] = w.byRoute[b.bmcAddress], w.byRoute[a.bmcAddress]
	w.happened(swaps)
	w.be(a, func() { a.hung, a.shell = true, false })
	w.after(w.between(time.Hour, 5*time.Hour), func() {
		w.byRoute[a.bmcAddress], w.byRoute[b.bmcAddress] = a, b
	})
}

func (w *world) partition() {
	r := w.replicas[w.rng.IntN(len(w.replicas))]
	if r.cut {
		return
	}
	w.happened(partitions)
	w.say(r, "cut off from the store")
	r.cut = true
	w.after(term, func() {
		if r.cut {
			w.lapse(r)
		}
	})
	w.after(w.between(2*time.Second, 20*time.Minute), func() { r.cut = false })
}

// failOver has the database go away shortly after the next commit, and a copy
// take over that lacks that one and all after it.
func (w *world) failOver() { w.failing = true }

// forgets is called before a commit that will be lost.
func (w *world) forgets() {
	w.failing = false
	old := w.db.copy()
	w.after(w.between(50*time.Millisecond, 4*time.Second), func() {
		w.down = true
		w.happened(failovers)
		w.say(nil, fmt.Sprintf("the database is gone, with the last %d commits", w.db.commits-old.commits))
		w.after(w.between(35*time.Second, 3*time.Minute), func() {
			w.down = false
			w.epoch++
			for _, r := range w.replicas {
				w.lapse(r)
			}
			old.commits = w.db.commits
			w.db = old
			w.forgot()
			w.say(nil, "another database takes over")
			w.dueAll()
		})
	})
}

func (w *world) jumpClock() {
	r := w.replicas[w.rng.IntN(len(w.replicas))]
	sizes := []time.Duration{time.Second, 20 * time.Second, 7 * time.Minute, time.Hour, 25 * time.Hour, 365 * 24 * time.Hour}
	by := sizes[w.rng.IntN(len(sizes))]
	if w.chance(0.5) {
		by = -by
	}
	w.happened(clockJumps)
	w.setClock(r, by)
	w.after(w.between(time.Minute, 3*time.Hour), func() { w.setClock(r, -by) })
}

func (w *world) setClock(r *replica, by time.Duration) {
	w.say(r, fmt.Sprintf("its clock is set by %v", by))
	r.skew.Add(int64(by))
	w.watch.clocks = w.now
}

func (w *world) someFreeze() {
	if w.frozenWhy != "" {
		return
	}
	w.happened(freezes)
	w.freeze("by hand")
	w.after(w.between(time.Minute, 50*time.Minute), w.thaw)
}

// changeBooks gives every runbook another text, or takes one away.
func (w *world) changeBooks() {
	w.happened(bookChanges)
	w.library = w.libraries[w.rng.IntN(len(w.libraries))]
}

// changeInventory has one server disappear, get another serial number, or get
// the BMC address of another.
func (w *world) changeInventory() {
	w.happened(inventoryNews)
	n := w.rng.IntN(len(w.machines))
	if inc := w.db.ongoing(); len(inc) > 0 && w.chance(0.7) { // just the one that matters
		n = slices.IndexFunc(w.content.Servers, func(s inventory.Server) bool { return s.Name == inc[len(inc)-1].Subject.Name })
	}
	if n < 0 || n >= len(w.content.Servers) {
		return
	}
	before := w.content.Servers
	kind := w.rng.IntN(3)
	w.change(func(servers []inventory.Server) []inventory.Server {
		s := &servers[n]
		switch kind {
		case 0:
			return slices.Delete(servers, n, n+1)
		case 1:
			s.Serial = strings.Replace(s.Serial, "SIM", "NEW", 1)
		case 2:
			other := &servers[(n+1)%len(servers)]
			a, b := *s.BMC, *other.BMC
			a.Address, b.Address = b.Address, a.Address
			s.BMC, other.BMC = &a, &b
		}
		return servers
	})
	w.after(w.between(20*time.Minute, 3*time.Hour), func() {
		w.change(func([]inventory.Server) []inventory.Server { return slices.Clone(before) })
	})
}

// storm sends a firing alert about everything, true or not.
func (w *world) storm() {
	w.happened(storms)
	for _, m := range w.machines {
		for n := range 3 {
			labels := alerts.Labels{"alertname": alerts.ServerUnreachable, "instance": m.address, "n": fmt.Sprint(n)}
			if n > 0 {
				labels["alertname"] = alerts.ServiceDown
			}
			a := w.alert("alertmanager", labels)
			w.after(w.between(0, 30*time.Second), func() { w.deliver(a) })
			a.Status, a.EndsAt = alerts.Resolved, a.StartsAt.Add(5*time.Minute)
			w.after(w.between(3*time.Minute, 10*time.Minute), func() { w.deliver(a) })
		}
	}
}

func (w *world) resolveFirst() {
	w.happened(earlyResolved)
	m := w.machines[w.rng.IntN(len(w.machines))]
	a := w.alert("alertmanager", alerts.Labels{"alertname": alerts.ServerUnreachable, "host": m.name})
	over := a
	over.Status, over.EndsAt = alerts.Resolved, a.StartsAt.Add(time.Minute)
	w.bring(over, 0)
	w.after(time.Second, func() { w.bring(a, 0) })
	w.after(w.between(time.Minute, time.Hour), func() { w.bring(over, 0) })
}

// falseAlarm lets one replica alone hear a server no more.
func (w *world) falseAlarm() {
	m := w.anyMachine(func(m *machine) bool { return m.well(w.now) && m.hands == 0 })
	if m == nil {
		return
	}
	w.happened(falseAlarms)
	if w.chance(0.6) {
		w.replicas[w.rng.IntN(len(w.replicas))].deaf[m.number] = w.now + w.between(2*time.Minute, 40*time.Minute)
	}
	a := w.alert("alertmanager", alerts.Labels{"alertname": alerts.ServerUnreachable, "server": m.name})
	w.deliver(a)
	a.Status, a.EndsAt = alerts.Resolved, w.wall().Add(time.Minute)
	w.after(w.between(5*time.Minute, time.Hour), func() { w.deliver(a) })
}
