package probes

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers queries over UDP and, at the same port, over TCP. What
// answer returns is sent as it is; nothing means silence.
func nameServer(t *testing.T, overUDP, overTCP func(query dnsmessage.Message) []byte) (address string) {
	t.Helper()
	overStream := func(conn net.Conn) {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil || overTCP == nil {
			return
		}
		message := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, message); err != nil {
			return
		}
		reply := overTCP(unpack(t, message))
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
	var tcp string
	var udp net.PacketConn
	for range 100 { // a port that is free for TCP may be somebody's for UDP
		var err error
		tcp = listener(t, overStream)
		if udp, err = net.ListenPacket("udp", tcp); err == nil {
			break
		}
	}
	if udp == nil {
		t.Fatal("no port is free for both TCP and UDP")
	}
	done := make(chan struct{})
	t.Cleanup(func() { udp.Close(); <-done })
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := overUDP(unpack(t, buffer[:n])); reply != nil {
				udp.WriteTo(reply, from)
			}
		}
	}()
	return tcp
}

func unpack(t *testing.T, message []byte) dnsmessage.Message {
	var m dnsmessage.Message
	if err := m.Unpack(message); err != nil {
		t.Errorf("the query cannot be read: %v", err)
	}
	return m
}

// replies makes an answer to a query: of the records that change puts in.
func replies(t *testing.T, change func(*dnsmessage.Message)) func(dnsmessage.Message) []byte {
	return func(query dnsmessage.Message) []byte {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true}, Questions: query.Questions}
		change(&m)
		packed, err := m.Pack()
		if err != nil {
			t.Errorf("pack the reply: %v", err)
		}
		return packed
	}
}

// withRecords answers with these, whatever is asked.
func withRecords(bodies ...dnsmessage.ResourceBody) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) {
		for _, body := range bodies {
			header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: body})
		}
	}
}

func withCode(code dnsmessage.RCode) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) { m.RCode = code }
}

func named(s string) dnsmessage.Name { return dnsmessage.MustNewName(s) }

var (
	anA     = &dnsmessage.AResource{A: [4]byte{192, 0, 2, 11}}
	otherA  = &dnsmessage.AResource{A: [4]byte{192, 0, 2, 12}}
	anAAAA  = &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::11").As16()}
	anMX    = &dnsmessage.MXResource{Pref: 10, MX: named("mail.example.net.")}
	aTXT    = &dnsmessage.TXTResource{TXT: []string{"v=spf1 ", "-all"}}
	anNS    = &dnsmessage.NSResource{NS: named("ns1.example.net.")}
	anSOA   = &dnsmessage.SOAResource{NS: named("ns1.example.net."), MBox: named("hostmaster.example.net."), Serial: 2026112301}
	anAlias = &dnsmessage.CNAMEResource{CNAME: named("web-01.example.net.")}
)

