package bmc_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
)

// simLAN and simCommands make OpenIPMI's simulator a BMC with a fan below its
// limit and a power supply without input, in the forms of ipmi_lan(5) and
// ipmi_sim_cmd(5). Without a guid it would not speak IPMI 2.0.
const (
	simLAN = `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 %d
    priv_limit admin
    allowed_auths_admin md5
    guid 33221100554477668899aabbccddeeff
  endlan%s
  user 1 true "" "unused" admin 10 none
  user 2 true "%s" "%s" admin 10 md5
`
	simCommands = `mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
sensor_add 0x20 0 1 4 0x01
sensor_set_threshold 0x20 0 1 readable 000011 0 0 0 0 6 8
sensor_set_value 0x20 0 1 0x05 0
sensor_set_event_support 0x20 0 1 enable scanning per-state 000000000000101 000000000000101 000000000000101 000000000000101
sensor_add 0x20 0 2 8 0x6f
sensor_set_bit 0x20 0 2 0 1 0
sensor_set_bit 0x20 0 2 3 1 0
sensor_set_event_support 0x20 0 2 enable scanning per-state 000000000001111 000000000001111 000000000001111 000000000001111
mc_add_fru_data 0x20 0 %d data %s
mc_enable 0x20
`
	simSensors = `sdr type 1
	sensor_owner_id 0x20
	sensor_owner_lun 0
	channel_number 0
	sensor_number 1
	entity_id cooling_unit
	entity_instance 1
	init_scanning true
	init_events true
	init_thresholds true
	init_sensor_type true
	default_event_gen_on true
	default_sensor_scan_on true
	sensor_type Fan
	event_reading_type_code 1
	sensor_threshold_access readable
	analog_data_format unsigned
	base_unit RPM
	m 100
	b 0
	sensor_maximum 255
	sensor_minimum 0
	return_lnc true
	return_lc true
	lnc_thrsh_readable true
	lc_thrsh_readable true
	lc_thresh 6
	lnc_thresh 8
	id_string "Fan 1a"
endsdr
sdr type 2
	sensor_owner_id 0x20
	sensor_owner_lun 0
	channel_number 0
	sensor_number 2
	entity_id power_supply
	entity_instance 1
	sensor_type Power_Supply
	event_reading_type_code 0x6f
	id_string "PS1 Status"
endsdr
`
)

// simulator is a running ipmi_sim.
type simulator struct {
	t   *testing.T
	dir string
	bmc *inventory.BMC
}

// startSimulator runs ipmi_sim, with more lines for its configuration. It is not ok
// where the simulator is not installed.
func startSimulator(t *testing.T, lines ...string) (sim simulator, ok bool) {
	t.Helper()
	if _, err := exec.LookPath("ipmi_sim"); err != nil || !haveIPMITool(t) {
		if os.Getenv("PIKET_REQUIRE_PEERS") != "" {
			t.Fatal("ipmi_sim is not installed, and PIKET_REQUIRE_PEERS asks for it")
		}
		return simulator{}, false
	}
	fru, err := types.PackFRU(types.FRUPackConfig{Product: &types.FRUPackProduct{Manufacturer: "Example", Name: "Server", Serial: serial}})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := socket.LocalAddr().(*net.UDPAddr).Port
	_ = socket.Close()
	sim = simulator{t: t, dir: t.TempDir(), bmc: &inventory.BMC{
		Protocol: "ipmi", Address: "127.0.0.1", Port: port, CipherSuite: 3, Username: username, Password: secretFile(t, password),
	}}
	sim.write("state/ipmi_sim/bmc/none", "")
	lan := sim.write("lan.conf", fmt.Sprintf(simLAN, port, strings.Join(append([]string{""}, lines...), "\n  "), username, password))
	commands := sim.write("commands", fmt.Sprintf(simCommands, len(fru), hexBytes(fru)))
	sim.run("sdrcomp", "-o", filepath.Join(sim.dir, "state/ipmi_sim/bmc/sdr.20.main"), sim.write("sensors", simSensors))
	sim.spawn("-c", lan, "-f", commands, "-s", filepath.Join(sim.dir, "state"), "-n")
	return sim, true
}

