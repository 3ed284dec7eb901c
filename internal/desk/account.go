package desk

import (
	"cmp"
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Account is what a customer reads of an incident on a page, in their language
// and by their clock. As in mail, every statement is read off the timeline.
type Account struct {
	Language          string
	Number, Customer  string
	Services          string
	Begun, Back       string // clock times; "" when there is none
	Lasting           string // minutes
	Doing             string // what is done now and by whom, "" once service is back
	Happened          []changed
	Cause, Solution   string
	Prevention        string
	Silent            bool // something that is looked at does not answer
	Complains, Agrees bool // their latest word
	Words             string
}

// AccountFor tells a customer what happened.
func AccountFor(f Facts, c inventory.Customer) Account {
	inc, language := f.Incident, cmp.Or(c.Language, inventory.DefaultLanguage)
	s := tellStory(f, c, language, word{})
	a := Account{
		Language: language, Number: s.Number, Customer: s.Customer, Services: s.Services, Begun: s.Begun, Back: s.Back, Lasting: s.Lasting,
		Cause: s.Cause, Solution: s.Solution, Prevention: s.Prevention, Silent: !inc.Goal.Holds && (inc.Goal.Known || inc.Relapses == 0),
	}
	if inc.Status == incident.Open && !seemsOver(inc) {
		a.Doing = s.Doing
	}
	for _, n := range words[language].changes(inc.News) {
		a.Happened = append(a.Happened, changed{f.clock(n.at), n.text})
	}
	a.Complains = slices.ContainsFunc(inc.Complaints(), func(p incident.CustomerAnswered) bool { return p.Customer == c.Name })
	if answer, ok := answerOf(inc, c.Name); ok {
		a.Agrees, a.Words = answer.Works, answer.Words
	}
	return a
}

// MayAnswer reports whether a customer's yes or no would be taken now.
func MayAnswer(inc *incident.Incident, customer string) bool {
	return mayAnswer(inc, customer, false) == nil
}
