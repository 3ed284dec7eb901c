package lab_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bmc-toolbox/bmclib/v2"
	"github.com/stmcginnis/gofish"

	"github.com/spinware/piket/internal/lab"
)

// patience bounds one conversation with a controller.
const patience = 10 * time.Second

// controller talks to one server's BMC through bmclib's Redfish provider.
type controller struct {
	w        *world
	name     string
	sessions bool // instead of basic authentication
}

func (w *world) bmc(name string) controller { return controller{w: w, name: name} }

// with opens a client for one conversation, as bmclib wants it.
func (c controller) with(f func(context.Context, *bmclib.Client) error) error {
	b := c.w.server(c.name).BMC
	password, err := b.Password.Read()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.w.t.Context(), patience)
	defer cancel()
	client := bmclib.NewClient(b.Address, b.Username, password.Reveal(),
		bmclib.WithRedfishPort(strconv.Itoa(b.Port)), bmclib.WithRedfishUseBasicAuth(!c.sessions),
		bmclib.WithSecureTLS(c.w.pool()), bmclib.WithPerProviderTimeout(patience))
	client.Registry.Drivers = client.Registry.For("gofish")
	if err := client.Open(ctx); err != nil {
		return err
	}
	defer client.Close(ctx)
	return f(ctx, client)
}

func (c controller) state() (state string, err error) {
	err = c.with(func(ctx context.Context, client *bmclib.Client) error {
		state, err = client.GetPowerState(ctx)
		return err
	})
	return state, err
}

func (c controller) set(verb string) error {
	return c.with(func(ctx context.Context, client *bmclib.Client) error {
		ok, err := client.SetPowerState(ctx, verb)
		if err == nil && !ok {
			err = errors.New("not accepted")
		}
		return err
	})
}

func (c controller) wantState(want string) {
	c.w.t.Helper()
	if got, err := c.state(); err != nil || got != want {
		c.w.t.Fatalf("%s says power %q (%v), want %q", c.name, got, err, want)
	}
}

func (c controller) wantSet(verb string) {
	c.w.t.Helper()
	if err := c.set(verb); err != nil {
		c.w.t.Fatalf("power %s on %s: %v", verb, c.name, err)
	}
}

// raw asks the controller over plain HTTPS and returns what it complains about.
func (c controller) raw(method, path, body string) (int, string) {
	c.w.t.Helper()
	code, text := c.ask(method, path, body)
	var answer struct {
		Error struct{ Message string }
	}
	if err := json.Unmarshal(text, &answer); err != nil && code != http.StatusNoContent {
		c.w.t.Fatalf("%s %s: %d and no JSON: %v", method, path, code, err)
	}
	return code, answer.Error.Message
}

func (c controller) get(path string) (code int, tree map[string]any) {
	c.w.t.Helper()
	code, text := c.ask("GET", path, "")
	if err := json.Unmarshal(text, &tree); err != nil {
		c.w.t.Fatalf("GET %s: %d and no JSON: %v", path, code, err)
	}
	return code, tree
}

func (c controller) ask(method, path, body string) (int, []byte) {
	c.w.t.Helper()
	b := c.w.server(c.name).BMC
	password, err := b.Password.Read()
	if err != nil {
		c.w.t.Fatal(err)
	}
	url := fmt.Sprintf("https://%s:%d%s", b.Address, b.Port, path)
	request, err := http.NewRequestWithContext(c.w.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		c.w.t.Fatal(err)
	}
	request.SetBasicAuth(b.Username, password.Reveal())
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: c.w.pool()}}}
	response, err := client.Do(request)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return response.StatusCode, text
}

