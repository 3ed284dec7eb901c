package bmc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
)

// onBMC makes the order one for the boot device or the drive.
func onBMC(o remediation.Order, action, verb string) remediation.Order {
	o.Intent.Action, o.Intent.Verb, o.Intent.Boot = action, verb, ""
	if verb == incident.BootNone || verb == incident.MediaEject {
		o.Intent.Duty, o.Intent.Boot = 1, "pxe"
	}
	return o
}

func pxe(o remediation.Order) remediation.Order { return onBMC(o, incident.ActionBoot, "pxe") }
func noBoot(o remediation.Order) remediation.Order {
	return onBMC(o, incident.ActionBoot, incident.BootNone)
}

// writes lists what changed something on the lab's wire, power apart.
func writes(world *lab.Datacenter) []string {
	var list []string
	for _, e := range world.WireLog() {
		if strings.HasPrefix(e.What, "boot ") || strings.HasPrefix(e.What, "media ") {
			list = append(list, e.What)
		}
	}
	return list
}

// protocols runs a story on a Redfish BMC and, where ipmitool is, on an IPMI one.
func protocols(t *testing.T, fault lab.Fault, story func(*testing.T, *lab.Datacenter, remediation.Order)) {
	t.Helper()
	for _, ipmi := range []bool{false, true} {
		name := map[bool]string{false: "web-01", true: "db-02"}[ipmi]
		if ipmi && !haveIPMITool(t) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world, o := labOrder(t, ipmi, name, fault)
			story(t, world, o)
		})
	}
}

func TestABootDeviceIsSetOnceReadBackAndTakenBack(t *testing.T) {
	protocols(t, "", func(t *testing.T, world *lab.Datacenter, o remediation.Order) {
		check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeDone, "pxe once")
		if got := bmc.Probe(t.Context(), probes.Target{BMC: o.Server.BMC}); got.Facts["boot_override"] != "pxe once" || !strings.Contains(got.Reason, "set to start from pxe once") {
			t.Errorf("the look says %v: %s", got.Facts, got.Reason)
		}
		check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeRefused, "somebody else has set it")
		check(t, bmc.Boot(t.Context(), noBoot(o)), incident.OutcomeDone, "none")
		check(t, bmc.Boot(t.Context(), noBoot(o)), incident.OutcomeDone, "gone already")
		if got := writes(world); !slices.Equal(got, []string{"boot pxe once", "boot none disabled"}) || world.PowerSends() != 0 {
			t.Errorf("on the wire: %q, and %d power commands", got, world.PowerSends())
		}
	})
}

func TestABMCThatForgetsTheBootDeviceIsNotBelieved(t *testing.T) {
	protocols(t, lab.BMCForgetsBoot, func(t *testing.T, world *lab.Datacenter, o remediation.Order) {
		check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeUnknown, `then says "none"`)
		if len(writes(world)) != 1 {
			t.Errorf("on the wire: %q", writes(world))
		}
	})
}

func TestALostReplyToABootOrderIsUnknownAndNotSentAgain(t *testing.T) {
	protocols(t, lab.BMCDropsReply, func(t *testing.T, world *lab.Datacenter, o remediation.Order) {
		check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeUnknown, "")
		if len(writes(world)) != 1 {
			t.Errorf("on the wire: %q", writes(world))
		}
	})
}

func TestABootDeviceIsNeverSetOnAnotherMachine(t *testing.T) {
	protocols(t, lab.BMCWrongIdentity, func(t *testing.T, world *lab.Datacenter, o remediation.Order) {
		check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeRefused, "not the machine it should be")
		check(t, bmc.Boot(t.Context(), noBoot(o)), incident.OutcomeRefused, "not the machine it should be")
		if len(writes(world)) != 0 {
			t.Errorf("on the wire: %q", writes(world))
		}
	})
}

func TestABootOrderAsksLastRightBeforeTheWrite(t *testing.T) {
	protocols(t, "", func(t *testing.T, world *lab.Datacenter, o remediation.Order) {
		o.Last = func() error { return errFrozen }
		check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeRefused, "piket is frozen")
		if len(writes(world)) != 0 {
			t.Errorf("on the wire: %q", writes(world))
		}
	})
}

