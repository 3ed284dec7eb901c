package mailbox

import (
	"slices"
	"strings"

	"github.com/spinware/piket/internal/notify"
)

// Kind is what a mail is, whatever it is about.
type Kind string

// The kinds. Only a person's mail is ever answered.
const (
	Loop      Kind = "loop"      // one of piket's own that came back
	Bounce    Kind = "bounce"    // a mail of piket's could not be delivered
	Automatic Kind = "automatic" // a program answers, or a list sends: out of office, newsletters, read receipts
	Personal  Kind = "personal"  // somebody wrote it
)

// kindOf tells what a letter is. The first that fits is used.
func (o Ours) kindOf(l Letter) Kind {
	switch {
	case o.loops(l):
		return Loop
	case l.report == "delivery-status" && l.failed():
		return Bounce
	case l.report != "": // delayed and not yet given up, or a read receipt
		return Automatic
	case l.fromSystem() && !l.submittedByMachine("auto-replied"):
		return Bounce
	case l.nullSender && len(o.in(l.text)) > 0 && !l.automatic():
		return Bounce
	case l.automatic() || l.nullSender:
		return Automatic
	}
	return Personal
}

// loops reports whether a letter was sent by piket itself.
func (o Ours) loops(l Letter) bool {
	for fields := l.header.FieldsByKey(notify.LoopHeader); fields.Next(); {
		if strings.EqualFold(strings.TrimSpace(fields.Value()), o.From) {
			return true
		}
	}
	return strings.EqualFold(l.From, o.From)
}

// fromSystem reports whether a mail server itself says it wrote a letter.
func (l *Letter) fromSystem() bool {
	local, _, _ := strings.Cut(strings.ToLower(l.From), "@")
	return local == "mailer-daemon" || local == "postmaster" && l.nullSender
}

// submittedByMachine reports whether Auto-Submitted says any of these (RFC 3834).
func (l *Letter) submittedByMachine(words ...string) bool {
	value, _, _ := strings.Cut(strings.ToLower(l.header.Get("Auto-Submitted")), ";")
	return slices.Contains(words, strings.TrimSpace(value))
}

// precedences are those that nothing a person wrote has.
var precedences = []string{"bulk", "junk", "list", "auto_reply", "auto-reply"}

// machineFields are header fields that only programs write: of vacation programs,
// and of mailing lists (RFC 2369, RFC 2919).
var machineFields = []string{
	"X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply", "X-Mail-Autoreply", "X-Vacation",
	"List-Id", "List-Unsubscribe", "List-Post", "List-Help", "List-Subscribe", "List-Owner", "List-Archive",
	"Feedback-Id", "X-Feedback-Id",
}

// awaySubjects begin the subjects of answers whose program says nowhere else that
// it is one.
var awaySubjects = []string{
	"out of office", "automatic reply", "auto reply", "autoreply", "auto:", "afwezig", "automatisch antwoord", "automatische reactie",
	"niet aanwezig", "abwesend", "automatische antwort",
}

// automatic reports whether a program wrote a letter, as far as it says so.
func (l *Letter) automatic() bool {
	submitted, given := l.field("Auto-Submitted")
	if given && !strings.EqualFold(submitted, "no") {
		return true
	}
	if slices.Contains(precedences, strings.ToLower(l.header.Get("Precedence"))) {
		return true
	}
	if slices.ContainsFunc(machineFields, l.header.Has) {
		return true
	}
	subject := strings.ToLower(l.Subject)
	return slices.ContainsFunc(awaySubjects, func(words string) bool { return strings.HasPrefix(subject, words) })
}

// unanswerable reports whether nobody reads what goes to a letter's sender.
func (l *Letter) unanswerable() bool {
	local, _, _ := strings.Cut(strings.ToLower(l.From), "@")
	local = strings.NewReplacer("-", "", "_", "", ".", "").Replace(local)
	return l.From == "" || l.MessageID == "" || strings.Contains(local, "noreply") || strings.Contains(local, "donotreply") ||
		local == "postmaster" || l.header.Has("X-Auto-Response-Suppress")
}
