package bmc_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/bmc"
)

var night = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

// watch is a witness on a clock that the test moves.
type watch struct {
	*bmc.Witness
	minutes atomic.Int64
}

func newWatch() *watch {
	w := &watch{}
	w.Witness = bmc.NewWitness(func() time.Time { return night.Add(time.Duration(w.minutes.Load()) * time.Minute) })
	return w
}

func (w *watch) pass(minutes int64) { w.minutes.Add(minutes) }

// target gives b the time that the schedule gives it.
func target(b *inventory.BMC) probes.Target {
	return probes.Target{BMC: b, Timeout: probes.MinBMCTimeout}
}

func evidence(r probes.Result) string { return strings.Join(r.Evidence, "\n") }

// expect checks a result: its state, facts that it must have (nil: must not),
// and words of its reason and evidence.
func expect(t *testing.T, got probes.Result, state probes.State, facts map[string]any, words ...string) {
	t.Helper()
	if got.State != state {
		t.Fatalf("got %s (%s), want %s\n%s", got.State, got.Reason, state, evidence(got))
	}
	for name, want := range facts {
		if got.Facts[name] != want {
			t.Errorf("fact %s is %v, want %v (%s)\n%s", name, got.Facts[name], want, got.Reason, evidence(got))
		}
	}
	for _, w := range words {
		if !strings.Contains(got.Reason+"\n"+evidence(got), w) {
			t.Errorf("%q is neither in %q nor in\n%s", w, got.Reason, evidence(got))
		}
	}
}

// onLab starts a pretend datacenter on the night's clock.
func onLab(t *testing.T, ipmi bool, name string) (*lab.Datacenter, *inventory.BMC) {
	t.Helper()
	world, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), IPMI: ipmi, Clock: clock.Jumping(night)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	inv, err := inventory.Load(world.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	server, _ := inv.Server(name)
	return world, server.BMC
}

func TestWitnessTellsWhyAMachineIsUnwell(t *testing.T) {
	for _, tt := range []struct {
		fault lab.Fault
		facts map[string]any
		words []string // over both protocols
	}{
		{"", map[string]any{"state": "on", "health": "OK", "psu_lost": false, "sel_new": 0}, nil},
		{lab.PSUFailed, map[string]any{"health": "Critical", "psu_lost": true, "sel_new": 1},
			[]string{"a power supply is lost", "sensor PSU 2:", "log, 2026-11-23 03:00:00 UTC:", "PSU 2: Power Supply AC lost"}},
		{lab.FanFailed, map[string]any{"health": "Critical", "psu_lost": false, "sel_new": 1},
			[]string{"Fan 2 is out of range", "sensor Fan 2: 600 RPM, critical below 800"}},
		{lab.Dead, map[string]any{"state": "on", "sel_new": 1}, []string{`its log says "CPU 1: `, "IERR"}},
		{lab.Off, map[string]any{"state": "off", "sel_new": 1}, []string{"the power is off", "utton pressed"}},
	} {
		for name, ipmi := range map[string]bool{"web-01": false, "db-02": true} {
			if ipmi && !haveIPMITool(t) {
				continue // the lab speaks IPMI only where ipmitool is
			}
			t.Run(string(tt.fault)+" "+name, func(t *testing.T) {
				t.Parallel()
				world, b := onLab(t, ipmi, name)
				if tt.fault != "" {
					if err := world.Break(name, tt.fault); err != nil {
						t.Fatal(err)
					}
				}
				expect(t, newWatch().Probe(t.Context(), target(b)), probes.Up, tt.facts, tt.words...)
				if world.PowerSends() != 0 {
					t.Error("a look sent a power command")
				}
			})
		}
	}
}

