package bmc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spinware/piket/remediation"
)

// fromDisk is what a BMC says of a machine that starts as its firmware would.
const fromDisk = "none"

// redfishOverride puts a ComputerSystem's Boot (DSP0268) into words: "none", or
// the device and for how long, such as "pxe once". One that the BMC does not tell
// is not known.
func redfishOverride(enabled, target string) told {
	device := strings.ToLower(clause(target))
	if word, ok := map[string]string{"cd": "cdrom", "hdd": "disk", "biossetup": "bios", "": fromDisk}[device]; ok {
		device = word
	}
	switch {
	case enabled == "Disabled", device == fromDisk && enabled != "":
		return told{fromDisk, true}
	case enabled == "Once":
		return told{device + " once", true}
	case enabled == "Continuous":
		return told{device + " always", true}
	}
	return told{}
}

// ipmiDevices are the boot devices of parameter 5, boot flags (IPMI 2.0, table
// 28-14), in data 2, bits 5 to 2.
var ipmiDevices = map[byte]string{0: fromDisk, 1: "pxe", 2: "disk", 3: "disk-safe-mode", 4: "diag", 5: "cdrom", 6: "bios", 8: "remote-cdrom", 0xb: "remote-disk", 0xf: "floppy"}

// parseBootFlags reads Get System Boot Options, parameter 5: its version, its
// number (with bit 7 when what follows does not count), five bytes of data.
func parseBootFlags(printed string) told {
	const size, parameter = 7, 5
	raw := rawBytes(printed)
	if len(raw) != size || raw[1] != parameter {
		return told{}
	}
	flags, device := raw[2], raw[3]>>2&0xf
	word, ok := ipmiDevices[device]
	if !ok {
		word = fmt.Sprintf("device-%d", device)
	}
	switch {
	case word == fromDisk:
		return told{fromDisk, true}
	case flags&0x80 == 0: // most BMCs clear the bit at the next start, and leave the device
		return told{fromDisk + ", with " + word + " left over", true}
	case flags&0x40 != 0:
		return told{word + " always", true}
	}
	return told{word + " once", true}
}

// startsAsPlanned says why a power command must not be sent to a machine that says
// to start from there; nil when it may. planned is the device that was set for this
// very restart, "" for none. Without one, a BMC that does not tell is no reason: a
// person was asked.
func startsAsPlanned(starts told, planned string) error {
	switch {
	case planned == "" && (!starts.known || remediation.FromDisk(starts.text)):
		return nil
	case planned == "":
		return fmt.Errorf("the BMC is set to start the machine from something else (%s), which was not set for this: it could be wiped", starts.text)
	case !starts.known:
		return fmt.Errorf("the BMC does not say any more whether it starts the machine from %s", planned)
	case starts.text != planned+" once":
		return fmt.Errorf("the machine was to start from %s once, and the BMC says %q", planned, starts.text)
	}
	return nil
}

// settable says why a boot device must not be set on a machine; nil when it may.
// What somebody else has set is theirs, and what cannot be read back could never be
// seen to be gone.
func settable(starts told) error {
	switch {
	case !starts.known:
		return errors.New("the BMC does not say from what it starts the machine, so nobody could see whether that was set or taken back")
	case !remediation.FromDisk(starts.text):
		return fmt.Errorf("somebody else has set it to start from something else (%s)", starts.text)
	}
	return nil
}

// isGone reports whether nothing is left of the boot device that piket has set. What
// is left over does not count by the standard, and is taken away all the same.
func isGone(starts told, device string) bool {
	return starts.known && (starts.text == fromDisk || device != "" && !strings.Contains(starts.text, device))
}
