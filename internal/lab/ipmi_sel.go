package lab

import (
	"context"
	"encoding/binary"

	"github.com/bougou/go-ipmi/pkg/handlers"
	"github.com/bougou/go-ipmi/pkg/types"
)

// serveSEL answers the commands that read the log (IPMI 2.0, chapter 31). There
// is none that writes.
func (c *ipmi) serveSEL(r *handlers.Registry) {
	r.RegisterFunc(types.CommandGetSELInfo, c.selInfo)
	r.RegisterFunc(types.CommandReserveSEL, c.selReserve)
	r.RegisterFunc(types.CommandGetSELEntry, c.selEntry)
	r.RegisterFunc(types.CommandGetSELTime, c.selTime)
}

func (c *ipmi) selInfo(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
	const entrySize, reserves = 16, 0x02
	log := c.lab.seen(c.server).hardware.log
	out := []byte{0x51}
	out = binary.LittleEndian.AppendUint16(out, uint16(len(log)))
	out = binary.LittleEndian.AppendUint16(out, uint16((maxSEL-len(log))*entrySize))
	var added uint32
	if len(log) > 0 {
		added = uint32(log[len(log)-1].at.Unix())
	}
	out = binary.LittleEndian.AppendUint32(out, added)
	out = binary.LittleEndian.AppendUint32(out, 0) // never erased
	return append(out, reserves), types.CodeOK, nil
}

// selReserve hands out one reservation for ever: nothing cancels it, because
// nothing erases the log.
func (c *ipmi) selReserve(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
	return []byte{1, 0}, types.CodeOK, nil
}

// selEntry answers one entry and which comes next. 0000h asks for the first,
// FFFFh for the last.
func (c *ipmi) selEntry(_ context.Context, _ *handlers.HandlerContext, request []byte) ([]byte, types.CompletionCode, error) {
	const (
		size        = 6
		first, last = 0x0000, 0xffff
	)
	if len(request) < size {
		return nil, types.CodeRequestDataTruncated, nil
	}
	log := c.lab.seen(c.server).hardware.log
	id := int(binary.LittleEndian.Uint16(request[2:]))
	for n, e := range log {
		if e.id != id && !(id == first && n == 0) && !(id == last && n == len(log)-1) {
			continue
		}
		next := uint16(last)
		if n+1 < len(log) {
			next = uint16(log[n+1].id)
		}
		record := e.ipmi()
		from := min(int(request[4]), len(record))
		to := min(from+int(request[5]), len(record))
		return append(binary.LittleEndian.AppendUint16(nil, next), record[from:to]...), types.CodeOK, nil
	}
	return nil, types.CodeRequestedDataNotPresent, nil
}

func (c *ipmi) selTime(context.Context, *handlers.HandlerContext, []byte) ([]byte, types.CompletionCode, error) {
	return binary.LittleEndian.AppendUint32(nil, uint32(c.lab.clock.Now().Unix())), types.CodeOK, nil
}

// ipmi is e as a record (table 32-1): number, type 02h, time, the BMC itself as
// its source, revision 04h, the sensor, and the state with the end of it marked.
func (e event) ipmi() []byte {
	const systemEvent, bmcAddress, revision, ended = 0x02, 0x20, 0x04, 0x80
	out := binary.LittleEndian.AppendUint16(nil, uint16(e.id))
	out = append(out, systemEvent)
	out = binary.LittleEndian.AppendUint32(out, uint32(e.at.Unix()))
	reading := e.reading
	if e.over {
		reading |= ended
	}
	return append(out, bmcAddress, 0, revision, e.kind, e.sensor, reading, e.offset, 0xff, 0xff)
}
