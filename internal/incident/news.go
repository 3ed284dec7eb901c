package incident

import (
	"slices"
	"time"
)

// News is one thing that has happened and that customers may hear of. It is a
// word, not a text: texts are written in the customers' languages elsewhere.
type News struct {
	At   time.Time
	What string
}

// What news there is.
const (
	NewsTaken          = "taken"            // an engineer has it
	NewsServer         = "server"           // the trouble lies with the server
	NewsElsewhere      = "elsewhere"        // with the datacenter or the way there
	NewsAsked          = "asked"            // an engineer was asked for leave to act
	NewsPoweredOn      = "powered-on"       // sent and accepted
	NewsPowerCycled    = "power-cycled"     // the same
	NewsRestarted      = "restarted"        // a service or the machine, over the network
	NewsNotHelped      = "not-helped"       // what was done did not help
	NewsOrdered        = "ordered"          // hands on site were asked
	NewsOnSite         = "on-site"          // they are there
	NewsWorked         = "worked"           // they are done
	NewsFailedAgain    = "failed-again"     // after service had been back
	NewsCustomerSaysNo = "customer-says-no" // a customer said that not everything works
)

// maxNews is more than anybody reads in one mail.
const maxNews = 12

// news notes what customers may hear of. Only what is known is news: a command
// that may not have been carried out is none.
func (i *Incident) news(e Event) {
	what := i.newsOf(e.Payload)
	if what == "" || len(i.News) > 0 && i.News[len(i.News)-1].What == what {
		return
	}
	i.News = append(i.News, News{e.At, what})
	if len(i.News) > maxNews {
		i.News = slices.Clone(i.News[len(i.News)-maxNews:])
	}
}

func (i *Incident) newsOf(p Payload) string {
	switch p := p.(type) {
	case Acknowledged:
		return NewsTaken
	case Concluded:
		return map[Verdict]string{
			VerdictServer: NewsServer, VerdictSite: NewsElsewhere, VerdictRack: NewsElsewhere, VerdictFeed: NewsElsewhere,
		}[p.Verdict]
	case ApprovalRequested:
		return NewsAsked
	case OutcomeRecorded:
		return i.acted(p)
	case StepFailed:
		if a := i.Action; a != nil && a.Step == p.Step && a.Outcome == OutcomeDone {
			return NewsNotHelped
		}
	case WorkOrdered:
		return NewsOrdered
	case OrderProgress:
		return map[string]string{"on_site": NewsOnSite, "done": NewsWorked}[p.State]
	case Relapsed:
		if p.Customer != "" {
			return NewsCustomerSaysNo
		}
		return NewsFailedAgain
	}
	return ""
}

// acted is what was done to a machine, once that is known.
func (i *Incident) acted(p OutcomeRecorded) string {
	a := i.Action
	switch {
	case a == nil || a.Intent != p.Intent || p.Outcome != OutcomeDone:
		return ""
	case a.onBMC():
		return "" // nothing of it shows until the restart
	case a.Action != ActionPower:
		return NewsRestarted
	case a.Verb == "on":
		return NewsPoweredOn
	case a.Verb == "cycle":
		return NewsPowerCycled
	}
	return "" // it is switched on again before anybody is told
}
