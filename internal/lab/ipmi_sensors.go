package lab

import (
	"context"

	"github.com/bougou/go-ipmi/pkg/handlers"
	"github.com/bougou/go-ipmi/pkg/types"
)

// rpmPerCount is what one count of a fan's reading stands for.
const rpmPerCount = 100

// gauge is a sensor with a scale, and its limits in counts; 0 means none.
type gauge struct {
	sensor, entity, instance, kind, unit byte
	name                                 string
	perCount                             byte
	lowerWarning, lowerCritical          byte
	upperWarning, upperCritical          byte
}

// lamp is a sensor that reports states.
type lamp struct {
	sensor, entity, instance, kind byte
	name                           string
}

// The sensors of an IPMI controller, with entities and units of IPMI 2.0,
// tables 43-13 and 43-15.
var (
	gauges = []gauge{
		{sensor: inletSensor, entity: 0x37, instance: 1, kind: 0x01, unit: 1, name: "Inlet", perCount: 1,
			upperWarning: inletWarning, upperCritical: inletCritical},
		{sensor: fan1Sensor, entity: 0x1d, instance: 1, kind: 0x04, unit: 18, name: "Fan 1", perCount: rpmPerCount,
			lowerWarning: fanWarningRPM / rpmPerCount, lowerCritical: fanCriticalRPM / rpmPerCount},
		{sensor: fan2Sensor, entity: 0x1d, instance: 2, kind: 0x04, unit: 18, name: "Fan 2", perCount: rpmPerCount,
			lowerWarning: fanWarningRPM / rpmPerCount, lowerCritical: fanCriticalRPM / rpmPerCount},
	}
	lamps = []lamp{
		{psu1Sensor, 0x0a, 1, 0x08, "PSU 1"},
		{psu2Sensor, 0x0a, 2, 0x08, "PSU 2"},
		{cpuSensor, 0x03, 1, 0x07, "CPU 1"},
	}
)

// serveSensors answers the commands that read sensors (IPMI 2.0, chapter 35).
func (c *ipmi) serveSensors(r *handlers.Registry) {
	r.RegisterFunc(types.CommandGetSensorReading, c.sensorReading)
	r.RegisterFunc(types.CommandGetSensorThresholds, c.sensorThresholds)
}

// Bits of Get Sensor Reading (table 35-15).
const (
	scanning    = 0xc0 // events and scanning are enabled
	unavailable = 0x20
	belowLower  = 0x03 // below the lower warning and the lower critical limit
	psuPresent  = 0x01
	psuACLost   = 0x08
	cpuIERR     = 0x01
	cpuPresent  = 0x80
	stateFiller = 0x80 // the highest bit of the second byte of states is always set
)

func (c *ipmi) sensorReading(_ context.Context, _ *handlers.HandlerContext, request []byte) ([]byte, types.CompletionCode, error) {
	if len(request) == 0 {
		return nil, types.CodeRequestDataTruncated, nil
	}
	h := c.lab.seen(c.server).hardware
	fan := func(rpm int) []byte {
		out := []byte{byte(rpm / rpmPerCount), scanning, 0, 0}
		switch {
		case !h.on:
			out[0], out[1] = 0, scanning|unavailable
		case rpm <= fanCriticalRPM:
			out[2] = belowLower
		}
		return out
	}
	state := func(bits byte, more byte, trouble bool) []byte {
		if trouble {
			bits |= more
		}
		return []byte{0, scanning, bits, stateFiller}
	}
	switch request[0] {
	case inletSensor:
		return []byte{inletCelsius, scanning, 0, 0}, types.CodeOK, nil
	case fan1Sensor:
		return fan(fanRPM), types.CodeOK, nil
	case fan2Sensor:
		return fan(h.fan2), types.CodeOK, nil
	case psu1Sensor:
		return state(psuPresent, psuACLost, false), types.CodeOK, nil
	case psu2Sensor:
		return state(psuPresent, psuACLost, h.psuFailed), types.CodeOK, nil
	case cpuSensor:
		return state(cpuPresent, cpuIERR, h.cpuFailed), types.CodeOK, nil
	}
	return nil, types.CodeRequestedDataNotPresent, nil
}

func (c *ipmi) sensorThresholds(_ context.Context, _ *handlers.HandlerContext, request []byte) ([]byte, types.CompletionCode, error) {
	for _, g := range gauges {
		if len(request) > 0 && request[0] == g.sensor {
			return []byte{g.mask(), g.lowerWarning, g.lowerCritical, 0, g.upperWarning, g.upperCritical, 0}, types.CodeOK, nil
		}
	}
	return nil, types.CodeRequestedDataNotPresent, nil
}

// mask says which limits g has, in the order of the specification.
func (g gauge) mask() (mask byte) {
	for bit, limit := range []byte{g.lowerWarning, g.lowerCritical, 0, g.upperWarning, g.upperCritical} {
		if limit != 0 {
			mask |= 1 << bit
		}
	}
	return mask
}

// record is g as a full sensor record (table 43-1).
func (g gauge) record(id byte) []byte {
	const readable, reads = 0x44, 0x01 // re-arms itself, limits can be read; a sensor with limits
	body := []byte{
		0x20, 0, g.sensor, g.entity, g.instance, 0x7f, readable, g.kind, reads,
		0, g.mask() << 4 & 0x70, 0, 0, g.mask(), 0, // what it compares with and what can be read
		0, g.unit, 0, 0, g.perCount, 0, 0, 0, 0, 0, // unsigned, linear: reading × perCount
		0, 0, 0, 0, 0xff, 0,
		0, g.upperCritical, g.upperWarning, 0, g.lowerCritical, g.lowerWarning,
		0, 0, 0, 0, 0,
	}
	return sdr(id, 0x01, body, g.name)
}

// record is l as a compact sensor record (table 43-2).
func (l lamp) record(id byte) []byte {
	const rearms, states = 0x40, 0x6f
	body := []byte{
		0x20, 0, l.sensor, l.entity, l.instance, 0x67, rearms, l.kind, states,
		0xff, 0, 0xff, 0, 0xff, 0, 0xc0, 0, 0, // the eight states that are reported; no scale
		1, 0, 0, 0, 0, 0, 0, 0,
	}
	return sdr(id, 0x02, body, l.name)
}

// sdr puts the header before a record, and the name behind it in 8-bit letters.
func sdr(id, kind byte, body []byte, name string) []byte {
	body = append(append(body, 0xc0|byte(len(name))), name...)
	return append([]byte{id, 0, 0x51, kind, byte(len(body))}, body...)
}

// sensorRecords are the repository: the controller itself, then its sensors.
func sensorRecords() [][]byte {
	records := [][]byte{sdrRecord}
	for _, g := range gauges {
		records = append(records, g.record(byte(len(records)+1)))
	}
	for _, l := range lamps {
		records = append(records, l.record(byte(len(records)+1)))
	}
	return records
}