func TestDNSReadsEveryKindOfRecord(t *testing.T) {
	cases := []struct {
		kind, expect string
		records      []dnsmessage.ResourceBody
		state        State
		reason       string
	}{
		{"", "", []dnsmessage.ResourceBody{anA}, Up, "www.example.net A is 192.0.2.11, in"},
		{"A", "192.0.2.12", []dnsmessage.ResourceBody{anAlias, anA, otherA}, Up, "is 192.0.2.11, 192.0.2.12"},
		{"A", "192.0.2.13", []dnsmessage.ResourceBody{anA, otherA}, Down, "is 192.0.2.11, 192.0.2.12 and not 192.0.2.13"},
		{"A", "", []dnsmessage.ResourceBody{anAlias}, Down, "www.example.net has no A record"},
		{"A", "", nil, Down, "www.example.net has no A record"},
		{"AAAA", "2001:DB8:0::11", []dnsmessage.ResourceBody{anAAAA}, Up, "2001:db8::11"},
		{"MX", "10 mail.example.net", []dnsmessage.ResourceBody{anMX}, Up, "is 10 mail.example.net"},
		{"MX", "Mail.Example.Net.", []dnsmessage.ResourceBody{anMX}, Up, "is 10 mail.example.net"},
		{"TXT", "v=spf1 -all", []dnsmessage.ResourceBody{aTXT}, Up, "is v=spf1 -all"},
		{"NS", "ns2.example.net", []dnsmessage.ResourceBody{anNS}, Down, "is ns1.example.net and not ns2.example.net"},
		{"SOA", "ns1.example.net", []dnsmessage.ResourceBody{anSOA}, Up, "is ns1.example.net hostmaster.example.net 2026112301"},
		{"CNAME", "web-01.example.net", []dnsmessage.ResourceBody{anAlias}, Up, "CNAME is web-01.example.net"},
	}
	for _, c := range cases {
		t.Run(c.kind+" "+c.expect, func(t *testing.T) {
			address := nameServer(t, replies(t, withRecords(c.records...)), nil)
			result := DNS(t.Context(), Target{Address: address, Query: "www.example.net", Type: c.kind, Expect: c.expect})
			expect(t, result, c.state, c.reason)
			if result.Facts["rcode"] != "NOERROR" {
				t.Errorf("fact rcode is %v", result.Facts["rcode"])
			}
		})
	}
}

func TestDNSTellsWhatTheServerSaysFromWhatItCannot(t *testing.T) {
	answers := replies(t, withRecords(anA))
	silent := func(dnsmessage.Message) []byte { return nil }
	cases := []struct {
		name, query, kind string
		server            func(dnsmessage.Message) []byte
		state             State
		reason            string
		code              any
	}{
		{"no such name", "", "", replies(t, withCode(dnsmessage.RCodeNameError)), Down, "NXDOMAIN for www.example.net A: the server says that there is no such name", "NXDOMAIN"},
		{"server failure", "", "", replies(t, withCode(dnsmessage.RCodeServerFailure)), Down, "SERVFAIL", "SERVFAIL"},
		{"refused", "", "", replies(t, withCode(dnsmessage.RCodeRefused)), Unknown, "refuses to answer piket", "REFUSED"},
		{"not implemented", "", "", replies(t, withCode(dnsmessage.RCodeNotImplemented)), Unknown, "NOTIMP", "NOTIMP"},
		{"refused without the question", "", "", replies(t, func(m *dnsmessage.Message) { m.RCode, m.Questions = dnsmessage.RCodeRefused, nil }), Unknown, "REFUSED", "REFUSED"},
		{"some other code", "", "", replies(t, withCode(11)), Unknown, "RCODE 11", "RCODE 11"},
		{"silent", "", "", silent, Down, "no answer within", nil},
		{"answers another query", "", "", replies(t, func(m *dnsmessage.Message) { m.ID++ }), Down, "no answer within", nil},
		{"answers another name", "", "", replies(t, func(m *dnsmessage.Message) { m.Questions[0].Name = named("evil.example.net.") }), Down, "no answer within", nil},
		{"echoes the query", "", "", replies(t, func(m *dnsmessage.Message) { m.Response = false }), Down, "no answer within", nil},
		{"garbage", "", "", func(dnsmessage.Message) []byte { return []byte("HTTP/1.1 400") }, Down, "no answer within", nil},
		{"compression loop", "", "", func(q dnsmessage.Message) []byte { return append(answers(q)[:29+4], loop...) }, Unknown, "the reply cannot be read", nil},
		{"no query", "-", "", answers, Unknown, "not a name", nil},
		{"name that is too long", strings.Repeat("a", 300), "", answers, Unknown, "not a name", nil},
		{"label that is too long", strings.Repeat("a", 64) + ".example.net", "", answers, Unknown, "make query", nil},
		{"no such type", "", "MXX", answers, Unknown, `no DNS query for "MXX"`, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			query := map[string]string{"": "www.example.net", "-": ""}[c.query]
			if len(c.query) > 1 {
				query = c.query
			}
			result := DNS(t.Context(), Target{Address: nameServer(t, c.server, nil), Query: query, Type: c.kind, Timeout: short})
			expect(t, result, c.state, c.reason)
			if got := result.Facts["rcode"]; got != c.code {
				t.Errorf("fact rcode is %v, want %v", got, c.code)
			}
		})
	}
	expect(t, DNS(t.Context(), Target{Address: refused(t), Query: "www.example.net", Timeout: short}), Down, "connection refused")
	expect(t, DNS(t.Context(), Target{Address: "ns.invalid:53", Query: "www.example.net", Timeout: short}), Unknown, "look up ns.invalid")
}

