package remediation

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// A reinstallation is two or three orders, each with a question and an intent of
// its own: the image, the boot device, the restart. One order for all of it would
// be several writes behind one yes, and when the answer to the first is lost
// nobody could say whether the next may follow. This way an unknown outcome ends
// it: nothing is restarted, and what may stand on the BMC is taken back.

// wipes reports whether a remedy is part of a reinstallation.
func (f Facts) wipes(r runbooks.Remedy) bool { return f.Runbook.Reinstalls(r.ID) }

// touches reports whether a remedy does something to a machine past its operating
// system.
func touches(r runbooks.Remedy) bool { return r.Power != "" || r.Prepares() }

// startsFrom is the device that a restart is planned to start from because this
// incident has set it, "" when it has not.
func (f Facts) startsFrom(r runbooks.Remedy) string {
	before, ok := f.Runbook.Before(r.ID)
	if a := f.Incident.Armed; ok && before.Boot != nil && r.Power != "" && f.rests(before) && a.Device != "" {
		return a.Device
	}
	return ""
}

// rests reports whether a preparation was carried out, surely, and was the last.
func (f Facts) rests(before runbooks.Remedy) bool {
	a := f.Incident.Armed
	return a != nil && !a.Unsure && a.By.Step == before.ID
}

// unprepared says which preparation a remedy lacks, "" when it lacks none.
func (f Facts) unprepared(r runbooks.Remedy) string {
	if before, ok := f.Runbook.Before(r.ID); ok && !f.rests(before) {
		return "step " + before.ID + ", which it rests on, was not carried out"
	}
	return ""
}

// WipeGuard is the guard that stands before every step which may wipe a disk.
const WipeGuard = "wipe"

// wipeLeave: a disk that was wiped does not come back. The inventory must say that
// nothing of a customer's is on the server's own disks.
func wipeLeave(f Facts, r runbooks.Remedy) *refusal {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	switch {
	case !f.wipes(r):
		return nil
	case server.Protected:
		return &refusal{Why: server.Name + " is protected, and piket never reinstalls what is"}
	case !server.Wipeable():
		return &refusal{Why: "customers' data may be on the disks of " + server.Name + ", which it would wipe: the inventory does not say data: none"}
	}
	return nil
}

// fewReinstalls: of all servers only so many are reinstalled in a day, whoever
// agrees.
func fewReinstalls(f Facts, r runbooks.Remedy) *refusal {
	if !r.Prepares() {
		return nil
	}
	begun := map[string]time.Time{} // incident → when it last set something
	for t := range f.others() {
		if t.Prepares() && t.Incident != f.Incident.ID && f.Now.Sub(t.PlannedAt) < memorySpan {
			begun[t.Incident] = t.PlannedAt
		}
	}
	var moments []time.Time
	for _, at := range begun {
		moments = append(moments, at)
	}
	until, full := fullUntil(moments, f.Limits.Reinstalls, memorySpan)
	switch {
	case !full:
		return nil
	case until.IsZero():
		return &refusal{Why: "no server may be reinstalled: the limit is 0 a day"}
	}
	return &refusal{Why: fmt.Sprintf("%d of at most %d servers were reinstalled within a day", len(begun), f.Limits.Reinstalls)}
}

// override is from what the BMC says that the machine starts next, in the words
// of its driver: "none", "pxe once", "disk always"; known is false when it does
// not say.
func (f Facts) override() (said string, known bool) {
	bmc, _ := f.finding("bmc")
	said, known = bmc.Facts["boot_override"].(string)
	return said, known && said != ""
}

// knownStart: whoever restarts a machine that is set to start from an installer
// wipes it, also months after somebody set that and forgot. The driver asks again
// in the session of the command.
func knownStart(f Facts, r runbooks.Remedy) *refusal {
	said, known := f.override()
	soon, planned := f.Now.Add(f.Limits.Fresh), f.startsFrom(r)
	switch {
	case f.Incident.Armed != nil && !r.Prepares() && planned == "": // over SSH a machine restarts as well
		return &refusal{Why: f.Incident.Armed.What() + ", which is to be taken back first", Until: soon}
	case !touches(r):
		return nil
	case !known && (r.Prepares() || planned != ""):
		return &refusal{Why: "the BMC does not say from what the machine starts next, so nobody could see that it was taken back"}
	case !known:
		return nil // trust asks a person
	case planned != "" && said != planned+" once":
		return &refusal{Why: fmt.Sprintf("it was set to start from %s, and the BMC says %q", incident.DeviceWords(planned), said)}
	case planned != "" || FromDisk(said):
		return nil
	}
	return &refusal{Why: fmt.Sprintf("its BMC is set to start it from something else (%s), which piket did not set for this: a restart could wipe it", said), Until: soon}
}

