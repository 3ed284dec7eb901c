package remediation

import (
	"context"
	"slices"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// around adds what other incidents mean for this one, unless nothing can follow
// from it now: while the incident sleeps, and before a look, which touches nothing
// and after which others may have gone on.
func (e *Engine) around(ctx context.Context, f *Facts) error {
	if f.Incident.IsDrill() {
		return e.real(ctx, f)
	}
	if f.Incident.Subject.Kind != "server" || !f.Incident.Ongoing() {
		return nil
	}
	if f.Alone = f.asleep() && !f.mayOwe() || f.looksNext(); f.Alone {
		return nil
	}
	return e.surroundings(ctx, f)
}

// mayOwe reports whether something may have to be given or taken back, which nothing
// else that goes on puts to sleep: who is in the rack, and which machine it is, must
// be known then.
func (f Facts) mayOwe() bool {
	return f.Incident.Owes != nil && f.Incident.Power == "off" || f.Incident.Armed != nil
}

// looksNext reports whether a look comes before any decision.
func (f Facts) looksNext() bool {
	f.Alone = true // no guard agrees to anything
	return isLook(Next(f))
}

func isLook(m Move) bool {
	switch m.(type) {
	case Watch, Diagnose:
		return true
	}
	return false
}

// surroundings adds what other incidents mean for this one.
func (e *Engine) surroundings(ctx context.Context, f *Facts) error {
	var err error
	if f.Touched, err = e.Store.Touches(ctx, f.memory()); err != nil {
		return err
	}
	f.Touched = f.asOfNow(f.Touched)
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	f.Others = e.Others(server, f.Now)
	if err := e.fallen(ctx, f); err != nil {
		return err
	}
	if err := e.hands(ctx, f, server); err != nil {
		return err
	}
	if err := e.identity(ctx, f, server.Name); err != nil {
		return err
	}
	if err := e.results(ctx, f, server); err != nil {
		return err
	}
	around := wider(server, f.Incident.Site)
	open, err := e.Store.Ongoing(ctx, around)
	if err != nil {
		return err
	}
	for _, subject := range around {
		wide := open[subject]
		if wide == nil {
			continue
		}
		book, err := e.book(wide.Runbook)
		if err != nil {
			return err
		}
		// What a provider merely announces is for the diagnosis to weigh. What
		// still stands holds, also when most of it seems to be back; what is left
		// over when it no longer stands has a ladder of its own.
		if wide.Ongoing() && wide.Stands() && (book == nil || book.Goal.Service()) {
			f.Around = wide.ID
			if fellApart(wide, f.Incident.Subject) {
				f.PartOf = wide.ID
			}
		}
	}
	return nil
}

// maxFallen bounds how many servers are counted that fell together; no limit
// needs more.
const maxFallen = 100

// fallen adds the servers of the site that fell at about the same time.
func (e *Engine) fallen(ctx context.Context, f *Facts) error {
	inc, within := f.Incident, f.Limits.TogetherWithin
	names, err := e.Store.Fallen(ctx, inc.Site, inc.FellAt.Add(-within), inc.FellAt.Add(within), maxFallen)
	f.Fallen = names
	return err
}

// hands adds who is at work in the server's rack, or may be there: for another
// server of it, for the rack, its feed or its site, also when service is back by
// now and they are not yet done.
func (e *Engine) hands(ctx context.Context, f *Facts, server inventory.Server) error {
	ids, err := e.Store.WithHands(ctx, f.Incident.Site)
	if err != nil {
		return err
	}
	for _, id := range ids {
		inc, err := e.Store.Load(ctx, id)
		if err != nil {
			return err
		}
		if id != f.Incident.ID && inc.AtWork() && beside(f.Inventory, inc.Subject, server, f.Incident.Site) {
			f.Others.Hands = id
			if inc.InRack() {
				f.Others.InRack = id
			}
		}
	}
	return nil
}

// identity adds what people have said of which machine the server is.
func (e *Engine) identity(ctx context.Context, f *Facts, server string) error {
	id, err := e.Store.OpenFor(ctx, incident.Subject{Kind: "identity", Name: server})
	if err != nil || id == "" {
		return err
	}
	record, err := e.Store.Load(ctx, id)
	if err != nil {
		return err
	}
	f.Identity = record.Identity
	return nil
}

// beside reports whether hands that are sent to a subject may be at a server.
func beside(inv *inventory.Inventory, subject incident.Subject, server inventory.Server, site string) bool {
	if other, ok := inv.Server(subject.Name); ok && subject.Kind == "server" {
		return server.Rack != "" && other.Rack == server.Rack
	}
	return slices.Contains(wider(server, site), subject)
}

// maxResults is how many tries of a step are looked back at.
const maxResults = 100

// results adds what each step has been good for on servers of the same class.
// Only what is about to be decided needs it.
func (e *Engine) results(ctx context.Context, f *Facts, server inventory.Server) error {
	if f.Runbook == nil || f.Incident.Verdict.Verdict != incident.VerdictServer || f.Incident.Status != incident.Open {
		return nil
	}
	f.Results = map[string][]*incident.Touch{}
	for _, r := range f.Runbook.Remedies {
		list, err := e.Store.Results(ctx, f.Runbook.Name, r.ID, server.Model, maxResults)
		if err != nil {
			return err
		}
		f.Results[r.ID] = list
	}
	return nil
}

// fellApart reports whether an incident of servers that fell together names
// this one. Nobody but a person ends that one, so that it is no use to wait.
func fellApart(wide *incident.Incident, subject incident.Subject) bool {
	together := slices.ContainsFunc(wide.Firing(), func(a alerts.Alert) bool { return a.Name() == alerts.FellTogether })
	return together && slices.Contains(wide.Parts, subject)
}

// wider lists what a server's failure may be part of.
func wider(server inventory.Server, site string) []incident.Subject {
	list := []incident.Subject{{Kind: "site", Name: site}}
	if len(server.Feeds) == 1 {
		list = append(list, incident.Subject{Kind: "feed", Name: server.Feeds[0]})
	}
	return append(list, incident.Subject{Kind: "rack", Name: server.Rack})
}