func TestNoPowerCommandGoesToAMachineThatStartsFromSomethingUnplanned(t *testing.T) {
	protocols(t, lab.Hung, func(t *testing.T, world *lab.Datacenter, o remediation.Order) {
		for _, set := range [][2]string{{"Pxe", "Once"}, {"Pxe", "Continuous"}, {"BiosSetup", "Once"}, {"Cd", "Once"}} {
			if err := world.SetBoot(o.Server.Name, set[0], set[1]); err != nil {
				t.Fatal(err)
			}
			check(t, bmc.Power(t.Context(), o), incident.OutcomeRefused, "was not set for this")
		}
		planned := o
		planned.Intent.Boot = "pxe"
		for _, set := range [][2]string{{"None", "Disabled"}, {"Pxe", "Continuous"}, {"Cd", "Once"}} {
			if err := world.SetBoot(o.Server.Name, set[0], set[1]); err != nil {
				t.Fatal(err)
			}
			check(t, bmc.Power(t.Context(), planned), incident.OutcomeRefused, "was to start from pxe once")
		}
		if world.PowerSends() != 0 {
			t.Fatalf("%d power commands on the wire", world.PowerSends())
		}
		if err := world.SetBoot(o.Server.Name, "Pxe", "Once"); err != nil {
			t.Fatal(err)
		}
		check(t, bmc.Power(t.Context(), planned), incident.OutcomeDone, "")
		if err := world.SetBoot(o.Server.Name, "Hdd", "Continuous"); err != nil {
			t.Fatal(err)
		}
		if got := bmc.Power(t.Context(), o); strings.Contains(got.Detail, "was not set") {
			t.Errorf("the disk is refused: %s", got.Detail)
		}
	})
}

func TestABMCThatDoesNotTellItsBootDeviceIsNotGivenOne(t *testing.T) {
	b := startRedfish(t) // its system has no Boot
	o := order(b.inventory(), "pxe")
	o.Intent.Action = incident.ActionBoot
	check(t, bmc.Boot(t.Context(), o), incident.OutcomeRefused, "does not say from what it starts")
	check(t, bmc.Power(t.Context(), order(b.inventory(), "cycle")), incident.OutcomeDone, "") // a person was asked
	planned := order(b.inventory(), "cycle")
	planned.Intent.Boot = "pxe"
	check(t, bmc.Power(t.Context(), planned), incident.OutcomeRefused, "does not say any more")
	if got := b.received(); len(got) != 1 {
		t.Errorf("the BMC received %q", got)
	}
}

func TestABootOrderForSomethingElseIsRefused(t *testing.T) {
	for _, verb := range []string{"", "disk", "bios", "Pxe", "pxe always", "reset"} {
		o := order(startRedfish(t).inventory(), verb)
		check(t, bmc.Boot(t.Context(), o), incident.OutcomeRefused, "not a boot device that piket sets")
	}
}

// images are those of the lab, whose certificates its own authority has signed.
func images(world *lab.Datacenter) bmc.Images {
	return bmc.Images{CAFile: world.CAFile}
}

// imageOrder is an order for the lab's image on a Redfish server.
func imageOrder(t *testing.T, fault lab.Fault) (*lab.Datacenter, remediation.Order) {
	t.Helper()
	world, o := labOrder(t, false, "web-01", fault)
	o = onBMC(o, incident.ActionMedia, incident.MediaInsert)
	o.Intent.ISO, o.Intent.SHA256 = world.Image()
	return world, o
}

func TestAnImageIsReadThroughInsertedSeenAndTakenOut(t *testing.T) {
	world, o := imageOrder(t, "")
	im := images(world)
	check(t, im.Action(t.Context(), o), incident.OutcomeDone, "shows it")
	check(t, im.Action(t.Context(), o), incident.OutcomeRefused, "something is in a virtual drive already")
	eject := onBMC(o, incident.ActionMedia, incident.MediaEject)
	other := eject
	other.Intent.ISO += ".other"
	check(t, im.Action(t.Context(), other), incident.OutcomeDone, "gone already") // what is in it is not what piket put there
	check(t, im.Action(t.Context(), eject), incident.OutcomeDone, "shows it")
	check(t, im.Action(t.Context(), eject), incident.OutcomeDone, "gone already")
	if got := writes(world); !slices.Equal(got, []string{"media insert " + o.Intent.ISO, "media eject"}) || world.PowerSends() != 0 {
		t.Errorf("on the wire: %q", got)
	}
}

