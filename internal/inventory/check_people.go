package inventory

import (
	"net/url"
	"slices"
	"time"

	"github.com/spinware/piket/internal/yamlpos"
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
		c.remoteHands(s.RemoteHands)
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
	c.onDuty(t, t.OnDuty)
	if t.Rotation != nil {
		c.rotation(t, t.Rotation)
	}
	c.receivers(t)
}

// receivers remembers where each stands: whether there is one of that name is
// known to who has read the configuration.
func (c *checker) receivers(t *Team) {
	for i := range t.Receivers {
		t.receiversAt = append(t.receiversAt, c.doc.At(&t.Receivers[i]))
		if slices.Contains(t.Receivers[:i], t.Receivers[i]) && t.Receivers[i] != "" {
			c.add(&t.Receivers[i], "receiver %q stands in this list twice", t.Receivers[i])
		}
	}
}

// CheckReceivers says which teams name a receiver that is not one of known. The
// error is of type yamlpos.Problems.
func (inv *Inventory) CheckReceivers(known []string) error {
	var problems yamlpos.Problems
	for _, t := range inv.Teams {
		for i, name := range t.Receivers {
			if !slices.Contains(known, name) {
				problems.AddUnknown(t.receiversAt[i], "receiver", name, known)
			}
		}
	}
	return problems.Err()
}

func (c *checker) onDuty(t *Team, names []string) {
	c.references("person", names, c.people)
	for i := range names {
		if _, known := c.people[names[i]]; known && !slices.Contains(t.Members, names[i]) {
			c.add(&names[i], "person %q is on duty for team %q and not a member of it", names[i], t.Name)
		}
	}
}

// maxRotationDays bounds how long one person has the duty: more is a typing
// error, or inhuman.
const maxRotationDays = 31

func (c *checker) rotation(t *Team, r *Rotation) {
	r.zone = c.location(&r.Location)
	if r.ICal != nil {
		c.calendar(r)
		return
	}
	for _, key := range []struct {
		name string
		gone bool
	}{{"people", len(r.People) == 0}, {"from", r.From.IsZero() && !c.doc.Given(&r.From)}, {"location", r.Location == ""}} {
		if key.gone {
			c.hint(r, "name people, from and location, or the calendar of another tool with ical", "missing key %q", key.name)
		}
	}
	c.onDuty(t, r.People)
	if c.given(&r.Days, r.Days == 0) && (r.Days < 1 || r.Days > maxRotationDays) {
		c.add(&r.Days, "days is %d, want 1 to %d", r.Days, maxRotationDays)
	}
}

// calendar checks where another tool's calendar lies.
func (c *checker) calendar(r *Rotation) {
	if len(r.People) > 0 || !r.From.IsZero() || c.given(&r.Days, r.Days == 0) || c.given(&r.At, r.At == 0) {
		c.add(r, "with ical, the calendar says whose turn it is: leave out people, from, days and at")
	}
	given := 0
	for _, is := range []bool{r.ICal.URL != "", !r.ICal.SecretURL.IsZero(), r.ICal.File != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		c.add(r.ICal, "ical: want one of url, secret_url_file and file")
	}
	if u, err := url.Parse(r.ICal.URL); r.ICal.URL != "" && (err != nil || !CalendarAddress(u)) {
		c.add(&r.ICal.URL, "url: want an address such as https://calendar.example.net/duty.ics")
	}
}

// location reads the name of a time zone. It is nil when there is none of that
// name, which is reported.
func (c *checker) location(name *string) *time.Location {
	const hint = "write UTC, or a name such as Europe/Amsterdam"
	if *name == "" {
		return nil
	}
	if *name == "Local" {
		c.hint(name, hint, "location Local is another on every machine")
		return nil
	}
	zone, err := time.LoadLocation(*name)
	if err != nil {
		c.hint(name, hint, "there is no location %q", *name)
	}
	return zone
}
