package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

// earnAfter is how many tries free a step from asking in a world that trusts.
const earnAfter = 10

// trusting is the library with a power cycle that may be earned.
func trusting(shipped *runbooks.Library) (*runbooks.Library, error) {
	library := &runbooks.Library{}
	for _, book := range shipped.Books {
		source := strings.Replace(book.Source, "    attempts: 1\n", fmt.Sprintf("    attempts: 1\n    earn: %d\n", earnAfter), 1)
		if book.Name != "server-unreachable" {
			source = book.Source
		}
		other, err := runbooks.Parse(book.Name+".yml", []byte(source))
		if err != nil {
			return nil, fmt.Errorf("change runbook %s: %w", book.Name, err)
		}
		library.Books = append(library.Books, other)
	}
	return library, nil
}

// pasts are what is remembered of power cycles, newest first: h helped and
// somebody had agreed to it, a helped and nobody had been asked, o was another
// command then, s helped for less than an hour, f failed. Only the first two
// have earned anything.
var pasts = []string{"hhhhhhhhhh", "ahhhhhfhhhha", "hhhhhhhhha", "aaaaaaaaaaaa", "oooooooooooo", "hshhhshhhhhh", "sssshhhhhhhhhhhhhh", "fhfhhhhhhhhhhh", "hhh"}

// remember gives the world a past for each class of server.
func (w *world) remember() {
	w.library = w.libraries[len(w.libraries)-1]
	for class := range 3 {
		model := fmt.Sprintf("model-%d", class)
		for n, letter := range pasts[w.rng.IntN(len(pasts))] {
			id := fmt.Sprintf("INC-2025-%d%03d", class+1, n)
			a := incident.Action{Ended: true, Outcome: incident.OutcomeDone, Result: incident.Helped, Took: 4 * time.Minute, PlannedAt: w.began.Add(-time.Duration(n+10) * 24 * time.Hour)}
			a.ClaimedAt, a.SettledAt = a.PlannedAt, a.PlannedAt
			a.Intended = incident.Intended{
				Intent: id + "/I9", Step: "power-cycle", Attempt: 1, Server: "server-00", Action: "power", Verb: "cycle",
				Runbook: "server-unreachable", Class: model, Approval: id + "/A7",
			}
			switch letter {
			case 'a':
				a.Approval = ""
			case 'o':
				a.Verb = "off"
			case 's':
				a.Result = incident.ShortLived
			case 'f':
				a.Result = incident.Failed
			}
			w.db.note(&incident.Touch{Incident: id, Action: a})
		}
	}
}

// earned reports whether the record frees an intent from asking: of the last
// tries that were agreed to, or did not help, nine in ten did.
func (w *world) earned(i incident.Intended) bool {
	tries, helped := 0, 0
	for _, t := range w.db.results(i.Runbook, i.Step, i.Class, len(w.db.touches)) {
		good := t.Result == incident.Helped
		if t.Intent == i.Intent || good && (t.Verb != i.Verb || t.Approval == "" && t.Unasked == "") {
			continue
		}
		if tries++; good {
			helped++
		}
		if tries == earnAfter {
			return helped*10 >= earnAfter*9
		}
	}
	return false
}

// checkLasting: what a server was helped by has not helped when it fails again
// within the hour.
func (w *world) checkLasting(inc *incident.Incident, at time.Time) {
	restored := w.watch.restored[inc.ID]
	if a := inc.Action; a != nil && a.Result == incident.Helped && at.Sub(restored) < incident.Lasting && !restored.Before(a.PlannedAt) {
		w.violate("P3", "%s counts as help for %s, which failed again after %v", a.Intent, inc.ID, at.Sub(restored))
	}
}
