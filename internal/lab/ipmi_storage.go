package lab

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/bougou/go-ipmi/pkg/hal"
	"github.com/bougou/go-ipmi/pkg/types"
)

// ipmiStorage shows the machine's FRU: maker, model and serial number.
type ipmiStorage struct{ *ipmi }

func (s ipmiStorage) FRU() hal.FRUStore { return ipmiFRU(s) }
func (s ipmiStorage) SDR() hal.SDRStore { return ipmiSDR{} }

type ipmiFRU struct{ *ipmi }

// Read packs the FRU anew each time, because it is the cable's other end that
// answers.
func (f ipmiFRU) Read(_ context.Context, id uint8) ([]byte, error) {
	if id != 0 {
		return nil, hal.ErrNotFound
	}
	m := f.lab.seen(f.server)
	return types.PackFRU(types.FRUPackConfig{
		Board:   &types.FRUPackBoard{MfgDate: m.plan.made(), Mfg: m.plan.Maker, Product: m.plan.Model, Serial: m.plan.Serial, PartNumber: m.plan.Model},
		Product: &types.FRUPackProduct{Manufacturer: m.plan.Maker, Name: m.plan.Model, PartModel: m.plan.Model, Version: "1", Serial: m.plan.Serial},
	})
}

func (ipmiFRU) Write(context.Context, uint8, []byte) error { return hal.ErrNotSupported }
func (ipmiFRU) Delete(context.Context, uint8) error        { return hal.ErrNotSupported }

func (ipmiFRU) DeviceIDs(context.Context) ([]uint8, error) { return []uint8{0}, nil }

// ipmiSDR is the repository of sensor records, which is the same on every
// controller. With an empty one ipmitool erases it to build its own.
type ipmiSDR struct{}

// sdrRecord is a management controller locator (IPMI 2.0, table 43-9): version
// 51h, type 12h, 14 bytes, at address 20h, with a FRU, named "BMC".
var sdrRecord = []byte{1, 0, 0x51, 0x12, 14, 0x20, 0, 0, 0x08, 0, 0, 0, 0x06, 1, 0, 0xc3, 'B', 'M', 'C'}

func (ipmiSDR) Read(_ context.Context, id uint16) ([]byte, error) {
	records := sensorRecords()
	if id == 0 || int(id) > len(records) {
		return nil, hal.ErrNotFound
	}
	return slices.Clone(records[id-1]), nil
}

func (ipmiSDR) Write(context.Context, uint16, []byte) error { return hal.ErrNotSupported }
func (ipmiSDR) Delete(context.Context, uint16) error        { return hal.ErrNotSupported }

func (ipmiSDR) RecordIDs(context.Context) ([]uint16, error) {
	var ids []uint16
	for n := range sensorRecords() {
		ids = append(ids, uint16(n+1))
	}
	return ids, nil
}

// wireGUID is a UUID in the order of SMBIOS, as ipmitool expects it: the first
// three fields with their least significant byte first.
func wireGUID(uuid string) (id [16]byte) {
	raw, err := hex.DecodeString(strings.ReplaceAll(uuid, "-", ""))
	if err != nil || len(raw) != len(id) {
		panic("lab: a UUID of its own making is none: " + uuid)
	}
	copy(id[:], raw)
	slices.Reverse(id[0:4])
	slices.Reverse(id[4:6])
	slices.Reverse(id[6:8])
	return id
}
