package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// listen takes mail for one address on the loopback.
func (o *office) listen(take func(context.Context, Letter) error, networks ...netip.Prefix) string {
	o.t.Helper()
	config := Listen{Address: "127.0.0.1:0", Recipients: []string{"support@piket.example.net"}, Networks: Default.Listen.Networks}
	if len(networks) > 0 {
		config.Networks = networks
	}
	l, err := ListenSMTP(config, take, o.clock, slog.New(slog.DiscardHandler))
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := o.clock.Go(func() { l.Run(ctx) })
	o.t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}

// deliver sends a mail as the firm's mail server does, and returns the answer.
func deliver(address, from string, to []string, mail io.Reader) error {
	c, err := smtp.Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.SendMail(from, to, mail)
}

func codeOf(err error) int {
	var answer *smtp.SMTPError
	switch {
	case err == nil:
		return 250
	case errors.As(err, &answer):
		return answer.Code
	}
	return 0
}

func TestAMailBySMTPIsTakenOnceItIsCommitted(t *testing.T) { // [2.1]
	ours := []string{"Support@piket.example.net"}
	tooMany := make([]string, maxRecipients+1)
	for n := range tooMany {
		tooMany[n] = ours[0]
	}
	for name, c := range map[string]struct {
		to      []string
		mail    io.Reader
		fails   error
		network string
		want    int
		records int
	}{
		"a report":                       {to: ours, mail: strings.NewReader(help.raw()), want: 250, records: 1},
		"an attachment of 50 MB":         {to: ours, mail: endless(50 << 20), want: 250, records: 1},
		"more than is ever taken":        {to: ours, mail: endless(maxSMTPBytes + 1), want: 552},
		"somebody who is not here":       {to: []string{"ceo@piket.example.net"}, mail: strings.NewReader(help.raw()), want: 550},
		"too many recipients":            {to: tooMany, mail: strings.NewReader(help.raw()), want: 452},
		"the store is away":              {to: ours, mail: strings.NewReader(help.raw()), fails: errors.New("database is locked"), want: 451},
		"too much has come":              {to: ours, mail: strings.NewReader(help.raw()), fails: fmt.Errorf("take in: %w", ErrBusy), want: 451},
		"from a network that may not":    {to: ours, mail: strings.NewReader(help.raw()), network: "192.0.2.0/24", want: 554},
		"a line of ten thousand letters": {to: ours, mail: strings.NewReader(note{from: "office@bakery.example.net", body: strings.Repeat("x", 10_000)}.raw()), want: 250, records: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			take := o.Take
			if c.fails != nil {
				take = func(context.Context, Letter) error { return c.fails }
			}
			var networks []netip.Prefix
			if c.network != "" {
				networks = append(networks, netip.MustParsePrefix(c.network))
			}
			err := deliver(o.listen(take, networks...), "office@bakery.example.net", c.to, c.mail)
			if codeOf(err) != c.want || len(o.all()) != c.records {
				t.Errorf("answered %v, %d records", err, len(o.all()))
			}
			if err != nil && strings.Contains(err.Error(), "database") {
				t.Error("a stranger reads our own trouble")
			}
		})
	}
}

func TestANullSenderIsABounceOrAMachine(t *testing.T) {
	o := newOffice(t)
	address := o.listen(o.Take)
	if err := deliver(address, "", []string{"support@piket.example.net"}, strings.NewReader(help.raw())); err != nil {
		t.Fatal(err)
	}
	if len(o.all()) != 0 || o.counts["automatic nothing"] != 1 {
		t.Errorf("%d records, %v", len(o.all()), o.counts)
	}
}

// The mail server did not hear our 250, and sends it again.
func TestAMailThatIsSentAgainIsOneRecord(t *testing.T) { // [2.1]
	o := newOffice(t)
	address := o.listen(o.Take)
	for range 3 {
		if err := deliver(address, "office@bakery.example.net", []string{"support@piket.example.net"}, strings.NewReader(help.raw())); err != nil {
			t.Fatal(err)
		}
	}
	if inc := o.only(); len(inc.Mails) != 1 || len(receipts(inc)) != 1 {
		t.Errorf("%d mails", len(inc.Mails))
	}
}