func TestPowerCycleCuresAHungMachine(t *testing.T) {
	for name, sessions := range map[string]bool{"basic authentication": false, "sessions": true} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			c := controller{w: w, name: "web-01", sessions: sessions}
			w.breaks("web-01", lab.Hung)
			before := w.status("web-01").BootID
			c.wantState("On")
			c.wantSet("cycle")
			c.wantState("PoweringOn")
			w.wantCondition("web-01", lab.IsBooting)
			w.pass(boot)
			c.wantState("On")
			w.wantCondition("web-01", lab.IsRunning)
			if w.status("web-01").BootID == before {
				t.Error("the boot id is the old one")
			}
			w.wantSends(1)
		})
	}
}

func TestOffAndOn(t *testing.T) {
	w := start(t)
	c := w.bmc("web-01")
	c.wantSet("off")
	c.wantState("PoweringOff")
	w.pass(boot)
	c.wantState("Off")
	w.wantCondition("web-01", lab.IsOff)
	c.wantSet("on")
	w.pass(boot)
	w.wantCondition("web-01", lab.IsRunning)
	w.wantSends(2)
}

func TestDeadMachineStaysDeadThroughEveryCommand(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Dead)
	for _, verb := range []string{"cycle", "off", "on"} {
		w.bmc("web-01").wantSet(verb)
		w.pass(boot)
	}
	w.wantCondition("web-01", lab.IsDead)
	w.bmc("web-01").wantState("On")
	w.wantSends(3)
}

func TestLyingControllerSaysYesAndDoesNothing(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.BMCLies)
	for _, verb := range []string{"cycle", "off"} {
		w.bmc("web-01").wantSet(verb)
		w.pass(boot)
		w.bmc("web-01").wantState("On")
		w.wantCondition("web-01", lab.IsHung)
	}
	w.wantSends(2)
}

func TestDroppedReplyIsAnErrorAndTheMachineBootsAllTheSame(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Hung)
	w.breaks("web-01", lab.BMCDropsReply)
	if err := w.bmc("web-01").set("cycle"); err == nil {
		t.Fatal("the reply arrived")
	}
	w.pass(boot)
	w.wantCondition("web-01", lab.IsRunning)
	w.wantSends(1)
}

func TestSlowOffLeavesTheMachineOff(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Hung)
	w.breaks("web-01", lab.BMCSlowOff)
	c := w.bmc("web-01")
	c.wantSet("cycle")
	c.wantState("PoweringOff")
	w.pass(time.Hour)
	c.wantState("Off")
	c.wantSet("on")
	w.pass(boot)
	w.wantCondition("web-01", lab.IsRunning)
}

func TestSwappedCableShowsAndHitsTheOtherMachine(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.BMCWrongIdentity)
	if serial, uuid := w.identity("web-01"); serial != w.server("db-01").Serial || uuid != w.server("db-01").UUID {
		t.Errorf("the controller answers for %s, %s", serial, uuid)
	}
	w.bmc("web-01").wantSet("cycle")
	w.wantCondition("web-01", lab.IsRunning)
	w.wantCondition("db-01", lab.IsBooting)
	wire := w.WireLog()
	if last := wire[len(wire)-1]; last.Server != "web-01" || last.Machine != "db-01" {
		t.Errorf("the wire log says %+v", last)
	}
}

// identity reads serial number and UUID the way piket does: with gofish.
func (w *world) identity(name string) (serial, uuid string) {
	w.t.Helper()
	b := w.server(name).BMC
	password, err := b.Password.Read()
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := gofish.ConnectContext(w.t.Context(), gofish.ClientConfig{
		Endpoint: fmt.Sprintf("https://%s:%d", b.Address, b.Port), Username: b.Username, Password: password.Reveal(),
		HTTPClient: &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.pool()}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Logout()
	systems, err := client.Service.Systems()
	if err != nil || len(systems) != 1 {
		w.t.Fatalf("%d systems: %v", len(systems), err)
	}
	return systems[0].SerialNumber, systems[0].UUID
}

func TestControllersTellTheIdentityOfTheInventory(t *testing.T) {
	w := start(t)
	for _, s := range w.inv.Servers {
		if serial, uuid := w.identity(s.Name); serial != s.Serial || uuid != s.UUID {
			t.Errorf("%s answers %s, %s; the inventory has %s, %s", s.Name, serial, uuid, s.Serial, s.UUID)
		}
	}
}

func TestChangedPasswordIsRefusedAndTheCommandStillCounts(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.BMCBadPassword)
	if _, err := w.bmc("web-01").state(); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("power state: %v", err)
	}
	if code, _ := w.bmc("web-01").raw("POST", resetPath, `{"ResetType": "ForceOff"}`); code != http.StatusUnauthorized {
		t.Errorf("reset answered %d", code)
	}
	w.wantCondition("web-01", lab.IsRunning)
	w.wantSends(1)
}

