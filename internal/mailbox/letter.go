package mailbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // every charset that mail still comes in
	"github.com/emersion/go-message/mail"

	"github.com/spinware/piket/internal/oneline"
)

// Letter is what is read of one mail. Everything in it was written by a stranger.
type Letter struct {
	From       string   // the one address it says it is from; "" when there is none, or several
	Subject    string   // one line
	Date       string   // as it stands in the header
	MessageID  string   // with its angle brackets, "" for none that could stand in a header of ours
	References []string // the mails that it says it answers, the nearest first
	Recipients int

	Words       string   // what it says, without what it quotes
	Attachments int      // parts that are not read
	Remarks     []string // what a reader must know besides

	header     message.Header
	nullSender bool       // nobody wants to hear if it cannot be delivered
	text       string     // all its text, as far as it is kept
	returned   string     // of a bounce: what came back
	status     []delivery // of a bounce: to whom
	report     string     // the report-type of a multipart/report
}

// Bounds of one mail. What is beyond them stays in the mailbox, and the letter
// says so.
const (
	maxHeaderBytes = 2 << 20 // ten thousand recipients are half a megabyte
	maxTextBytes   = 64 << 10
	maxHTMLBytes   = 512 << 10
	maxDepth       = 20  // multiparts within each other
	maxParts       = 500 // in all
	maxWordsRunes  = 4000
	maxLineRunes   = 200 // of a subject, a name, a reason
	maxReferences  = 100
	many           = 50 // recipients that are worth a remark
)

// Read reads a mail from a stream, to its end or as far as its bounds allow: never
// more than some hundred kilobytes of it are held at a time, however large it is. It
// always returns what could be read: a mail that is broken is still a mail.
// nullSender says that it came without a return path.
func Read(r io.Reader, nullSender bool) Letter {
	l := Letter{nullSender: nullSender}
	root, err := message.ReadWithOptions(r, &message.ReadOptions{MaxHeaderBytes: maxHeaderBytes})
	if root == nil {
		l.remark("its header cannot be read: %v", err)
		return l
	}
	l.header = root.Header
	l.readHeader()
	c := collector{letter: &l}
	c.part(root, 0)
	c.settle()
	return l
}

func (l *Letter) remark(format string, args ...any) {
	l.Remarks = append(l.Remarks, oneline.Of(fmt.Sprintf(format, args...), maxLineRunes))
}

func (l *Letter) readHeader() {
	h := mail.Header{Header: l.header}
	if from, err := h.AddressList("From"); err == nil && len(from) == 1 {
		l.From = oneline.Of(from[0].Address, maxLineRunes)
	} else {
		l.remark("it does not say from whom it is")
	}
	subject, err := h.Subject()
	if err != nil {
		subject = h.Get("Subject")
	}
	l.Subject, l.Date = oneline.Of(subject, maxLineRunes), h.Get("Date")
	l.MessageID = firstID(h.Get("Message-Id"))
	l.References = append(messageIDs(h.Get("In-Reply-To")), messageIDs(h.Get("References"))...)
	for _, field := range []string{"To", "Cc"} {
		l.Recipients += strings.Count(h.Get(field), "@")
	}
	if l.Recipients > many {
		l.remark("it went to %d recipients", l.Recipients)
	}
	if path, given := l.field("Return-Path"); given && strings.Trim(path, " <>") == "" {
		l.nullSender = true
	}
}

// field returns a header field, and whether it is there.
func (l *Letter) field(name string) (value string, given bool) {
	return strings.TrimSpace(l.header.Get(name)), l.header.Has(name)
}

// Key names the mail: the same whenever and by whomever it is read, and another
// one for another mail, also where a program gives all its mails one Message-ID.
func (l *Letter) Key() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{l.MessageID, l.From, l.Date, l.Subject, l.text}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// collector gathers the text of a mail while its parts go by.
type collector struct {
	letter *Letter
	plain  strings.Builder
	html   strings.Builder
	parts  int
	inside bool // a multipart/report
}

// part reads one part, and those within it.
func (c *collector) part(e *message.Entity, depth int) {
	if c.parts++; c.parts > maxParts || depth > maxDepth {
		if c.parts == maxParts+1 || depth == maxDepth+1 {
			c.letter.remark("it has more parts within each other than are read")
		}
		return
	}
	kind, params, err := e.Header.ContentType()
	if err != nil {
		kind = "text/plain"
	}
	kind = strings.ToLower(kind)
	if many := e.MultipartReader(); many != nil {
		if kind == "multipart/report" {
			c.inside, c.letter.report = true, strings.ToLower(params["report-type"])
		}
		c.multipart(many, depth)
		return
	}
	c.leaf(e, kind)
}

func (c *collector) multipart(r message.MultipartReader, depth int) {
	for c.parts <= maxParts {
		e, err := r.NextPart()
		if err != nil && e == nil {
			if err != io.EOF {
				c.letter.remark("its end is missing or broken")
			}
			return
		}
		c.part(e, depth+1)
	}
}

// leaf reads a part that has none within it.
func (c *collector) leaf(e *message.Entity, kind string) {
	disposition, _, _ := e.Header.ContentDisposition()
	attached := strings.EqualFold(disposition, "attachment")
	switch {
	case c.inside && (kind == "message/delivery-status" || kind == "message/global-delivery-status"):
		c.letter.status = deliveries(text(e.Body, maxTextBytes))
	case c.inside && (kind == "message/rfc822" || kind == "message/global" || strings.HasSuffix(kind, "rfc822-headers") || strings.HasSuffix(kind, "global-headers")):
		c.letter.returned = text(e.Body, maxTextBytes)
	case attached:
		c.letter.Attachments++
	case kind == "text/plain":
		c.add(&c.plain, e.Body, maxTextBytes)
	case kind == "text/html":
		c.add(&c.html, e.Body, maxHTMLBytes)
	case strings.HasPrefix(kind, "multipart/"): // without a boundary
		c.letter.remark("its parts cannot be told apart")
	default:
		c.letter.Attachments++
	}
}

func (c *collector) add(to *strings.Builder, from io.Reader, most int) {
	if more := text(from, most-to.Len()); more != "" {
		if to.Len() > 0 {
			to.WriteString("\n")
		}
		to.WriteString(more)
	}
}

// text reads at most so many bytes, as UTF-8. A part that breaks off is worth what
// came before.
func text(from io.Reader, most int) string {
	if most <= 0 {
		return ""
	}
	data, _ := io.ReadAll(io.LimitReader(from, int64(most)))
	return strings.ToValidUTF8(strings.ReplaceAll(string(data), "\x00", ""), "?")
}

// settle makes words of what was gathered: of its plain text, or, where it has
// none, of its HTML.
func (c *collector) settle() {
	l := c.letter
	l.text = c.plain.String()
	if strings.TrimSpace(l.text) == "" && c.html.Len() > 0 {
		l.text = fromHTML(c.html.String())
		l.remark("it is HTML only, and is shown as plain text")
	}
	l.Words = unquoted(l.text)
	if runes := []rune(l.Words); len(runes) > maxWordsRunes {
		l.Words = string(runes[:maxWordsRunes])
		l.remark("it is longer than is written down")
	}
	switch {
	case l.Words == "" && strings.TrimSpace(l.text) != "":
		l.remark("it only quotes")
	case l.Words == "":
		l.remark("it has no text")
	}
	switch {
	case l.Attachments == 1:
		l.remark("one attachment is not kept here")
	case l.Attachments > 1:
		l.remark("%d attachments are not kept here", l.Attachments)
	}
}