// FromDisk reports whether a machine starts from its own disk by what a BMC says of
// its boot override: no override, or one for the disk.
func FromDisk(said string) bool {
	return said == "none" || strings.HasPrefix(said, "none, with ") || said == "disk once" || said == "disk always"
}

// startUnknown says why nobody knows from what a restart would start the machine,
// "" when that is known, or nothing is restarted.
func (f Facts) startUnknown(r runbooks.Remedy) string {
	if _, known := f.override(); r.Power == "" || known {
		return ""
	}
	return "its BMC does not say from what it starts next"
}

// whatIsLost says to who is asked what a remedy leads to, "" for one that wipes
// nothing.
func (f Facts) whatIsLost(r runbooks.Remedy, server inventory.Server) string {
	if !f.wipes(r) {
		return ""
	}
	text := "THE DISKS OF " + strings.ToUpper(server.Name) + " ARE WIPED by what follows from this"
	if f.startsFrom(r) != "" {
		text = "THIS WIPES THE DISKS OF " + strings.ToUpper(server.Name)
	}
	var services []string
	for _, s := range server.Services {
		services = append(services, s.Name)
	}
	return fmt.Sprintf("%s (serial %s). By the inventory no customer's data is on them; services: %s; customers: %s; when they were last backed up is not known to piket",
		text, server.Serial, listed(services), listed(server.Customers))
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// maxArmed is how long a machine may stand ready for a restart that does not come.
const maxArmed = 30 * time.Minute

// over reports whether what stands on the BMC has no use any more: the restart that
// it was for is done, or will not come.
func (f Facts) over() bool {
	inc, a := f.Incident, f.Incident.Armed
	after, ok := f.Runbook.After(a.By.Step)
	step := inc.StepOf(after.ID)
	switch {
	case inc.Status != incident.Open, !ok, a.Unsure, inc.Order != nil, inc.AtWork(), f.Others.Hands != "":
		return true
	case inc.Verdict.Verdict != incident.VerdictServer:
		return true
	case step.Done != "", step.Attempts > 0:
		return true
	}
	return f.Now.Sub(a.At) > maxArmed
}

// takeBack takes from the BMC what piket has put there, whatever became of the
// reinstallation: a boot device that stays set would wipe the machine at some
// restart, months later. It needs no leave, because it undoes what had one, and
// does nothing to what is gone already.
func takeBack(f Facts) Move {
	inc := f.Incident
	a := inc.Armed
	switch {
	case a == nil || inc.Action.Live() || !f.over():
		return nil
	case f.Frozen != "":
		return attention(inc, "boot-left-frozen", a.What()+", and piket is frozen: "+f.Frozen)
	case a.Tries >= incident.TakeBacks:
		if m := attention(inc, "boot-left", a.What()+", and that could not be taken back: do it on its BMC, and restart nothing before"); m != nil {
			return m
		}
	}
	switch {
	case a.Tries >= maxTakeBacks, a.Tries > 0 && f.Now.Before(a.TriedAt.Add(takeBackPause(a.Tries))):
		return nil
	case !f.JustWatched && f.Goal.old(f.Now, f.Limits.Fresh):
		return f.look()
	}
	if why := f.otherMachine(); why != "" { // what is asked of another machine would be refused, and asked again
		return attention(inc, "boot-left-identity", a.What()+", and "+why)
	}
	return Intend{f.takingBack(*a)}
}

// maxTakeBacks bounds the tries in all; the executor has a bound of its own.
const maxTakeBacks = 12

// takeBackPause is how long to wait after so many tries.
func takeBackPause(tries int) time.Duration {
	if tries < incident.TakeBacks {
		return time.Minute
	}
	return time.Hour
}

// takingBack is the intent to take back the boot device, or when there is none any
// more the image.
func (f Facts) takingBack(a incident.Armed) incident.Intended {
	i := a.By
	i.Intent = fmt.Sprintf("%s/I%d", f.Incident.ID, f.Incident.Version+1)
	i.Duty, i.Boot, i.SHA256 = a.Tries+1, "", ""
	i = f.ofToday(i)
	i.NotAfter, i.VerifyBy = f.Now.Add(f.Limits.NotAfter), f.Now.Add(f.Limits.NotAfter)
	if a.Device != "" {
		i.Action, i.Verb, i.Boot, i.ISO = incident.ActionBoot, incident.BootNone, a.Device, "" // only what piket has set is its to take back
	} else {
		i.Action, i.Verb, i.ISO = incident.ActionMedia, incident.MediaEject, a.ISO
	}
	return i
}
