package remediation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
)

// merge makes an incident part of its site's or its rack's. That one is opened
// through the door that every alert uses; it hears first, so that a crash in
// between loses nothing.
func (e *Engine) merge(ctx context.Context, f Facts, reason string) error {
	inc := f.Incident
	parent, err := e.parent(ctx, f, reason)
	if err != nil {
		return err
	}
	handed := []incident.Event{{Actor: incident.Piket, Payload: incident.Absorbed{
		From: inc.ID, Subject: inc.Subject, Customers: inc.Customers, Told: inc.Told,
	}}}
	for _, no := range inc.Complaints() { // nobody looks at them here any more
		handed = append(handed, incident.Event{Actor: incident.Piket, Payload: no}, incident.Event{Actor: incident.Piket, Payload: no.Calls()})
	}
	if _, err = e.Store.Record(ctx, parent, handed...); err != nil {
		return err
	}
	failpoint.Reach(failpoint.MergeAbsorbed)
	return e.append(ctx, inc, incident.Merged{Into: parent, Reason: reason})
}

// parent finds the incident that this one becomes part of, and opens it when it
// is not there.
func (e *Engine) parent(ctx context.Context, f Facts, reason string) (string, error) {
	if f.PartOf != "" {
		return f.PartOf, nil
	}
	around, labels := f.whole()
	err := e.Report(ctx, []alerts.Alert{{
		Source: incident.Piket, Status: alerts.Firing, Labels: labels, Fingerprint: labels.Fingerprint(), StartsAt: f.Incident.VerdictAt,
		Annotations: alerts.Labels{
			"summary": reason + " (seen while looking at " + f.Incident.Subject.Name + ")",
			"servers": f.fallenOf(labels),
		},
	}})
	if err != nil {
		return "", fmt.Errorf("open the incident of %s: %w", around.Name, err)
	}
	failpoint.Reach(failpoint.MergeReported)
	parent, err := e.Store.OpenFor(ctx, around)
	if parent == "" && err == nil { // the whole site's was opened meanwhile, and took the alert in
		parent, err = e.Store.OpenFor(ctx, incident.Subject{Kind: "site", Name: f.Incident.Site})
	}
	if err != nil {
		return "", err
	}
	if parent == "" {
		return "", fmt.Errorf("no incident is open for %s, and none could be opened", around)
	}
	return parent, nil
}

// fallenOf lists the servers that fell together, for the alert that says so; of
// a whole that is silent nobody need be listed.
func (f Facts) fallenOf(labels alerts.Labels) string {
	if labels["alertname"] != alerts.FellTogether {
		return ""
	}
	return strings.Join(append(slices.Clone(f.Fallen), f.Incident.Subject.Name), ",")
}

// whole is what the verdict blames, and the alert that says so. What merely fell
// together is not said to be dead as a whole.
func (f Facts) whole() (incident.Subject, alerts.Labels) {
	subject, labels := f.blamed()
	if c, ok := fellTogether(f); ok && c.Verdict == f.Incident.Verdict.Verdict {
		labels["alertname"] = alerts.FellTogether
	}
	return subject, labels
}

func (f Facts) blamed() (incident.Subject, alerts.Labels) {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	site := f.Incident.Site
	switch v := f.Incident.Verdict.Verdict; {
	case v == incident.VerdictRack && server.Rack != "":
		return incident.Subject{Kind: "rack", Name: server.Rack}, alerts.Labels{"alertname": alerts.RackUnreachable, "site": site, "rack": server.Rack}
	case v == incident.VerdictFeed && len(server.Feeds) == 1:
		return incident.Subject{Kind: "feed", Name: server.Feeds[0]}, alerts.Labels{"alertname": alerts.FeedUnreachable, "site": site, "feed": server.Feeds[0]}
	}
	return incident.Subject{Kind: "site", Name: site}, alerts.Labels{"alertname": alerts.SiteUnreachable, "site": site}
}
