package telephone

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/oneline"
)

// maxSpoken bounds what is said in one go: about a minute and a half.
const maxSpoken = 1500

// script is what somebody hears when they take up the telephone.
func script(inc *incident.Incident, d Due) string {
	if d.Task != "" {
		return oneline.Of(inc.Call(d.Task).Script, maxSpoken)
	}
	said := []string{"This is piket.", fmt.Sprintf("Incident %s, priority %s.", spelled(inc.ID), inc.Priority), strings.TrimRight(inc.Title, ". ") + "."}
	if a := inc.Approval; a != nil && slices.Contains(d.Topics, a.Approval) {
		said = append(said, fmt.Sprintf("piket asks for leave to %s. That cannot be answered by telephone: the question waits on the page.", a.Action))
	}
	for _, topic := range slices.Sorted(maps.Keys(inc.Attentions)) {
		said = append(said, "A person is needed: "+strings.TrimRight(inc.Reasons[topic], ". ")+".")
	}
	return oneline.Of(strings.Join(said, " "), maxSpoken)
}

// spelled has a number such as INC-2026-0001 read out digit by digit.
func spelled(id string) string {
	number := id[strings.LastIndexByte(id, '-')+1:]
	return strings.Join(strings.Split(strings.TrimLeft(number, "0"), ""), " ")
}

// keysFor tells which keys there are.
func keysFor(person bool, language string) string {
	switch {
	case person:
		return "Press 1 to acknowledge, 2 to hear this again, 3 for the next person."
	case language == "nl":
		return "Druk op 1 als u dit gehoord heeft, of op 2 om het nog eens te horen."
	}
	return "Press 1 to say that you have heard this, or 2 to hear it again."
}

// thanks is what is said to a key.
type thanks int

const (
	taken    thanks = iota // the incident is theirs
	noted                  // they have heard, and the incident is somebody's, or not theirs to take
	passed                 // the next person is asked
	unstored               // it could not be written down
	heard                  // a customer has heard
)

var thanksTo = map[thanks]map[string]string{
	taken:    {"en": "Thank you. The incident is yours. Nothing is approved by this call."},
	noted:    {"en": "Thank you. It is noted that you have heard. Nothing is approved by this call."},
	passed:   {"en": "The next person is asked."},
	unstored: {"en": "This could not be written down. Please use the page."},
	heard:    {"en": "Thank you.", "nl": "Dank u wel."},
}

func (t thanks) in(language string) string {
	if text := thanksTo[t][language]; text != "" {
		return text
	}
	return thanksTo[t]["en"]
}