func TestStrangeCertificateFailsVerification(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.BMCBadCert)
	_, err := w.bmc("web-01").state()
	if unknown := new(x509.UnknownAuthorityError); err == nil || !(errors.As(err, unknown) || strings.Contains(err.Error(), "unknown authority")) {
		t.Fatalf("got %v", err)
	}
}

func TestUnreachableControllerFailsAtOnce(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.BMCUnreachable)
	began := time.Now()
	if _, err := w.bmc("web-01").state(); err == nil {
		t.Fatal("it answered")
	}
	if took := time.Since(began); took > patience/2 {
		t.Fatalf("took %v", took)
	}
	w.wantCondition("web-01", lab.IsRunning)
}

const resetPath = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"

func TestControllerRefusesWhatItCannotDo(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.Off)
	for name, c := range map[string]struct {
		method, path, body string
		code               int
		says               string
	}{
		"restart of a machine that is off": {"POST", resetPath, `{"ResetType": "ForceRestart"}`, 409, "not possible in the present power state"},
		"unknown reset type":               {"POST", resetPath, `{"ResetType": "Nmi"}`, 400, `"Nmi" is not supported`},
		"body that is not JSON":            {"POST", resetPath, `reset`, 400, "not supported"},
		"unknown path":                     {"GET", "/redfish/v1/Fabrics", "", 404, "no resource at /redfish/v1/Fabrics"},
		"wrong method":                     {"PATCH", "/redfish/v1/Chassis/1", "{}", 404, "no resource"},
		"change of something else":         {"PATCH", "/redfish/v1/Systems/1", `{"AssetTag": "x"}`, 400, "only Boot can be changed"},
		"unknown session":                  {"DELETE", "/redfish/v1/SessionService/Sessions/x", "", 404, "no session x"},
	} {
		t.Run(name, func(t *testing.T) {
			code, says := w.bmc("web-01").raw(c.method, c.path, c.body)
			if code != c.code || !strings.Contains(says, c.says) {
				t.Errorf("got %d %q, want %d %q", code, says, c.code, c.says)
			}
		})
	}
	w.wantSends(3)
	w.wantCondition("web-01", lab.IsOff)
}

