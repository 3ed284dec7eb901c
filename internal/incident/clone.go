package incident

import (
	"maps"
	"slices"
)

// Clone returns a copy that Apply can be called on without changing i. What
// Apply only ever replaces as a whole is shared by both; what it changes in
// place is not.
func (i *Incident) Clone() *Incident {
	c := *i
	c.Customers, c.Parts, c.Alerts = slices.Clone(i.Customers), slices.Clone(i.Parts), slices.Clone(i.Alerts)
	c.Reasons = maps.Clone(i.Reasons)
	c.Attentions, c.Told, c.ToldBack = maps.Clone(i.Attentions), maps.Clone(i.Told), maps.Clone(i.ToldBack)
	c.Approval, c.Action, c.Order = clone(i.Approval), clone(i.Action), clone(i.Order)
	c.Armed, c.Undone = clone(i.Armed), clone(i.Undone)
	c.Requesters, c.News, c.Covers, c.Mails = slices.Clone(i.Requesters), slices.Clone(i.News), slices.Clone(i.Covers), slices.Clone(i.Mails)
	c.Devices = slices.Clone(i.Devices)
	if c.Approval != nil {
		c.Approval.Yes = slices.Clone(i.Approval.Yes)
	}
	if c.Review = clone(i.Review); c.Review != nil {
		c.Review.Done, c.Review.DoneAt = maps.Clone(i.Review.Done), maps.Clone(i.Review.DoneAt)
	}
	if c.Duty = clone(i.Duty); c.Duty != nil {
		c.Duty.Reported, c.Duty.ReportedAt = maps.Clone(i.Duty.Reported), maps.Clone(i.Duty.ReportedAt)
	}
	c.Vendors = cloneEach(i.Vendors)
	c.Messages, c.CallTasks, c.Rings = cloneEach(i.Messages), cloneEach(i.CallTasks), cloneEach(i.Rings)
	c.Steps = make(map[string]*Step, len(i.Steps))
	for id, step := range i.Steps {
		c.Steps[id] = clone(step)
	}
	return &c
}

// clone copies what p points to; nil stays nil.
func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func cloneEach[T any](list []*T) []*T {
	copied := slices.Clone(list)
	for n, p := range copied {
		copied[n] = clone(p)
	}
	return copied
}
