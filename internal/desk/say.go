package desk

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

var (
	// ErrNotNow says that the incident is not in a state in which this can be
	// said. Look at it again.
	ErrNotNow = errors.New("not possible at this point of the incident")
	// ErrRole says that the person's role does not allow it.
	ErrRole = errors.New("your role does not allow this")
	// ErrIncomplete says what is missing in what was said.
	ErrIncomplete = errors.New("something is missing")
)

// maxWordsRunes bounds what a person may write in one go.
const maxWordsRunes = 4000

// Acknowledge takes the incident.
func Acknowledge(inc *incident.Incident, by inventory.Person) ([]incident.Payload, error) {
	switch {
	case !by.Has(inventory.Engineer):
		return nil, ErrRole
	case !inc.Ongoing():
		return nil, fmt.Errorf("acknowledge: %w: it is %s", ErrNotNow, inc.Status)
	case inc.Owner == by.Name:
		return nil, fmt.Errorf("acknowledge: %w: you have it already", ErrNotNow)
	}
	return []incident.Payload{incident.Acknowledged{By: by.Name}}, nil
}

// Note adds a remark; everybody may.
func Note(inc *incident.Incident, by inventory.Person, words string) ([]incident.Payload, error) {
	words, err := said(words, "the note")
	if err != nil {
		return nil, err
	}
	return []incident.Payload{incident.Note{By: by.Name, Words: words}}, nil
}

// Close records the full description and closes. Service must be back, the
// closure check passed and the customers content [2.5, 6.6]; who closes without
// their yes says why, in r.Unconfirmed. Measures that are not described are those
// of the timeline. What cannot be checked (nothing answers any more,
// no runbook says what to check) is closed by an engineer who says why, in
// r.Unchecked, once nobody and nothing is at work on it.
func Close(inc *incident.Incident, by inventory.Person, r incident.Resolution) ([]incident.Payload, error) {
	if !leads(by) || clip(r.Unchecked) != "" && !by.Has(inventory.Engineer) {
		return nil, ErrRole
	}
	r = incident.Resolution{
		Cause: clip(r.Cause), Measures: cmp.Or(clip(r.Measures), Draft(inc).Measures), Solution: clip(r.Solution), Prevention: clip(r.Prevention),
		Unchecked: clip(r.Unchecked), Unconfirmed: clip(r.Unconfirmed), By: by.Name,
	}
	may := closable(inc)
	switch {
	case r.Unchecked != "":
		may = closableUnchecked(inc)
	case may == nil && r.Unconfirmed == "":
		may = confirmed(inc)
	case inc.Confirmed():
		r.Unconfirmed = "" // their yes came in between
	}
	switch {
	case may != nil:
		return nil, fmt.Errorf("close: %w", may)
	case r.Cause == "":
		return nil, fmt.Errorf("close: %w: the cause", ErrIncomplete)
	case r.Solution == "":
		return nil, fmt.Errorf("close: %w: the solution", ErrIncomplete)
	case r.Prevention == "" && r.Unchecked == "":
		return nil, fmt.Errorf("close: %w: what prevents it next time, or why nothing can", ErrIncomplete)
	}
	return []incident.Payload{r, incident.Closed{By: by.Name}}, nil
}

// leads reports whether a person may end incidents, settle what customers report,
// write reviews and close the evaluation of the policy: an engineer, or the
// incident manager [4.1].
func leads(p inventory.Person) bool { return p.Has(inventory.Engineer, inventory.Manager) }

// confirmed says why an incident is not closed on the customers' word, nil when
// it is.
func confirmed(inc *incident.Incident) error {
	if inc.Confirmed() {
		return nil
	}
	return fmt.Errorf("%w: %s has not said that everything works; say in \"unconfirmed\" why it is closed without", ErrNotNow, strings.Join(inc.Unconfirmed(), ", "))
}

// noTrouble reports whether a record is of a date or a roster. A drill is handled
// as trouble is.
func noTrouble(inc *incident.Incident) bool { return inc.Subject.NoTrouble() && !inc.IsDrill() }

