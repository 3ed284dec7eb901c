package lab_test

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/lab"
)

func hasIPMITool() bool {
	_, err := exec.LookPath("ipmitool")
	return err == nil
}

func TestIPMIWithoutIPMIToolIsAClearError(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), IPMI: true})
	if !errors.Is(err, lab.ErrNoIPMITool) || !strings.Contains(err.Error(), "apt-get install ipmitool") {
		t.Fatalf("got %v", err)
	}
}

// ipmitool asks a controller as an operator would.
func (w *world) ipmitool(name string, words ...string) (string, error) {
	w.t.Helper()
	b := w.server(name).BMC
	if b.Protocol != "ipmi" {
		w.t.Fatalf("the BMC of %s speaks %s", name, b.Protocol)
	}
	password, err := b.Password.Read()
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	argv := []string{"-I", "lanplus", "-C", "17", "-N", "1", "-R", "1", "-H", b.Address, "-p", strconv.Itoa(b.Port), "-U", b.Username, "-E"}
	command := exec.CommandContext(ctx, "ipmitool", append(argv, words...)...)
	command.Env = []string{"IPMITOOL_PASSWORD=" + password.Reveal()}
	out, err := command.CombinedOutput()
	return string(out), err
}

func (w *world) wantIPMI(name, says string, words ...string) {
	w.t.Helper()
	if out, err := w.ipmitool(name, words...); err != nil || !strings.Contains(out, says) {
		w.t.Fatalf("%s: %v: %v, want %q in\n%s", name, words, err, says, out)
	}
}

// startIPMI starts a lab that speaks IPMI. Where ipmitool is absent Start must
// say so, and there is nothing to talk to.
func startIPMI(t *testing.T) (w *world, ok bool) {
	t.Helper()
	if hasIPMITool() {
		return startWith(t, lab.Options{IPMI: true}), true
	}
	if _, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), IPMI: true}); !errors.Is(err, lab.ErrNoIPMITool) {
		t.Fatalf("there is no ipmitool, and Start says %v", err)
	}
	return nil, false
}

func TestIPMIPowerCommandsDriveTheSameMachine(t *testing.T) {
	w, ok := startIPMI(t)
	if !ok {
		return
	}
	w.breaks("db-02", lab.Hung)
	w.wantIPMI("db-02", "Power is on", "chassis", "power", "status")
	w.wantIPMI("db-02", "Cycle", "chassis", "power", "cycle")
	w.pass(2 * boot)
	w.wantCondition("db-02", lab.IsRunning)
	w.wantIPMI("db-02", "Reset", "chassis", "power", "reset")
	w.wantCondition("db-02", lab.IsBooting)
	w.pass(boot)
	w.wantIPMI("db-02", "Soft", "chassis", "power", "soft")
	w.pass(boot)
	w.wantIPMI("db-02", "Power is off", "chassis", "power", "status")
	if out, err := w.ipmitool("db-02", "chassis", "power", "cycle"); err == nil || !strings.Contains(out, "present state") {
		t.Errorf("cycle of a machine that is off: %v\n%s", err, out)
	}
	w.wantIPMI("db-02", "Up/On", "chassis", "power", "on")
	w.pass(boot)
	w.wantCondition("db-02", lab.IsRunning)
	w.wantIPMI("db-02", "Down/Off", "chassis", "power", "off")
	w.wantCondition("db-02", lab.IsOff)
	w.wantSends(6)
}

func TestIPMIControllersTellTheIdentityOfTheInventory(t *testing.T) {
	w, ok := startIPMI(t)
	if !ok {
		return
	}
	for _, name := range []string{"db-02", "mail-01"} {
		w.wantIPMI(name, w.server(name).UUID, "mc", "guid")
		w.wantIPMI(name, w.server(name).Serial, "fru", "print")
	}
	for name, other := range map[string]string{"db-02": "web-03", "mail-01": "app-02"} {
		w.breaks(name, lab.BMCWrongIdentity)
		w.wantIPMI(name, w.server(other).UUID, "mc", "guid")
		w.wantIPMI(name, w.server(other).Serial, "fru", "print", "0")
	}
}

func TestIPMIControllerFailsInEachWay(t *testing.T) {
	w, ok := startIPMI(t)
	if !ok {
		return
	}
	for _, c := range []struct {
		fault lab.Fault
		sends int // of one command; ipmitool sends again when no reply comes
		after lab.Condition
		fails bool
	}{
		{lab.BMCBadPassword, 0, lab.IsRunning, true},
		{lab.BMCUnreachable, 0, lab.IsRunning, true},
		{lab.BMCLies, 1, lab.IsHung, false},
		{lab.BMCSlowOff, 1, lab.IsOff, false},
	} {
		if err := w.Heal("mail-01"); err != nil {
			t.Fatal(err)
		}
		before := w.PowerSends()
		w.breaks("mail-01", c.fault)
		out, err := w.ipmitool("mail-01", "chassis", "power", "reset")
		if (err != nil) != c.fails {
			t.Errorf("%s: %v\n%s", c.fault, err, out)
		}
		w.pass(time.Hour)
		if sends := w.PowerSends() - before; sends != c.sends {
			t.Errorf("%s: %d power commands arrived, want %d", c.fault, sends, c.sends)
		}
		w.wantCondition("mail-01", c.after)
	}
}

func TestIPMIDroppedReplyMakesIPMIToolSendAgain(t *testing.T) {
	w, ok := startIPMI(t)
	if !ok {
		return
	}
	w.breaks("mail-01", lab.BMCDropsReply)
	if out, err := w.ipmitool("mail-01", "chassis", "power", "reset"); err == nil {
		t.Errorf("a reply arrived:\n%s", out)
	}
	if w.PowerSends() == 0 {
		t.Error("no command arrived")
	}
	w.wantCondition("mail-01", lab.IsBooting)
}
