package inventory

import "slices"

func (c *checker) site(s *Site) {
	c.line("title", &s.Title)
	for i := range s.Racks {
		c.line("room", &s.Racks[i].Room)
	}
	if s.Gateway != nil {
		c.endpoint(s.Gateway, "")
	}
	if s.StatusPage != nil {
		c.url("url", &s.StatusPage.URL)
		c.line("component", &s.StatusPage.Component)
	}
	if s.RemoteHands != nil {
		c.line("name", &s.RemoteHands.Name)
		c.line("reference", &s.RemoteHands.Reference)
		c.mails(s.RemoteHands.Email)
		c.telephone(&s.RemoteHands.Telephone)
	}
}

// Languages that customers are written to in.
var Languages = []string{"nl", "en"}

func (c *checker) customer(customer *Customer) {
	c.line("title", &customer.Title)
	c.word("language", &customer.Language, Languages)
	c.mails(customer.Email)
	c.telephone(&customer.Telephone)
}

func (c *checker) person(p *Person) {
	c.line("title", &p.Title)
	c.mail(&p.Email)
	c.telephone(&p.Telephone)
	for i := range p.Roles {
		if role := &p.Roles[i]; *role != "" && !slices.Contains(Roles, *role) {
			c.problems.AddUnknown(c.doc.At(role), "role", string(*role), roleWords())
		}
	}
}

// team checks that those on duty belong to it: they are the first of its
// members to be asked.
func (c *checker) team(t *Team) {
	c.line("title", &t.Title)
	c.references("person", t.Members, c.people)
	c.references("person", t.OnDuty, c.people)
	for i := range t.OnDuty {
		if _, known := c.people[t.OnDuty[i]]; known && !slices.Contains(t.Members, t.OnDuty[i]) {
			c.add(&t.OnDuty[i], "person %q is on duty for team %q and not a member of it", t.OnDuty[i], t.Name)
		}
	}
}