// loop is a record whose name points at itself. It stands behind a header and
// the question for www.example.net, 33 bytes in all.
var loop = []byte{0xc0, 33, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 11}

func TestDNSAsksAgainWhenADatagramIsLost(t *testing.T) {
	var asked atomic.Int32
	answer := replies(t, withRecords(anA))
	address := nameServer(t, func(q dnsmessage.Message) []byte {
		if asked.Add(1) < 3 {
			return nil
		}
		return answer(q)
	}, nil)
	expect(t, DNS(t.Context(), Target{Address: address, Query: "www.example.net", Timeout: 4 * short}), Up, "192.0.2.11")
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestDNSGoesOnOverTCPWhenTheAnswerIsCut(t *testing.T) {
	cut := replies(t, func(m *dnsmessage.Message) { m.Truncated = true })
	var many []dnsmessage.ResourceBody
	for i := range 200 {
		many = append(many, &dnsmessage.AResource{A: [4]byte{198, 51, 100, byte(i)}})
	}
	whole := nameServer(t, cut, replies(t, withRecords(many...)))
	result := DNS(t.Context(), Target{Address: whole, Query: "www.example.net"})
	if expect(t, result, Up, "198.51.100.0"); result.Facts["answers"] != maxRecords || len(result.Evidence) > maxEvidence {
		t.Errorf("read %v records and shows %d lines, want bounds of %d and %d", result.Facts["answers"], len(result.Evidence), maxRecords, maxEvidence)
	}
	shut := nameServer(t, cut, nil)
	expect(t, DNS(t.Context(), Target{Address: shut, Query: "www.example.net"}), Unknown, "cannot be read over TCP: ")
}

func FuzzDNSReply(f *testing.F) {
	q, err := newDNSQuery(Target{Query: "www.example.net", Type: "MX"})
	if err != nil {
		f.Fatal(err)
	}
	q.id = 7
	for _, change := range []func(*dnsmessage.Message){
		withRecords(anMX, anAlias, aTXT, anSOA, anNS), withCode(dnsmessage.RCodeNameError), func(m *dnsmessage.Message) { m.Truncated = true },
	} {
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: q.id, Response: true}, Questions: []dnsmessage.Question{q.question}}
		change(&m)
		packed, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
		f.Add(append(slices.Clone(packed[:33]), loop...))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		reply, err := q.read(message)
		if err != nil && !reflect.DeepEqual(reply, dnsReply{}) {
			t.Errorf("an error and a reply at once: %v, %+v", err, reply)
		}
		if len(reply.records) > maxRecords {
			t.Errorf("%d records, want %d at most", len(reply.records), maxRecords)
		}
		result := Target{Query: "www.example.net", Type: "MX"}.judgeReply(t.Context(), reply, err, 0)
		reply.note(&result)
		if result.State == Up && (len(reply.records) == 0 || reply.code != dnsmessage.RCodeSuccess) {
			t.Errorf("up by %+v", reply)
		}
		if result.Reason == "" || len([]rune(result.Reason)) > maxClause+1 {
			t.Errorf("the reason is %q", result.Reason)
		}
	})
}