func TestAnImageThatIsNotTheOneAgreedToIsNotInserted(t *testing.T) {
	world, o := imageOrder(t, "")
	o.Intent.SHA256 = strings.Repeat("0", 64)
	check(t, images(world).Action(t.Context(), o), incident.OutcomeRefused, "not the one that was agreed to")
	_, o = imageOrder(t, "")
	o.Intent.ISO += "x"
	check(t, images(world).Action(t.Context(), o), incident.OutcomeRefused, "could not be read")
	stranger := bmc.Images{CAFile: func() string { return "" }}
	world, o = imageOrder(t, "")
	check(t, stranger.Action(t.Context(), o), incident.OutcomeRefused, "could not be read")
	world.BreakImages()
	check(t, images(world).Action(t.Context(), o), incident.OutcomeRefused, "could not be read")
	if got := writes(world); len(got) > 0 {
		t.Errorf("on the wire: %q", got)
	}
}

func TestABMCThatForgetsOrDoesNotAnswerLeavesAnImageUnknown(t *testing.T) {
	for _, fault := range []lab.Fault{lab.BMCForgetsBoot, lab.BMCDropsReply} {
		world, o := imageOrder(t, fault)
		check(t, images(world).Action(t.Context(), o), incident.OutcomeUnknown, "")
		if len(writes(world)) != 1 {
			t.Errorf("%s: on the wire: %q", fault, writes(world))
		}
	}
	world, o := imageOrder(t, lab.BMCWrongIdentity)
	check(t, images(world).Action(t.Context(), o), incident.OutcomeRefused, "not the machine it should be")
	if len(writes(world)) != 0 {
		t.Errorf("on the wire: %q", writes(world))
	}
}

func TestAnIPMIControllerHasNoVirtualDrive(t *testing.T) {
	world, o := imageOrder(t, "")
	b := *o.Server.BMC
	b.Protocol = "ipmi"
	o.Server.BMC = &b
	check(t, images(world).Action(t.Context(), o), incident.OutcomeRefused, "knows no virtual drive")
}

// chassisControl is the program by which OpenIPMI's simulator keeps its boot device
// and tells what it was asked.
const chassisControl = `#!/bin/sh
dir=%s
echo "$@" >>"$dir/asked"
shift
verb=$1
shift
case "$verb" in
get) for what; do
	case "$what" in
	boot) read -r device <"$dir/boot" && echo "boot:$device" ;;
	*) echo "$what:0" ;;
	esac
done ;;
set) [ "$1" = boot ] && echo "$2" >"$dir/boot" ;;
esac
exit 0
`

// OpenIPMI's simulator takes the boot flags and does not say that they are valid: as
// a BMC that does so is not believed, and what may stand there is taken back.
func TestBootFlagsOnASimulatorThatOthersWrote(t *testing.T) {
	dir := t.TempDir()
	control := filepath.Join(dir, "control")
	for name, text := range map[string]string{"control": fmt.Sprintf(chassisControl, dir), "boot": "none\n", "asked": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sim, ok := startSimulator(t, fmt.Sprintf("chassis_control %q", control+" 0x20"))
	if !ok {
		return
	}
	w := newWatch()
	if got := w.Probe(t.Context(), target(sim.bmc)); got.Facts["boot_override"] != "none" {
		t.Errorf("at first the look says %v", got.Facts["boot_override"])
	}
	o := order(sim.bmc, "")
	check(t, bmc.Boot(t.Context(), pxe(o)), incident.OutcomeUnknown, "with pxe left over")
	w.pass(5)
	got := w.Probe(t.Context(), target(sim.bmc))
	if said := got.Facts["boot_override"]; said != "none, with pxe left over" || !remediation.FromDisk(fmt.Sprint(said)) {
		t.Errorf("then the look says %v", said)
	}
	check(t, bmc.Boot(t.Context(), noBoot(o)), incident.OutcomeDone, "says: none")
	check(t, bmc.Boot(t.Context(), noBoot(o)), incident.OutcomeDone, "gone already")
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil || strings.Count(string(asked), "set boot pxe") != 1 || strings.Count(string(asked), "set boot none") != 1 {
		t.Errorf("it was asked\n%s", asked)
	}
}
