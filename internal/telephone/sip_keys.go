package telephone

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/diago"
	"github.com/emiago/diago/media"
	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// doorman lets through what belongs to a call of ours and nothing else: nobody
// can call piket, have it call somebody (REFER), or bring it down by a request
// that the library has not thought of.
func (p *phone) doorman(next sipgo.RequestHandler) sipgo.RequestHandler {
	return func(r *sip.Request, tx sip.ServerTransaction) {
		defer func() {
			if why := recover(); why != nil {
				p.log.Error("a SIP request made no sense", "method", r.Method, "err", fmt.Sprint(why))
			}
		}()
		switch {
		case r.Method == sip.INFO:
			p.info(r, tx)
		case r.Method == sip.BYE, r.Method == sip.ACK, r.Method == sip.CANCEL, r.Method == sip.OPTIONS, r.Method == sip.INVITE && ofDialog(r):
			next(r, tx)
		default:
			_ = tx.Respond(sip.NewResponseFromRequest(r, sip.StatusMethodNotAllowed, "Method Not Allowed", nil))
		}
	}
}

// ofDialog reports whether a request belongs to a call that exists.
func ofDialog(r *sip.Request) bool {
	to := r.To()
	return to != nil && to.Params != nil && to.Params.Has("tag")
}

// info takes a key that comes beside the voice (RFC 6086 and what was there
// before it): "Signal=1".
func (p *phone) info(r *sip.Request, tx sip.ServerTransaction) {
	id := r.CallID()
	if id == nil || id.Value() != p.callID.Load() {
		_ = tx.Respond(sip.NewResponseFromRequest(r, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist", nil))
		return
	}
	_ = tx.Respond(sip.NewResponseFromRequest(r, sip.StatusOK, "OK", nil))
	first, _, _ := strings.Cut(strings.TrimSpace(string(r.Body())), "\n")
	if name, value, ok := strings.Cut(first, "="); ok && strings.EqualFold(strings.TrimSpace(name), "signal") {
		first = value
	}
	p.press(strings.TrimSpace(first))
}

// press hands a key on; one that comes before the last was dealt with many times
// over is dropped.
func (p *phone) press(key string) { offer(p.keys, key) }

func offer(keys chan<- string, key string) {
	if len(key) != 1 || !strings.Contains("0123456789*#", key) {
		return
	}
	select {
	case keys <- key:
	default:
	}
}

// tone is the last packet of a key that came: a key is many packets with one
// timestamp, of which the last few say that it ended (RFC 4733, 2.5.1).
type tone struct {
	stamp uint32
	event byte
	ended bool
	any   bool
}

// follows reports whether a packet begins another key than the last. The first
// that arrives counts, so that no key is lost with a packet.
func (t *tone) follows(next tone) bool {
	last := *t
	*t = next
	return !last.any || next.stamp != last.stamp || next.event != last.event || last.ended && !next.ended
}

// keyType is a line of a session description that says under which number keys
// travel.
var keyType = regexp.MustCompile(`(?m)^a=rtpmap:([0-9]{1,3}) telephone-event/8000\s*$`)

// keyTypes lists the numbers under which keys may come: the one that we offer, as
// they should, and the one that the other side named, as some do.
func keyTypes(description []byte) []uint8 {
	types := []uint8{media.CodecTelephoneEvent8000.PayloadType}
	for _, found := range keyType.FindAllSubmatch(description, -1) {
		if n, err := strconv.ParseUint(string(found[1]), 10, 7); err == nil {
			types = append(types, uint8(n))
		}
	}
	return types
}

// listen reads what comes over the voice channel until the call ends, and takes
// the keys out of it.
func listen(d *diago.DialogClientSession, keys chan<- string) {
	reader, err := d.AudioReader()
	if err != nil {
		return
	}
	buffer, types := make([]byte, media.RTPBufSize), keyTypes(d.InviteResponse.Body())
	var last tone
	for {
		n, err := reader.Read(buffer)
		if err != nil {
			return
		}
		head := d.RTPPacketReader.PacketHeader
		if n < 4 || !slices.Contains(types, head.PayloadType) {
			continue
		}
		next := tone{head.Timestamp, buffer[0], buffer[1]&0x80 != 0, true}
		if key := media.DTMFToRune(buffer[0]); last.follows(next) && key != 0 {
			offer(keys, string(key))
		}
	}
}
