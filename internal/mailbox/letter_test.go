package mailbox

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestWhatAMailSays(t *testing.T) { // [2.1]
	html := "Content-Type: text/html; charset=utf-8\n"
	for name, c := range map[string]struct{ fields, body, want string }{
		"plain":         {"", "The site is down.\n\n\n\nSince 3.\n", "The site is down.\n\nSince 3."},
		"nothing":       {"", "", ""},
		"a signature":   {"", "Down.\n-- \nJan\nBakery\n", "Down."},
		"a quote above": {"", "> Does everything work?\n\nYes\n", "Yes"},
		"an attribution": {"", "Yes\n\nOn Mon, 5 Jan 2026 at 03:00, Piket\n<piket@piket.example.net> wrote:\n> Does it work?\n> YES or NO\n",
			"Yes"},
		"the same in Dutch":                {"", "Nee\n\nOp ma 5 jan 2026 om 03:00 schreef Piket <piket@piket.example.net>:\n> Werkt alles?\n", "Nee"},
		"Outlook":                          {"", "No\n\n________________________________\nFrom: piket\nSent: Monday\nYES or NO\n", "No"},
		"Outlook, plain":                   {"", "No\n\nVan: Piket <piket@piket.example.net>\nVerzonden: maandag 5 januari 2026\nAan: office\nJA of NEE\n", "No"},
		"an older Outlook":                 {"", "No\n-----Original Message-----\nYes\n", "No"},
		"a line that begins with From":     {"", "From: the beginning it was slow\nand now it is down\n", "From: the beginning it was slow\nand now it is down"},
		"HTML only":                        {html, "<html><head><style>p{}</style><title>x</title></head><body><p>Hello <b>there</b>,</p><div>it is&nbsp;down<br>since 3</div><script>alert(1)</script></body></html>", "Hello there,\nit is down\nsince 3"},
		"HTML with a quote":                {html, "<div>Ja</div><div>Op ma schreef Piket:<blockquote>Werkt alles?<br>JA of NEE</blockquote></div>", "Ja"},
		"HTML that is broken":              {html, "<p>Down<div <b", "Down"},
		"latin-1":                          {"Content-Type: text/plain; charset=iso-8859-1\n", "caf\xe9", "café"},
		"windows-1252 in quoted-printable": {"Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: quoted-printable\n", "=80 10", "€ 10"},
		"UTF-8 in base64":                  {"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n", "Y2Fmw6k=", "café"},
		"an unknown charset":               {"Content-Type: text/plain; charset=klingon\n", "Help \xff", "Help ?"},
		"an unknown encoding":              {"Content-Type: text/plain\nContent-Transfer-Encoding: rot13\n", "Uryc", "Uryc"},
		"a broken type":                    {"Content-Type: text;;;\n", "Help", "Help"},
		"both forms":                       {"Content-Type: multipart/alternative; boundary=b\n", "--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n", "plain"},
		"no end":                           {"Content-Type: multipart/mixed; boundary=b\n", "--b\n\nplain\n", "plain"},
		"no boundary":                      {"Content-Type: multipart/mixed\n", "text", ""},
	} {
		if got := Read(strings.NewReader(plain(c.fields, c.body)), false).Words; strings.ReplaceAll(got, "\r", "") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSubjectsAreReadAndCannotAddHeaders(t *testing.T) {
	mail := strings.Replace(plain("", "x"), "Website down", "=?utf-8?q?caf=C3=A9=0D=0ABcc:_thief@example.net?= =?iso-8859-1?b?6Q==?=", 1)
	if got := Read(strings.NewReader(mail), false).Subject; got != "café Bcc: thief@example.neté" {
		t.Errorf("%q", got)
	}
	for _, id := range []string{"<a b@c>", "<a\x00@c>", "a@c", "<" + strings.Repeat("x", 300) + "@c>", "<a<b@c"} {
		mail := strings.Replace(plain("", "x"), "<1@bakery.example.net>", id, 1)
		if got := Read(strings.NewReader(mail), false).MessageID; got != "" {
			t.Errorf("%q was taken for a Message-ID: %q", id, got)
		}
	}
}

// endless is a mail with an attachment of so many bytes, which nobody has in
// memory.
func endless(size int64) io.Reader {
	head := plain("Content-Type: multipart/mixed; boundary=b\n",
		"--b\n\nSee what I attached.\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=log.bin\n\n")
	return io.MultiReader(strings.NewReader(head), io.LimitReader(lines{}, size), strings.NewReader("\r\n--b\r\n\r\nAnd below it.\r\n--b--\r\n"))
}

// lines is a file without an end.
type lines struct{}

func (lines) Read(b []byte) (int, error) {
	for n := range b {
		b[n] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"[n%64]
	}
	return len(b), nil
}

func TestAnAttachmentOf50MBIsCountedAndNotKept(t *testing.T) {
	l := Read(endless(50<<20), false)
	if l.Attachments != 1 || l.Words != "See what I attached.\nAnd below it." {
		t.Errorf("%d attachments, %q", l.Attachments, l.Words)
	}
	if !slices.Contains(l.Remarks, "one attachment is not kept here") {
		t.Errorf("remarks %q", l.Remarks)
	}
}

func BenchmarkAnAttachmentOf50MB(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(50 << 20)
	for b.Loop() {
		Read(endless(50<<20), false)
	}
}

func TestTenThousandRecipientsAreOneMail(t *testing.T) {
	var to strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&to, "somebody-%05d@example.net,\r\n ", n)
	}
	mail := strings.Replace(plain("", "Help"), "To: piket@piket.example.net", "To: "+to.String()+"piket@piket.example.net", 1)
	l := Read(strings.NewReader(mail), false)
	if l.Recipients != 10_001 || l.From != "office@bakery.example.net" || l.Words != "Help" || !slices.Contains(l.Remarks, "it went to 10001 recipients") {
		t.Errorf("%+v", l)
	}
}