func TestEachEntryOfTheLogIsNewOnce(t *testing.T) {
	world, b := onLab(t, false, "web-01")
	w := newWatch()
	for _, step := range []struct {
		fault lab.Fault
		fresh int
	}{{lab.PSUFailed, 1}, {"", 0}, {lab.FanFailed, 1}, {"", 0}} {
		if step.fault != "" {
			if err := world.Break("web-01", step.fault); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(5)
		expect(t, w.Watch(t.Context(), target(b)), probes.Up, map[string]any{"sel_new": step.fresh}, "Power Supply AC lost")
	}
	w.pass(60)
	if got := w.Watch(t.Context(), target(b)); strings.Contains(evidence(got), "log,") {
		t.Errorf("what was told an hour ago is told again:\n%s", evidence(got))
	}
}

// counted counts the questions that arrive at b.
func counted(b *redfishBMC) *atomic.Int64 {
	var n atomic.Int64
	b.onRequest(func(*http.Request) { n.Add(1) })
	return &n
}

func TestLooksInQuickSuccessionAskForThePowerOnly(t *testing.T) {
	b := startRedfish(t)
	b.healthy(3)
	n := counted(b)
	w := newWatch()
	first := w.Probe(t.Context(), target(b.inventory()))
	expect(t, first, probes.Up, map[string]any{"state": "on", "health": "OK", "sel_new": 3})
	full := n.Swap(0)
	b.setState("Off")
	second := w.Probe(t.Context(), target(b.inventory()))
	expect(t, second, probes.Up, map[string]any{"state": "off", "health": "OK", "sel_new": nil}, "log,")
	if power := n.Load(); power > 3 || full < power+4 {
		t.Errorf("%d questions in the first look, %d in the second", full, power)
	}
}

func TestARefusedPasswordIsNotTriedAgain(t *testing.T) {
	b := startRedfish(t)
	n := counted(b)
	w := newWatch()
	i := b.inventory()
	i.Password = secretFile(t, "other")
	for range 2 {
		expect(t, w.Probe(t.Context(), target(i)), probes.Down, nil, "refuses user piket", "not tried again before 03:30 UTC", "lock accounts out")
		expect(t, w.Watch(t.Context(), target(i)), probes.Down, nil, "not tried again before 03:30 UTC")
		w.pass(14)
	}
	once := n.Load()
	w.pass(2) // half an hour is over
	expect(t, w.Probe(t.Context(), target(i)), probes.Down, nil, "not tried again before 04:00 UTC")
	if n.Load() != 2*once {
		t.Errorf("%d questions for two tries, %d for one", n.Load(), once)
	}
	i.Password = secretFile(t, password) // somebody corrected it
	expect(t, w.Probe(t.Context(), target(i)), probes.Up, map[string]any{"state": "on"})
}

func TestASilentBMCIsLeftAloneByTheScheduleOnly(t *testing.T) {
	b := startRedfish(t)
	i := b.inventory()
	b.server.Close()
	w := newWatch()
	asked := 0
	for range 48 { // four hours of looks, five minutes apart
		if got := w.Watch(t.Context(), target(i)); got.State == probes.Down {
			asked++
		} else {
			expect(t, got, probes.Unknown, nil, "not asked before", "without an answer", "refuses the connection")
		}
		w.pass(5)
	}
	// 20 s, 40 s, 80 s, 160 s cost nothing; then 320 s to the hour.
	if asked < 8 || asked > 11 {
		t.Errorf("asked %d times in four hours", asked)
	}
	expect(t, w.Probe(t.Context(), target(i)), probes.Down, nil, "refuses the connection")
}

// blocked lets b hang on its log, and says when it does.
func blocked(b *redfishBMC) (hangs chan struct{}) {
	hangs = make(chan struct{}, 1)
	b.healthy(1)
	b.set(func(b *redfishBMC) {
		b.tree[systemPath+"/LogServices"] = func(_ http.ResponseWriter, r *http.Request) {
			select {
			case hangs <- struct{}{}:
			default:
			}
			<-r.Context().Done()
		}
	})
	return hangs
}

func TestALookThatSomebodyWaitsForEndsTheReadingUnderWay(t *testing.T) {
	b := startRedfish(t)
	hangs := blocked(b)
	w := newWatch()
	scheduled := make(chan probes.Result)
	go func() { scheduled <- w.Watch(t.Context(), target(b.inventory())) }()
	<-hangs
	b.healthy(1)
	began := time.Now()
	expect(t, w.Probe(t.Context(), target(b.inventory())), probes.Up, map[string]any{"state": "on", "sel_new": 1})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the urgent look took %v", took)
	}
	expect(t, <-scheduled, probes.Up, map[string]any{"state": "on", "sel_new": nil}, "a look that somebody waits for came in between")
}

func TestAChangeDoesNotWaitForALook(t *testing.T) {
	b := startRedfish(t)
	hangs := blocked(b)
	w := newWatch()
	looked := make(chan probes.Result)
	go func() { looked <- w.Watch(t.Context(), target(b.inventory())) }()
	<-hangs
	check(t, bmc.Power(t.Context(), order(b.inventory(), "cycle")), incident.OutcomeDone, "took the command")
	select {
	case <-looked:
		t.Error("the look was over first: nothing was shown")
	default:
	}
	w.Probe(t.Context(), probes.Target{BMC: b.inventory()}) // lets the look go
	<-looked
}

func TestTheTimeThatIsUpKeepsThePower(t *testing.T) {
	b := startRedfish(t)
	blocked(b)
	began := time.Now()
	got := newWatch().Probe(t.Context(), probes.Target{BMC: b.inventory(), Timeout: 3 * time.Second})
	expect(t, got, probes.Up, map[string]any{"state": "on", "health": "OK", "sel_new": nil}, "log not read")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v of 3s", took)
	}
	short := newWatch().Probe(t.Context(), probes.Target{BMC: b.inventory(), Timeout: time.Second})
	expect(t, short, probes.Up, map[string]any{"state": "on", "health": nil}, "no time was left")
}

// ipmitool erases a repository of sensor records that it finds empty, and
// builds its own. A look must not.
func TestALookErasesNothing(t *testing.T) {
	b := startIPMI(t, serial)
	if !haveIPMITool(t) {
		expect(t, newWatch().Probe(t.Context(), target(b.inventory(t))), probes.Unknown, nil, "ipmitool is not installed")
		return
	}
	expect(t, newWatch().Probe(t.Context(), target(b.inventory(t))), probes.Up, map[string]any{"state": "on", "psu_lost": nil}, "sensors not read")
	b.set(func(b *ipmiBMC) {
		if b.erased != 0 {
			t.Error("the sensor records were erased")
		}
	})
}