// Redfish clients find their way by links alone.
func TestEveryLinkOfTheControllerLeadsSomewhere(t *testing.T) {
	w := start(t)
	w.breaks("web-01", lab.PSUFailed) // leaves an entry in the log
	seen := map[string]bool{}
	waiting := []string{"/redfish/v1/"}
	for len(waiting) > 0 {
		path := waiting[0]
		waiting = waiting[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		code, tree := w.bmc("web-01").get(path)
		if code != http.StatusOK {
			t.Errorf("%s: %d", path, code)
		}
		if id := tree["@odata.id"]; id != path {
			t.Errorf("%s calls itself %v", path, id)
		}
		waiting = append(waiting, links(tree)...)
	}
	if len(seen) != 21 {
		t.Errorf("found %d resources: %v", len(seen), seen)
	}
}

// links returns every @odata.id below a JSON value.
func links(tree any) (found []string) {
	switch tree := tree.(type) {
	case map[string]any:
		if id, ok := tree["@odata.id"].(string); ok {
			found = append(found, id)
		}
		for _, branch := range tree {
			found = append(found, links(branch)...)
		}
	case []any:
		for _, branch := range tree {
			found = append(found, links(branch)...)
		}
	}
	return found
}

func TestSystemTellsWhenItBootedAndHowFar(t *testing.T) {
	w := start(t)
	w.pass(time.Hour)
	c := w.bmc("web-01")
	wantBoot := func(at time.Time, progress string) {
		t.Helper()
		_, system := c.get("/redfish/v1/Systems/1")
		if got := fmt.Sprint(system["LastResetTime"], system["BootProgress"]); got != at.Format(time.RFC3339)+"map[LastState:"+progress+"]" {
			t.Errorf("last reset and progress are %s, want %v and %s", got, at, progress)
		}
	}
	wantBoot(night.AddDate(0, 0, -30), "OSRunning")
	c.wantSet("cycle")
	wantBoot(night.Add(time.Hour), "SystemHardwareInitializationComplete")
	w.pass(boot / 2)
	wantBoot(night.Add(time.Hour), "OSBootStarted")
	w.pass(boot / 2)
	wantBoot(night.Add(time.Hour), "OSRunning")
}

func TestSessionsAreLimitedAndEnd(t *testing.T) {
	w := start(t)
	password, err := w.server("web-01").BMC.Password.Read()
	if err != nil {
		t.Fatal(err)
	}
	login := fmt.Sprintf(`{"UserName": "piket", "Password": %q}`, password.Reveal())
	open := func() int {
		code, _ := w.bmc("web-01").raw("POST", "/redfish/v1/SessionService/Sessions", login)
		return code
	}
	for i := range 6 {
		if code := open(); code != http.StatusCreated {
			t.Fatalf("session %d: %d", i+1, code)
		}
	}
	if code := open(); code != http.StatusServiceUnavailable {
		t.Errorf("one session too many: %d", code)
	}
	w.pass(time.Hour)
	if code := open(); code != http.StatusCreated {
		t.Errorf("after an hour of silence: %d", code)
	}
}

const (
	systemPath = "/redfish/v1/Systems/1"
	insertPath = "/redfish/v1/Managers/1/VirtualMedia/1/Actions/VirtualMedia.InsertMedia"
)

// once is the body that sets a boot device for one start.
func once(target string) string {
	return `{"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "` + target + `"}}`
}

func TestOnlyAnInstallerCuresADiskWithoutASystem(t *testing.T) {
	for name, test := range map[string]struct {
		fault    lab.Fault // beside it
		target   string
		image    bool
		running  bool
		installs int // after two restarts
	}{
		"a restart alone":           {"", "", false, false, 0},
		"from the network":          {"", "Pxe", false, true, 1},
		"from the image":            {"", "Cd", true, true, 1},
		"from an empty drive":       {"", "Cd", false, false, 0},
		"from the disk":             {"", "Hdd", false, false, 0},
		"the BMC forgets it":        {lab.BMCForgetsBoot, "Pxe", false, false, 0},
		"the BMC keeps what it set": {lab.BMCKeepsBoot, "Pxe", false, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.breaks("web-01", lab.NoSystem)
			if test.fault != "" {
				w.breaks("web-01", test.fault)
			}
			if test.image {
				iso, _ := w.Image()
				w.bmc("web-01").raw("POST", insertPath, `{"Image": "`+iso+`"}`)
			}
			if test.target != "" {
				w.bmc("web-01").raw("PATCH", systemPath, once(test.target))
			}
			for range 2 {
				w.bmc("web-01").raw("POST", resetPath, `{"ResetType": "ForceRestart"}`)
				w.pass(2 * lab.DefaultBoot)
			}
			s := w.Servers()[0]
			if running := s.Condition == lab.IsRunning; running != test.running || s.Installs != test.installs {
				t.Errorf("it is %s after %d installations", s.Condition, s.Installs)
			}
			if w.PowerSends() != 2 {
				t.Errorf("%d power commands: a boot device is none", w.PowerSends())
			}
		})
	}
}
