package bmc

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
)

// boot says nothing: IPMI tells of boots in its log only.
func (s *ipmi) boot() boot { return boot{} }

// standing asks whether a serial console is open (Get Payload Activation Status,
// IPMI 2.0, 24.4) and whether firmware is being written (HPM.1 Get Upgrade
// Status). IPMI does not know of a console in a browser. A BMC that has not the
// one or the other refuses, which is not known, and no trouble.
func (s *ipmi) standing(ctx context.Context) standing {
	var found standing
	if out, err := s.run(ctx, "raw", "0x06", "0x4a", "0x01"); err != nil {
		found.gap("consoles", errNotOffered)
	} else {
		found.console = parseSOL(out)
	}
	if out, err := s.run(ctx, "raw", "0x2c", "0x34", "0x00"); err != nil {
		found.gap("jobs", errNotOffered)
	} else {
		found.task = parseUpgrade(out)
	}
	return found
}

var errNotOffered = errors.New("the BMC does not answer that over IPMI")

// rawBytes returns the bytes that ipmitool prints of an answer: the last line
// of them, because what else it says comes before.
func rawBytes(printed string) []byte {
	var last []byte
	for line := range strings.Lines(printed) {
		if raw, err := hex.DecodeString(strings.Join(strings.Fields(line), "")); err == nil && len(raw) > 0 {
			last = raw
		}
	}
	return last
}

// parseSOL reads Get Payload Activation Status: how many there can be, then a
// bit for each that is open.
func parseSOL(printed string) told {
	const size = 3
	raw := rawBytes(printed)
	switch {
	case len(raw) != size:
		return told{}
	case raw[1] != 0 || raw[2] != 0:
		return told{"a serial console over LAN", true}
	}
	return told{known: true}
}

// HPM.1 (PICMG), table 3-7: the commands that begin an upgrade and carry it, and
// the code of one that is at work.
const (
	hpmInitiate = 0x31
	hpmUpload   = 0x32
	hpmFinish   = 0x33
	hpmAtWork   = 0x80
)

// parseUpgrade reads Get Upgrade Status: the body of PICMG (00h), the last
// command, its code. Between the blocks of an upload no command is at work, and
// the upgrade is.
func parseUpgrade(printed string) told {
	const least, most = 3, 4
	raw := rawBytes(printed)
	switch {
	case len(raw) < least || len(raw) > most || raw[0] != 0:
		return told{}
	case raw[2] == hpmAtWork || raw[1] >= hpmInitiate && raw[1] <= hpmUpload && raw[2] == 0:
		return told{"a firmware upgrade (HPM.1)", true}
	case raw[1] == hpmFinish:
		return told{} // over, or waiting to be activated
	}
	return told{known: true}
}
