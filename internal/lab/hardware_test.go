package lab_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/lab"
)

// The order tells the story: what failed, on which side, and that it is over.
func TestControllerLogsWhatFailsAndWhatIsRepaired(t *testing.T) {
	w := start(t)
	for _, f := range []lab.Fault{lab.PSUFailed, lab.Dead} {
		w.breaks("web-01", f)
	}
	w.wantHealth("Critical")
	if err := w.Repair("web-01"); err != nil {
		t.Fatal(err)
	}
	w.wantHealth("OK")
	_, log := w.bmc("web-01").get("/redfish/v1/Systems/1/LogServices/SEL/Entries")
	var got []string
	for _, m := range log["Members"].([]any) {
		e := m.(map[string]any)
		got = append(got, fmt.Sprint(e["Id"], " ", e["Severity"], " ", e["Message"]))
	}
	want := []string{
		"1 Critical PSU 2: Power Supply AC lost", "2 Critical CPU 1: Internal error (IERR)",
		"3 OK CPU 1: Internal error (IERR): Deasserted", "4 OK PSU 2: Power Supply AC lost: Deasserted",
		"5 OK System Boot Initiated: Initiated by power up",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("the log is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (w *world) wantHealth(want string) {
	w.t.Helper()
	_, system := w.bmc("web-01").get("/redfish/v1/Systems/1")
	if got := system["Status"].(map[string]any)["HealthRollup"]; got != want {
		w.t.Fatalf("the controller rolls health up to %v, want %s", got, want)
	}
}

func TestLogIsServedInPages(t *testing.T) {
	w := start(t)
	for range 7 {
		w.breaks("web-01", lab.Off)
	}
	_, page := w.bmc("web-01").get("/redfish/v1/Systems/1/LogServices/SEL/Entries?$skip=4&$top=2")
	members, _ := json.Marshal(page["Members"])
	if page["Members@odata.count"] != 7.0 || strings.Count(string(members), `"EntryType"`) != 2 || !strings.Contains(string(members), `"Id":"5"`) {
		t.Fatalf("got %v entries in all, and the page %s", page["Members@odata.count"], members)
	}
}

func TestSensorsShowABadFanAndADarkSupply(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.FanFailed)
	w.breaks("web-01", lab.PSUFailed)
	_, thermal := w.bmc("web-01").get("/redfish/v1/Chassis/1/Thermal")
	_, power := w.bmc("web-01").get("/redfish/v1/Chassis/1/Power")
	fan := thermal["Fans"].([]any)[1].(map[string]any)
	psu := power["PowerSupplies"].([]any)[1].(map[string]any)
	if fan["Reading"] != 600.0 || psu["LineInputVoltage"] != 0.0 {
		t.Fatalf("fan %v, supply %v", fan, psu)
	}
	w.breaks("web-01", lab.Off)
	_, thermal = w.bmc("web-01").get("/redfish/v1/Chassis/1/Thermal")
	if fan := thermal["Fans"].([]any)[0].(map[string]any); fan["Reading"] != nil {
		t.Fatalf("a machine that is off has a fan %v", fan)
	}
}

func TestIPMIToolReadsSensorsAndLog(t *testing.T) {
	w, ok := startIPMI(t)
	if !ok {
		return
	}
	w.wantIPMI("db-02", "Fan 2            | 03h | ok  | 29.2 | 5400 RPM", "sdr", "elist", "all")
	w.breaks("db-02", lab.FanFailed)
	w.breaks("db-02", lab.PSUFailed)
	w.breaks("db-02", lab.Dead)
	w.wantIPMI("db-02", "Fan 2            | 03h | lcr | 29.2 | 600 RPM", "sdr", "elist", "all")
	w.wantIPMI("db-02", "Presence detected, Power Supply AC lost", "sdr", "elist", "all")
	w.wantIPMI("db-02", "Lower Critical        : 800", "sensor", "get", "Fan 2")
	w.wantIPMI("db-02", "600.000    | RPM        | cr", "sensor")
	w.wantIPMI("db-02", "Power Supply #0x52 | Power Supply AC lost | Asserted", "sel", "list", "50")
	w.wantIPMI("db-02", "Processor #0x61 | IERR | Asserted", "sel", "list", "last", "1")
	w.wantIPMI("db-02", "Entries          : 3", "sel", "info")
	w.breaks("db-02", lab.Off)
	w.wantIPMI("db-02", "Fan 2            | 03h | ns", "sdr", "elist", "all")
	w.wantSends(0)
}
