package inventory

import (
	"slices"
	"time"
)

func (c *checker) site(s *Site) {
	c.line("title", &s.Title)
	for i := range s.Racks {
		c.line("room", &s.Racks[i].Room)
		c.feedsOn(s.Name, s.Racks[i].Feeds)
	}
	for i := range s.Feeds {
		c.line("title", &s.Feeds[i].Title)
	}
	if s.Gateway != nil {
		c.endpoint(s.Gateway, "")
		c.noHeartbeat(s.Gateway)
	}
	if s.StatusPage != nil {
		c.statusPage(s.StatusPage, s)
	}
	if s.RemoteHands != nil {
		c.line("name", &s.RemoteHands.Name)
		c.line("reference", &s.RemoteHands.Reference)
		c.mails(s.RemoteHands.Email)
		c.telephone(&s.RemoteHands.Telephone)
	}
}

// feedsOn checks the feeds that something on a site hangs on. A feed of another
// site would explain failures that it has nothing to do with.
func (c *checker) feedsOn(site string, feeds []string) {
	c.references("feed", feeds, c.feeds)
	for i := range feeds {
		if on, ok := c.siteOfFeed[feeds[i]]; ok && site != "" && on != site {
			c.add(&feeds[i], "feed %q is on site %q, not on %q", feeds[i], on, site)
		}
	}
}

// mark checks a reference. A machine of the inventory is none: it is what the
// references are there to judge.
func (c *checker) mark(r *Reference) {
	c.word("side", &r.Side, []string{Near, Far})
	if r.Probe.Check != "" {
		c.endpoint(&r.Probe, "")
	}
}

// Languages that customers are written to in.
var Languages = []string{"nl", "en"}

func (c *checker) customer(customer *Customer) {
	c.line("title", &customer.Title)
	c.word("language", &customer.Language, Languages)
	c.mails(customer.Email)
	c.telephone(&customer.Telephone)
	c.notify(&customer.Notify)
}

func (c *checker) person(p *Person) {
	c.line("title", &p.Title)
	c.notOnDuty("person", &p.Name)
	c.mail(&p.Email)
	c.telephone(&p.Telephone)
	for i := range p.Roles {
		if role := &p.Roles[i]; *role != "" && !slices.Contains(Roles, *role) {
			c.problems.AddUnknown(c.doc.At(role), "role", string(*role), roleWords())
		}
	}
}

// notOnDuty keeps the word that stands for whoever is on duty free.
func (c *checker) notOnDuty(what string, name *string) {
	if *name == OnDutyPeople {
		c.add(name, "%s name %q stands for whoever is on duty; choose another", what, *name)
	}
}

// What there may be between asking one person and asking the next: time to read,
// and not a whole night.
const (
	minEscalateAfter = 30 * time.Second
	maxEscalateAfter = time.Hour
)

// team checks that those on duty belong to it: they are the first of its
// members to be asked.
func (c *checker) team(t *Team) {
	c.line("title", &t.Title)
	c.notOnDuty("team", &t.Name)
	if after := t.EscalateAfter; c.given(&t.EscalateAfter, after == 0) && (after < minEscalateAfter || after > maxEscalateAfter) {
		c.add(&t.EscalateAfter, "escalate_after is %v, want %v to %v", after, minEscalateAfter, maxEscalateAfter)
	}
	c.references("person", t.Members, c.people)
	c.references("person", t.OnDuty, c.people)
	for i := range t.OnDuty {
		if _, known := c.people[t.OnDuty[i]]; known && !slices.Contains(t.Members, t.OnDuty[i]) {
			c.add(&t.OnDuty[i], "person %q is on duty for team %q and not a member of it", t.OnDuty[i], t.Name)
		}
	}
}