// hexBytes writes bytes as the simulator's commands want them.
func hexBytes(data []byte) string {
	words := make([]string, len(data))
	for n, b := range data {
		words[n] = fmt.Sprintf("0x%02x", b)
	}
	return strings.Join(words, " ")
}

func (sim simulator) write(name, text string) string {
	sim.t.Helper()
	path := filepath.Join(sim.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		sim.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		sim.t.Fatal(err)
	}
	return path
}

func (sim simulator) run(program string, args ...string) string {
	sim.t.Helper()
	out, err := exec.CommandContext(sim.t.Context(), program, args...).CombinedOutput()
	if err != nil {
		sim.t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// spawn starts the simulator and returns when it answers.
func (sim simulator) spawn(args ...string) {
	sim.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	process := exec.CommandContext(ctx, "ipmi_sim", args...)
	if err := process.Start(); err != nil {
		stop()
		sim.t.Fatal(err)
	}
	sim.t.Cleanup(func() { stop(); _ = process.Wait() })
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 200 {
		if exec.CommandContext(sim.t.Context(), "ipmitool", sim.args("chassis", "power", "status")...).Run() == nil {
			return
		}
		<-tick.C
	}
	sim.t.Fatal("the simulator does not answer")
}

func (sim simulator) args(words ...string) []string {
	return append([]string{"-I", "lanplus", "-C", "3", "-N", "1", "-R", "1", "-H", "127.0.0.1", "-p", strconv.Itoa(sim.bmc.Port),
		"-U", username, "-P", password}, words...)
}

func (sim simulator) ipmitool(words ...string) string {
	sim.t.Helper()
	return sim.run("ipmitool", sim.args(words...)...)
}

func TestWitnessReadsASimulatorThatOthersWrote(t *testing.T) {
	sim, ok := startSimulator(t)
	if !ok {
		return
	}
	lost := sim.write("lost", "0x04 0x08 0x02 0x6f 0x03 0xff 0xff\n")
	sim.ipmitool("sel", "add", lost) // before the clock is set
	w := newWatch()
	expect(t, w.Probe(t.Context(), target(sim.bmc)), probes.Up,
		map[string]any{"state": "off", "health": "Critical", "psu_lost": true, "sel_new": 1},
		"sensor Fan 1a: 500 RPM, critical below 600",
		"sensor PS1 Status: Presence detected, Power Supply AC lost, critical",
		"log, no clock: PS1 Status: Power Supply AC lost")
	sim.ipmitool("sel", "time", "set", night.Add(time.Minute).Format("01/02/06 15:04:05"))
	sim.ipmitool("sel", "add", lost)
	w.pass(5)
	got := w.Probe(t.Context(), target(sim.bmc))
	expect(t, got, probes.Up, map[string]any{"sel_new": 1}, "PS1 Status: Power Supply AC lost")
	if strings.Contains(evidence(got), "no clock") || !strings.Contains(evidence(got), "log, 2026-11-23 03:0") {
		t.Errorf("the clock was set:\n%s", evidence(got))
	}
	// The simulator's clock is an hour fast: what it dates is corrected.
	sim.ipmitool("sel", "time", "set", night.Add(64*time.Minute).Format("01/02/06 15:04:05"))
	sim.ipmitool("sel", "add", sim.write("booted", "0x04 0x1f 0x82 0x6f 0x01 0xff 0xff\n0x04 0x20 0x83 0x6f 0x01 0xff 0xff\n"))
	w.pass(5)
	got = w.Probe(t.Context(), target(sim.bmc))
	event, _ := got.Facts["boot_event"].(string)
	stop, _ := got.Facts["panic"].(string)
	if !strings.HasPrefix(event, "2026-11-23T03:") || !strings.HasPrefix(stop, "2026-11-23T03:") {
		t.Errorf("boot at %q, panic %q\n%s", event, stop, evidence(got))
	}
	sim.ipmitool("sel", "clear") // and the numbers begin again
	sim.ipmitool("sel", "time", "set", night.Add(5*time.Minute).Format("01/02/06 15:04:05"))
	sim.ipmitool("sel", "add", lost)
	w.pass(5)
	expect(t, w.Probe(t.Context(), target(sim.bmc)), probes.Up, map[string]any{"sel_new": 1}, "03:05:0")
}
