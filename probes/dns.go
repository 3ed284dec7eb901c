package probes

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// DNS asks the name server at t.Address (host:port) itself for the records of
// t.Type of t.Query: over UDP, up to three times since a datagram may be lost,
// and over TCP when the answer does not fit. Up is at least one record, and
// t.Expect among them if it is given. No record, another one, "no such name"
// and SERVFAIL are Down; that it refuses piket, or does not understand it, is
// Unknown, as is a reply that cannot be read. Its facts are rcode, such as
// NXDOMAIN, and answers, the number of records.
func DNS(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	query, err := newDNSQuery(t)
	if err != nil {
		return unknown("%v", err)
	}
	began := time.Now()
	reply, err := query.overUDP(ctx, t.Address)
	if err == nil && reply.cut {
		reply, err = query.overTCP(ctx, t.Address)
		if err != nil {
			err = fmt.Errorf("%w over TCP: %s", errDNS, t.broke(ctx, err).Reason)
		}
	}
	result := t.judgeReply(ctx, reply, err, time.Since(began))
	result.note("asked %s for %s %s", t.Address, t.Query, query.kind)
	reply.note(&result)
	return result
}

// queryTypes are the kinds of record by their names in the inventory.
var queryTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "MX": dnsmessage.TypeMX, "TXT": dnsmessage.TypeTXT,
	"NS": dnsmessage.TypeNS, "SOA": dnsmessage.TypeSOA, "CNAME": dnsmessage.TypeCNAME,
}

// rcodes are the names of what a server may say of a query (RFC 1035, 4.1.1),
// and what each makes of it.
var rcodes = map[dnsmessage.RCode]struct {
	name   string
	state  State
	reason string
}{
	dnsmessage.RCodeSuccess:        {"NOERROR", Up, ""},
	dnsmessage.RCodeFormatError:    {"FORMERR", Unknown, "does not understand the question"},
	dnsmessage.RCodeServerFailure:  {"SERVFAIL", Down, "cannot find the answer"},
	dnsmessage.RCodeNameError:      {"NXDOMAIN", Down, "says that there is no such name"},
	dnsmessage.RCodeNotImplemented: {"NOTIMP", Unknown, "cannot answer this kind of question"},
	dnsmessage.RCodeRefused:        {"REFUSED", Unknown, "refuses to answer piket"},
}

func (t Target) judgeReply(ctx context.Context, reply dnsReply, err error, took time.Duration) Result {
	switch {
	case errors.Is(err, errDNS):
		return unknown("answers, but %v", err)
	case err != nil:
		return t.broke(ctx, err)
	}
	result := t.judgeRecords(reply, took)
	result.Facts = map[string]any{"rcode": reply.codeName(), "answers": len(reply.records)}
	return result
}

func (t Target) judgeRecords(reply dnsReply, took time.Duration) Result {
	code, known := rcodes[reply.code]
	kind := cmp.Or(t.Type, "A")
	switch {
	case !known:
		return unknown("answers %s, which piket does not know", reply.codeName())
	case code.state != Up:
		return verdict(code.state, "%s for %s %s: the server %s", []any{code.name, t.Query, kind, code.reason})
	case len(reply.records) == 0:
		return down("%s has no %s record", t.Query, kind)
	case t.Expect != "" && !reply.has(t.Expect):
		return down("%s %s is %s and not %s", t.Query, kind, strings.Join(reply.records, ", "), t.Expect)
	}
	return up("%s %s is %s, in %s", t.Query, kind, strings.Join(reply.records, ", "), millis(took))
}

// dnsQuery is one question, ready to be sent.
type dnsQuery struct {
	id       uint16
	question dnsmessage.Question
	kind     string
	packed   []byte
}

// maxDatagram is what answers over UDP may measure without being cut into
// pieces on the way (RFC 9715).
const maxDatagram = 1232

func newDNSQuery(t Target) (dnsQuery, error) {
	kind := cmp.Or(t.Type, "A")
	wanted, ok := queryTypes[kind]
	if !ok {
		return dnsQuery{}, fmt.Errorf("there is no DNS query for %q", kind)
	}
	name, err := dnsmessage.NewName(strings.TrimSuffix(t.Query, ".") + ".")
	if err != nil || t.Query == "" {
		return dnsQuery{}, fmt.Errorf("not a name that can be asked for: %q", t.Query)
	}
	q := dnsQuery{
		id: uint16(rand.Uint32()), kind: kind,
		question: dnsmessage.Question{Name: name, Type: wanted, Class: dnsmessage.ClassINET},
	}
	var larger dnsmessage.ResourceHeader
	if err := larger.SetEDNS0(maxDatagram, dnsmessage.RCodeSuccess, false); err != nil {
		return dnsQuery{}, fmt.Errorf("make query: %w", err)
	}
	message := dnsmessage.Message{
		Header:      dnsmessage.Header{ID: q.id, RecursionDesired: true},
		Questions:   []dnsmessage.Question{q.question},
		Additionals: []dnsmessage.Resource{{Header: larger, Body: &dnsmessage.OPTResource{}}},
	}
	if q.packed, err = message.Pack(); err != nil {
		return dnsQuery{}, fmt.Errorf("make query for %s: %w", t.Query, err)
	}
	return q, nil
}

// sends is how often a question goes out over UDP.
const sends = 3

func (q dnsQuery) overUDP(ctx context.Context, address string) (dnsReply, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", address) // the kernel lets only that address answer
	if err != nil {
		return dnsReply{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	deadline, _ := ctx.Deadline()
	turn := time.Until(deadline) / sends
	for {
		if _, err := conn.Write(q.packed); err != nil {
			return dnsReply{}, err
		}
		conn.SetReadDeadline(time.Now().Add(turn))
		if ctx.Err() != nil {
			return dnsReply{}, ctx.Err() // its deadline may just have been overwritten
		}
		reply, err := q.await(conn)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && !ended(ctx) {
			continue
		}
		return reply, err
	}
}

// await reads until an answer to q comes; late ones to other questions are
// nobody's.
func (q dnsQuery) await(conn net.Conn) (dnsReply, error) {
	buffer := make([]byte, maxDatagram)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return dnsReply{}, err
		}
		reply, err := q.read(buffer[:n])
		if !errors.Is(err, errOtherReply) {
			return reply, err
		}
	}
}

// overTCP asks the same question with its length in front (RFC 1035, 4.2.2).
func (q dnsQuery) overTCP(ctx context.Context, address string) (dnsReply, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return dnsReply{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q.packed))), q.packed...)); err != nil {
		return dnsReply{}, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return dnsReply{}, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
		return dnsReply{}, err
	}
	return q.read(message)
}
