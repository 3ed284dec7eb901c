package statuspage

import (
	"fmt"
	"regexp"
	"strings"
)

// isHTML: a page for people is read by its words, in Dutch and English. It is
// the last resort: menus, legends and forms speak of outages every day, so
// they are left out, and a page that says neither word is an error.
func isHTML(d document) bool { return d.kind == markup && !isFeed(d) && d.root != "" }

var (
	// well is what a page says when nothing is wrong; it names what is not.
	well = regexp.MustCompile(`\b(geen|zonder|no|without)\b( \pL+){0,3} (storing(en)?|verstoring(en)?|onderbreking(en)?|meldingen|incidenten|incidents?|outages?|issues|problemen|problems|disruptions?|maintenance|onderhoud|werkzaamheden)\b(,? (of|en|or|and|noch|nor)( \pL+){0,2} (storing(en)?|verstoring(en)?|meldingen|incidenten|incidents?|outages?|issues|problemen|disruptions?|maintenance|onderhoud|werkzaamheden)\b)*` +
		`|\b(all|alle)( \pL+){0,2} (systems|services|systemen|diensten)( \pL+){0,2} (are )?(operational|operationeel|online|beschikbaar|up)\b|\b(fully|volledig) (operational|operationeel)\b|\bwerk(t|en) (alles|naar behoren)\b|\balles werkt\b`)
	// asks are calls to the reader that use the same words.
	asks = regexp.MustCompile(`\b(een |uw |je |a |an )?(storing|incident|outage|issue|problem|probleem) (melden|doorgeven|aanmelden)\b|\bmeld( \pL+){0,2} (storing|probleem)\b|\breport( \pL+){0,2} (outage|incident|issue|problem)\b|\b(storingsdienst|storingsnummer|onderhoudscontract|maintenance contract)\b|\b(bij|in case of|in geval van)( \pL+){0,2} (storing(en)?|outages?|an outage)\b|\b(storings|incident|outage)[- ]?(overzicht|historie|archief|history|archive)\b`)

	trouble  = regexp.MustCompile(`\b(\pL*(storing(en)?|uitval|onderbreking(en)?)|outages?|disruptions?|degraded|downtime|unavailable|onbereikbaar|incidents?|incidenten)\b`)
	grave    = regexp.MustCompile(`\b(grote|volledige|major|full|complete|total)( \pL+)? (\pL*storing|uitval|outage)\b`)
	work     = regexp.MustCompile(`\b(\pL*onderhoud(swerkzaamheden)?|werkzaamheden|maintenance)\b`)
	ahead    = regexp.MustCompile(`\b(gepland(e)?|aangekondigd(e)?|aankomend(e)?|komend(e)?|planned|scheduled|upcoming)\b`)
	underway = regexp.MustCompile(`\b(bezig|gaande|momenteel|op dit moment|in progress|ongoing|currently|under)\b`)

	done    = regexp.MustCompile(`\b(opgelost|verholpen|afgerond|hersteld|beëindigd|voltooid|afgesloten|resolved|completed|closed|fixed|restored|postmortem|mitigated|abgeschlossen|beendet|behoben|gelöst)\b`)
	notDone = regexp.MustCompile(`\b(not|niet|nicht|noch|nog|until|totdat|tot|once|zodra|sobald|will be|to be|wordt|worden|wird|verwacht\pL*|expected)\b[^.;]{0,40}$`)
)

// saysOver reports whether text says that what it speaks of has ended, and not
// that it will.
func saysOver(text string) bool {
	text = strings.ToLower(text[:min(len(text), maxBlock)])
	at := done.FindStringIndex(text)
	return at != nil && !notDone.MatchString(text[:at[0]])
}

// readHTML takes each block of visible text for one announcement. A block that
// says it is over also ends the one before it: heading and text are two.
func readHTML(d document) (Page, error) {
	blocks, err := visibleBlocks(d.text)
	if err != nil {
		return Page{}, err
	}
	page := Page{Overall: Level{}}
	for _, block := range blocks {
		said, ok := sayingOf(block, &page)
		if ok && said.Phase == Over && len(page.Events) > 0 {
			page.Events[len(page.Events)-1].Phase = Over
		}
		if ok && said.Kind != "" {
			page.Events = append(page.Events, said)
		}
	}
	if page.Overall.Status == Unknown && len(page.Events) == 0 {
		return Page{}, fmt.Errorf("%w: it is a page for people that says neither that something is wrong nor that nothing is", ErrFormat)
	}
	return page, nil
}

// sayingOf reads one block. It notes on the page that all is said to be well,
// and returns an event without a kind for one that only says it is over.
func sayingOf(block string, page *Page) (Event, bool) {
	text := asks.ReplaceAllString(strings.ToLower(block), " ")
	if well.MatchString(text) {
		page.Overall = Level{Status: Operational}
		text = well.ReplaceAllString(text, " ")
	}
	e := Event{Title: block}
	over := saysOver(text)
	if over {
		e.State, e.Phase = "resolved", Over
	}
	switch {
	case work.MatchString(text):
		e.Kind, e.Impact = Maintenance, Level{Status: UnderMaintenance}
		switch {
		case over:
		case underway.MatchString(text):
			e.Phase = Underway
		case ahead.MatchString(text):
			e.Phase = Ahead
		default:
			e.Kind = Information // a word without a time proves nothing
		}
	case trouble.MatchString(text):
		e.Kind, e.Impact = Incident, Level{Status: Degraded}
		if grave.MatchString(text) {
			e.Impact.Status = MajorOutage
		}
	default:
		return e, over
	}
	return e, true
}
