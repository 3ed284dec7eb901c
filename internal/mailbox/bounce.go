package mailbox

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/spinware/piket/internal/oneline"
)

// delivery is what a mail server says about one recipient (RFC 3464).
type delivery struct{ recipient, action, status, why string }

// maxDeliveries is how many recipients of one bounce are read.
const maxDeliveries = 100

// deliveries reads the body of a message/delivery-status: groups of fields, of
// which the first is about the message and each other about one recipient.
func deliveries(text string) (list []delivery) {
	for group := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		d := readDelivery(group)
		if d.recipient != "" && len(list) < maxDeliveries {
			list = append(list, d)
		}
	}
	return list
}

func readDelivery(group string) (d delivery) {
	group = strings.NewReplacer("\n ", " ", "\n\t", " ").Replace(group) // folded lines
	for line := range strings.Lines(group) {
		name, value, _ := strings.Cut(line, ":")
		value = oneline.Of(value, maxLineRunes)
		_, typed, _ := strings.Cut(value, ";") // rfc822; somebody@example.net
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "final-recipient":
			d.recipient = strings.TrimSpace(typed)
		case "original-recipient":
			d.recipient = cmp.Or(d.recipient, strings.TrimSpace(typed))
		case "action":
			d.action = strings.ToLower(value)
		case "status":
			d.status = value
		case "diagnostic-code":
			d.why = strings.TrimSpace(typed)
		}
	}
	return d
}

// failed reports whether a delivery-status says that anything was given up: a
// report of a delay or of success is none.
func (l *Letter) failed() bool {
	for _, d := range l.status {
		if d.action == "failed" || d.action == "" {
			return true
		}
	}
	return len(l.status) == 0
}

var (
	someAddress = regexp.MustCompile(`[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9.-]{1,250}\.[A-Za-z]{2,20}`)
	refusal     = regexp.MustCompile(`(?m)^.{0,80}\b[45]\d\d[ -].{0,200}$`)
)

// failure is who did not get a mail and why, as a bounce says it.
type failure struct{ address, why string }

// failures reads a bounce of any form, for a mail of ours that went to some
// addresses. It always returns one at least.
func (l *Letter) failures(to []string) (list []failure) {
	for _, d := range l.status {
		if d.action == "failed" || d.action == "" {
			list = append(list, failure{d.recipient, cmp.Or(d.why, strings.TrimSpace("status "+d.status))})
		}
	}
	if len(list) > 0 {
		return list
	}
	f := failure{why: cmp.Or(oneline.Of(refusal.FindString(l.text), maxLineRunes), l.Subject, "the mail server does not say why")}
	for _, address := range someAddress.FindAllString(l.text, maxReferences) {
		for _, asked := range to {
			if strings.EqualFold(address, asked) {
				f.address = asked
				return []failure{f}
			}
		}
	}
	f.address = strings.Join(to, ", ")
	return []failure{f}
}
