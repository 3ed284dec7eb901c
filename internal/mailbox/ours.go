package mailbox

import (
	"regexp"
	"strings"
)

// Ours knows piket's own mails again.
type Ours struct {
	From   string                          // the address that they are from
	Marked func(message, mark string) bool // whether a mark is that of a message; see signed.Key.Mark
}

var (
	idForm  = regexp.MustCompile(`<[!-;=?-~]{1,250}>`)
	ourForm = regexp.MustCompile(`(?i)\b(INC-\d{4}-\d{4,9})(?:\.([MD]\d{1,9})(?:\.([0-9a-f]{24}))?)?@([a-z0-9.-]{1,250})`)
	number  = regexp.MustCompile(`(?i)\bINC-\d{4}-\d{4,9}\b`)
)

// messageIDs returns the Message-IDs that stand in a header field.
func messageIDs(field string) []string {
	return idForm.FindAllString(field, maxReferences)
}

func firstID(field string) string {
	if ids := messageIDs(field); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// named is one of our mails, as a stranger names it.
type named struct {
	incident string
	message  string // "" when only the incident is named
	proved   bool   // the stranger had that message: its name cannot be guessed
}

// in returns the mails of ours that a text names, the proved ones first.
func (o Ours) in(text string) []named {
	var proved, others []named
	for _, m := range ourForm.FindAllStringSubmatch(text, maxReferences) {
		if !strings.EqualFold(m[4], o.domain()) {
			continue
		}
		n := named{incident: strings.ToUpper(m[1])}
		if m[2] != "" {
			n.message = n.incident + "/" + strings.ToUpper(m[2])
			n.proved = m[3] != "" && o.Marked(n.message, strings.ToLower(m[3]))
		}
		if n.proved {
			proved = append(proved, n)
		} else {
			others = append(others, n)
		}
	}
	return append(proved, others...)
}

func (o Ours) domain() string { return o.From[strings.LastIndexByte(o.From, '@')+1:] }

// about returns which incident a letter is about, by the mail of ours that it
// answers or else by the number in its subject. The incident may not exist.
func (o Ours) about(l Letter) (n named, ok bool) {
	if list := o.in(strings.Join(l.References, " ")); len(list) > 0 {
		return list[0], true
	}
	if id := number.FindString(l.Subject); id != "" {
		return named{incident: strings.ToUpper(id)}, true
	}
	return named{}, false
}
