package probes

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

var (
	// errOtherReply is a reply to another question, or none at all.
	errOtherReply = errors.New("answers another question")
	// errDNS marks a reply that came and tells nothing.
	errDNS = errors.New("the reply cannot be read")
)

// dnsReply is what a name server said.
type dnsReply struct {
	code          dnsmessage.RCode
	cut           bool     // it did not fit, and must be asked for over TCP
	authoritative bool     // the server is one that the zone itself names
	records       []string // of the type that was asked for, as a zone file writes them
}

// maxRecords bounds how many records of a reply are looked at.
const maxRecords = 64

// read makes a reply of a message. It fails with errOtherReply for one that
// does not belong to q, and with errDNS for one that cannot be read.
func (q dnsQuery) read(message []byte) (dnsReply, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || !header.Response || header.ID != q.id {
		return dnsReply{}, errOtherReply
	}
	questions, err := parser.AllQuestions()
	if err != nil {
		return dnsReply{}, fmt.Errorf("%w: %v", errDNS, err)
	}
	// Servers that refuse may leave the question out.
	if len(questions) > 0 && !q.asks(questions[0]) || len(questions) == 0 && header.RCode == dnsmessage.RCodeSuccess {
		return dnsReply{}, errOtherReply
	}
	reply := dnsReply{code: header.RCode, cut: header.Truncated, authoritative: header.Authoritative}
	if reply.cut {
		return reply, nil
	}
	if reply.records, err = readRecords(&parser, q.question.Type); err != nil {
		return dnsReply{}, fmt.Errorf("%w: %v", errDNS, err)
	}
	return reply, nil
}

func (q dnsQuery) asks(other dnsmessage.Question) bool {
	return other.Type == q.question.Type && other.Class == q.question.Class &&
		strings.EqualFold(other.Name.String(), q.question.Name.String())
}

// readRecords lists the answers of one type; the aliases on the way to them are
// passed over.
func readRecords(parser *dnsmessage.Parser, wanted dnsmessage.Type) ([]string, error) {
	var records []string
	for range maxRecords {
		header, err := parser.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Type != wanted {
			if err := parser.SkipAnswer(); err != nil {
				return nil, err
			}
			continue
		}
		answer, err := parser.Answer()
		if err != nil {
			return nil, err
		}
		records = append(records, recordText(answer.Body))
	}
	return records, nil
}

// recordText writes a record as people write it: without the dot at the end.
func recordText(body dnsmessage.ResourceBody) string {
	switch r := body.(type) {
	case *dnsmessage.AResource:
		return netip.AddrFrom4(r.A).String()
	case *dnsmessage.AAAAResource:
		return netip.AddrFrom16(r.AAAA).String()
	case *dnsmessage.MXResource:
		return fmt.Sprintf("%d %s", r.Pref, host(r.MX))
	case *dnsmessage.TXTResource:
		return strings.Join(r.TXT, "")
	case *dnsmessage.NSResource:
		return host(r.NS)
	case *dnsmessage.SOAResource:
		return fmt.Sprintf("%s %s %d", host(r.NS), host(r.MBox), r.Serial)
	case *dnsmessage.CNAMEResource:
		return host(r.CNAME)
	}
	return "a record that piket cannot read"
}

func host(name dnsmessage.Name) string { return strings.TrimSuffix(name.String(), ".") }

// has reports whether a record is, or for MX and SOA names, what is expected.
func (r dnsReply) has(expected string) bool {
	expected = strings.TrimSuffix(expected, ".")
	if ip, err := netip.ParseAddr(expected); err == nil {
		expected = ip.String()
	}
	same := func(text string) bool { return strings.EqualFold(text, expected) }
	return slices.ContainsFunc(r.records, func(record string) bool {
		return same(record) || slices.ContainsFunc(strings.Fields(record), same)
	})
}

func (r dnsReply) codeName() string {
	if code, ok := rcodes[r.code]; ok {
		return code.name
	}
	return fmt.Sprintf("RCODE %d", r.code)
}

// note shows the reply; the zero dnsReply, of a query without one, shows
// nothing.
func (r dnsReply) note(result *Result) {
	if r.code == dnsmessage.RCodeSuccess && len(r.records) == 0 {
		return
	}
	by := "from the cache or elsewhere"
	if r.authoritative {
		by = "authoritative"
	}
	result.note("%s, %s", r.codeName(), by)
	for _, record := range r.records {
		result.note("record %s", record)
	}
}