func TestAMailWithinAMailWithinAMailEnds(t *testing.T) {
	var b strings.Builder
	for n := range 5000 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", n, n)
	}
	l := Read(strings.NewReader(crlf("From: a@example.net\n"+b.String()+"\ndeep\n")), false)
	if l.From != "a@example.net" || len(l.Remarks) == 0 || len(l.Remarks) > 3*maxDepth {
		t.Errorf("%+v", l)
	}
	wide := Read(strings.NewReader(plain("Content-Type: multipart/mixed; boundary=b\n", strings.Repeat("--b\n\nx\n", 20_000)+"--b--\n")), false)
	if len(wide.text) > 10*maxParts || len(wide.Remarks) == 0 {
		t.Errorf("%d bytes of text, %q", len(wide.text), wide.Remarks)
	}
}

func TestAMailThatNobodyCanReadIsStillAMail(t *testing.T) {
	for name, mail := range map[string]string{
		"empty": "", "no header": "hello", "zeros": strings.Repeat("\x00", 1000), "a header without an end": "Subject: " + strings.Repeat("x", 3<<20),
	} {
		if l := Read(strings.NewReader(mail), false); len(l.Remarks) == 0 || l.Key() == "" {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestTheSameMailHasOneKeyAndAnotherHasAnother(t *testing.T) {
	first := Read(strings.NewReader(plain("Received: by a\n", "Help")), false)
	again := Read(strings.NewReader(plain("Received: by b\n", "Help")), true)
	if first.Key() != again.Key() {
		t.Error("the way by which a mail came made it another")
	}
	for name, mail := range map[string]string{ // all with one Message-ID, as some programs have it
		"other words": plain("", "Help me"), "other sender": strings.Replace(plain("", "Help"), "office@", "shop@", 1),
		"other date": strings.Replace(plain("", "Help"), "03:00", "04:00", 1), "other subject": strings.Replace(plain("", "Help"), "Website", "Mail", 1),
	} {
		if l := Read(strings.NewReader(mail), false); l.Key() == first.Key() {
			t.Errorf("%s: it would be lost", name)
		}
	}
}

// FuzzRead has strangers write anything: it is read within its bounds, and never
// ends anything but the reading.
func FuzzRead(f *testing.F) {
	f.Add([]byte(plain("", "Help")))
	f.Add([]byte(plain("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n", "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b\n--b--\n")))
	f.Add([]byte(plain("Content-Type: text/html\n", "<blockquote><p>x</blockquote><br><script>")))
	f.Add([]byte(plain("Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n", "AAAA")))
	f.Fuzz(func(t *testing.T, data []byte) {
		l := Read(strings.NewReader(string(data)), false)
		if len([]rune(l.Words)) > maxWordsRunes || len(l.text) > maxHTMLBytes+maxTextBytes || len(l.Remarks) > 3*maxParts || strings.ContainsAny(l.Subject+l.From+l.MessageID, "\r\n\x00") {
			t.Fatalf("out of bounds: %+v", l)
		}
		kind := testOurs.kindOf(l)
		_, _ = testOurs.about(l)
		if list := l.failures(nil); len(list) == 0 {
			t.Fatalf("a %s without a failure", kind)
		}
	})
}
