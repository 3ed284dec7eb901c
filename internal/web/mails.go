package web

import (
	"time"

	"github.com/spinware/piket/internal/incident"
)

// mailsView is what came by mail, the latest first. Who wrote it is what the mail
// says, and nothing more.
type mailsView struct {
	Waits bool // somebody has to read one of them, and say so by a note
	Mails []receivedView
}

// receivedView is one mail.
type receivedView struct {
	At        time.Time
	Sender    string
	Subject   string
	Words     string
	Remarks   []string
	Automatic bool
}

// maxMailsShown is how many of them the panel shows; the timeline has all.
const maxMailsShown = 20

func mailsOf(h history, _ setting) *mailsView {
	v := &mailsView{}
	for n := len(h.events) - 1; n >= 0 && len(v.Mails) < maxMailsShown; n-- {
		if p, ok := h.events[n].Payload.(incident.MailReceived); ok {
			v.Mails = append(v.Mails, receivedView{
				At: h.events[n].At, Sender: p.Sender(), Subject: p.Subject, Words: p.Words, Remarks: p.Remarks, Automatic: p.Sort == incident.MailAutomatic,
			})
		}
	}
	if len(v.Mails) == 0 {
		return nil
	}
	v.Waits = h.inc.MailWaits()
	return v
}