// errNoTrouble says that a record of a date or a roster ends by itself, or never.
var errNoTrouble = fmt.Errorf("%w: it is about no trouble", ErrNotNow)

// closable says why an incident cannot be closed in the ordinary way, nil when
// it can.
func closable(inc *incident.Incident) error {
	switch complaints := inc.Complaints(); {
	case noTrouble(inc):
		return errNoTrouble
	case len(complaints) > 0 && inc.Ongoing():
		return fmt.Errorf("%w: %s says that not everything works; settle that first", ErrNotNow, complaints[0].Customer)
	case inc.AtWork():
		return fmt.Errorf("%w: hands are at work in its rack; record how that ended first", ErrNotNow)
	case inc.Runbook.Hash == "" && inc.Status == incident.Open && len(inc.Firing()) == 0:
		return nil // no runbook checks it; a person's word and the resolved alerts are all there is
	case inc.Status != incident.BackInService:
		return fmt.Errorf("%w: service is not back", ErrNotNow)
	case inc.Armed != nil:
		return fmt.Errorf("%w: %s, and that is not taken back yet", ErrNotNow, inc.Armed.What())
	case inc.Closure == nil || !inc.Closure.Passed:
		return fmt.Errorf("%w: the closure check has not passed yet", ErrNotNow)
	}
	return nil
}

// closableUnchecked says why an incident cannot be closed on an engineer's word
// alone, nil when it can. A machine that piket is acting on, or that hands are
// at, must not be left by itself half way.
func closableUnchecked(inc *incident.Incident) error {
	switch {
	case !inc.Ongoing():
		return fmt.Errorf("%w: it is %s", ErrNotNow, inc.Status)
	case noTrouble(inc):
		return errNoTrouble
	case closable(inc) == nil:
		return fmt.Errorf("%w: nothing is missing, so close it without \"unchecked\"", ErrNotNow)
	case inc.Action.Live():
		return fmt.Errorf("%w: piket is acting on %s", ErrNotNow, inc.Action.Server)
	case inc.Owes != nil && inc.Power != "on":
		return fmt.Errorf("%w: piket cut the power of %s and has not seen it on since", ErrNotNow, inc.Owes.Server)
	case inc.Armed != nil && inc.Armed.Tries < incident.TakeBacks:
		return fmt.Errorf("%w: %s, and piket is still to take that back", ErrNotNow, inc.Armed.What())
	case len(inc.OpenOrders()) > 0:
		return fmt.Errorf("%w: work order %s is not over; record how that ended first", ErrNotNow, inc.OpenOrders()[0].Order)
	}
	return nil
}

// said checks that something was written.
func said(words, what string) (string, error) {
	words = clip(words)
	if words == "" {
		return "", fmt.Errorf("%w: %s", ErrIncomplete, what)
	}
	return words, nil
}

func clip(words string) string {
	runes := []rune(strings.TrimSpace(words))
	return string(runes[:min(len(runes), maxWordsRunes)])
}

// Draft proposes cause, measures and solution from the timeline, for a person to correct
// and sign.
func Draft(inc *incident.Incident) incident.Resolution {
	r := incident.Resolution{Cause: inc.Title, Solution: "Service came back by itself; nothing was done."}
	if v := inc.Verdict; v.Reason != "" && v.Verdict != incident.VerdictRecovered {
		r.Cause += " (" + v.Reason + ")"
	}
	switch a, o := inc.LastTried(), inc.Order; {
	case o != nil && o.State == "done":
		r.Solution = "A technician worked on site: " + o.Words
	case a != nil && !a.Voided && a.Outcome == incident.OutcomeDone:
		r.Solution = "piket did: " + a.What() + "."
	}
	var measures []string
	for _, c := range words["en"].changes(inc.News) {
		measures = append(measures, c.at.UTC().Format("15:04 UTC")+" "+c.text)
	}
	r.Measures = cmp.Or(strings.Join(measures, " "), "Nothing was done.")
	return r
}
