package remediation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

const reinstalling = `runbook: reinstalling
title: A server that no restart brings back
match: ['alertname="ServerUnreachable"']
classify: {impact: high, urgency: high}
assign: network-and-server
goal: {checks: [reachable, services], for: 2m}
diagnose:
  - {id: path, check: reachable, target: site.gateway}
  - {id: power, check: bmc, target: server}
  - {id: shell, check: ssh, target: server}
remedies:
  - id: image
    media: {iso: "https://images.example.net/install.iso", sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}
    approve: {by: on-duty, within: 20m, otherwise: escalate, persons: 2}
    verify: 1m
  - id: from-image
    boot: {device: cdrom, once: true}
    approve: {by: on-duty, within: 20m, otherwise: escalate, persons: 2}
    verify: 1m
  - id: restart
    power: cycle
    approve: {by: on-duty, within: 20m, otherwise: escalate, persons: 2}
    verify: 40m
`

func reinstallBook(t *testing.T) *runbooks.Runbook {
	t.Helper()
	book, err := runbooks.Parse("reinstalling.yml", []byte(reinstalling))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// wipeable are facts on which every guard agrees to a reinstallation.
func wipeable(t *testing.T) Facts {
	t.Helper()
	f := fit(t)
	f.Runbook = reinstallBook(t)
	f.entry(t, func(s *inventory.Server) { s.Data = inventory.DataNone })
	f.Incident.Verdict = incident.Concluded{Verdict: incident.VerdictServer}
	f.says("none")
	return f
}

// entry changes the server's entry in the inventory.
func (f *Facts) entry(t *testing.T, change func(*inventory.Server)) {
	t.Helper()
	inv := *f.Inventory
	inv.Servers = slices.Clone(inv.Servers)
	for n := range inv.Servers {
		if inv.Servers[n].Name == f.Incident.Subject.Name {
			change(&inv.Servers[n])
		}
	}
	loaded, err := inventory.New(inv)
	if err != nil {
		t.Fatal(err)
	}
	f.Inventory = loaded
}

// says sets from what the BMC says that the machine starts next.
func (f *Facts) says(override string) {
	facts := map[string]any{"state": "on"}
	if override != "" {
		facts["boot_override"] = override
	}
	f.Diagnosis.Checks = slices.Clone(f.Diagnosis.Checks)
	f.Diagnosis.Checks[1].Facts = facts
}

// happens appends to the incident, at the moment of the facts.
func (f *Facts) happens(payloads ...incident.Payload) {
	for _, p := range payloads {
		f.Incident.Apply(incident.Event{Incident: "INC-1", Seq: f.Incident.Version + 1, At: f.Now, Payload: p})
	}
}

// carriedOut has an order of a step on the record, with its outcome.
func (f *Facts) carriedOut(i incident.Intended, outcome incident.Outcome) {
	i.Intent, i.Server = "INC-1/I"+i.Step+i.Verb, "s0r0u0"
	f.happens(i, incident.Claimed{Intent: i.Intent, Owner: "test"}, incident.OutcomeRecorded{Intent: i.Intent, Outcome: outcome, Detail: "test"})
}

var (
	insert   = incident.Intended{Step: "image", Attempt: 1, Action: incident.ActionMedia, Verb: incident.MediaInsert, ISO: "https://images.example.net/install.iso"}
	fromDisc = incident.Intended{Step: "from-image", Attempt: 1, Action: incident.ActionBoot, Verb: "cdrom"}
	restart  = incident.Intended{Step: "restart", Attempt: 1, Action: incident.ActionPower, Verb: "cycle", Boot: "cdrom"}
)

// armed has the image and the boot device set, and the BMC says so.
func (f *Facts) armed() {
	f.carriedOut(insert, incident.OutcomeDone)
	f.carriedOut(fromDisc, incident.OutcomeDone)
	f.says("cdrom once")
}

func TestADiskIsWipedOnlyWhereTheInventorySaysThatNothingIsOnIt(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*inventory.Server)
		guard  string
	}{
		"no data of customers": {func(*inventory.Server) {}, ""},
		"nothing said of it":   {func(s *inventory.Server) { s.Data = "" }, "wipe"},
		"data on its disks":    {func(s *inventory.Server) { s.Data = inventory.DataLocal }, "wipe"},
		"protected":            {func(s *inventory.Server) { s.Protected = true }, "wipe"},
	} {
		t.Run(name, func(t *testing.T) {
			f := wipeable(t)
			f.entry(t, test.change)
			for _, step := range []string{"image", "from-image"} {
				asks(t, f, step, test.guard)
			}
			f.armed()
			asks(t, f, "restart", test.guard)
		})
	}
}

// asks wants one guard, or none, to refuse a step.
func asks(t *testing.T, f Facts, step, guard string) {
	t.Helper()
	r, ok := f.Runbook.Remedy(step)
	if !ok {
		t.Fatalf("no step %s", step)
	}
	var got refusal
	if no := refuse(f, r); no != nil {
		got = *no
	}
	if got.Guard != guard {
		t.Errorf("%s: guard %q refuses (%s), want %q", step, got.Guard, got.Why, guard)
	}
}

func TestNobodyAloneAgreesToAReinstallationAndNoRecordDoes(t *testing.T) {
	f := wipeable(t)
	f.armed()
	for _, r := range f.Runbook.Remedies {
		if n, why := f.persons(r); n != 2 || !strings.Contains(why, "wipe") {
			t.Errorf("%s: %d must agree (%s)", r.ID, n, why)
		}
		// A pinned runbook of an older version may say anything.
		r.Trust, r.Approve, r.Earn = runbooks.Auto, nil, 1
		f.Results = map[string][]*incident.Touch{r.ID: tries("HHHHHHHHHHHHHHHHHHHHHHHH")}
		if got := f.trust(r); got.Trust != runbooks.Asks {
			t.Errorf("%s: trust is %+v", r.ID, got)
		}
		if n, _ := f.persons(r); n != 2 {
			t.Errorf("%s without approve: %d must agree", r.ID, n)
		}
	}
}

func TestWhoIsAskedReadsThatTheDisksAreWiped(t *testing.T) {
	f := wipeable(t)
	f.entry(t, func(s *inventory.Server) { s.Customers = []string{"bakery"} })
	image, _ := f.Runbook.Remedy("image")
	p, _ := newPlan(f, image)
	if a := ask(f, image, p); !strings.Contains(a.Wipes, "THE DISKS OF S0R0U0 ARE WIPED by what follows") || a.Needed() != 2 {
		t.Errorf("%+v", a)
	}
	f.armed()
	r, _ := f.Runbook.Remedy("restart")
	p, _ = newPlan(f, r)
	a := ask(f, r, p)
	for _, part := range []string{"THIS WIPES THE DISKS OF S0R0U0", "serial SN1", "backed up is not known"} {
		if !strings.Contains(a.Wipes, part) || !strings.Contains(a.Text(), part) {
			t.Errorf("no %q in %q", part, a.Text())
		}
	}
	if want := "power cycle s0r0u0, which starts it from its virtual drive and may wipe its disks"; a.Action != want {
		t.Errorf("asked to %q", a.Action)
	}
}

func TestALeaveIsForThisImageThisHashAndThisDevice(t *testing.T) {
	f := wipeable(t)
	hashes := map[string]bool{}
	for _, change := range [][2]string{{"", ""}, {"install.iso", "other.iso"}, {"9f86", "9f87"}, {"device: cdrom", "device: pxe"}} {
		book := reinstallBook(t)
		for n := range book.Remedies {
			if m := book.Remedies[n].Media; m != nil {
				m.ISO, m.SHA256 = strings.Replace(m.ISO, change[0], change[1], 1), strings.Replace(m.SHA256, change[0], change[1], 1)
			}
			if b := book.Remedies[n].Boot; b != nil && change[0] == "device: cdrom" {
				b.Device = "pxe"
			}
		}
		f.Runbook = book
		for _, step := range []string{"image", "from-image"} {
			r, _ := book.Remedy(step)
			p, why := newPlan(f, r)
			if why != "" {
				t.Fatal(why)
			}
			hashes[step+p.hash()] = true
		}
	}
	if len(hashes) != 3+2 {
		t.Errorf("%d different plans, want 5", len(hashes))
	}
}

func TestAStartThatPiketDidNotSetIsNoRestart(t *testing.T) {
	for said, guard := range map[string]string{
		"none": "", "disk always": "", "disk once": "", "": "",
		"pxe once": "boot-override", "pxe always": "boot-override", "cdrom once": "boot-override", "bios once": "boot-override", "disk sometimes": "boot-override",
	} {
		f := fit(t)
		f.says(said)
		if no := refuse(f, cycle); no == nil && guard != "" || no != nil && no.Guard != guard {
			t.Errorf("%q: %+v, want guard %q", said, no, guard)
		}
		// A restart of its own incident's goes only from what that has set.
		f = wipeable(t)
		f.armed()
		f.says(said)
		if want := map[bool]string{false: "boot-override"}[said == "cdrom once"]; true {
			asks(t, f, "restart", want)
		}
		f = wipeable(t)
		f.says(said)
		if guard == "" && said == "" {
			guard = "boot-override" // nobody could see that it was taken back
		}
		asks(t, f, "from-image", guard)
	}
}

func TestAStartThatNobodyKnowsIsAsked(t *testing.T) {
	book, err := runbooks.Parse("trusting.yml", []byte(trusting))
	if err != nil {
		t.Fatal(err)
	}
	f := fit(t)
	f.Runbook = book
	r, _ := book.Remedy("free")
	for said, want := range map[string]runbooks.Trust{"none": runbooks.Auto, "": runbooks.Asks} {
		f.says(said)
		if got := f.trust(r); got.Trust != want {
			t.Errorf("%q: %+v, want %s", said, got, want)
		}
	}
}

func TestOtherRestartsWaitUntilWhatWasSetIsTakenBack(t *testing.T) {
	f := wipeable(t)
	f.armed()
	if no := refuse(f, cycle); no == nil || no.Guard != "boot-override" || no.Until.IsZero() {
		t.Errorf("%+v", no)
	}
}

func TestAReinstallationRestsOnWhatWasSetForIt(t *testing.T) {
	f := wipeable(t)
	r, _ := f.Runbook.Remedy("restart")
	if why := inapplicable(f, r); !strings.Contains(why, "from-image") {
		t.Errorf("nothing is set: %q", why)
	}
	f.carriedOut(insert, incident.OutcomeDone)
	if why := inapplicable(f, r); why == "" {
		t.Error("the image alone is enough")
	}
	f.carriedOut(fromDisc, incident.OutcomeUnknown)
	if why := inapplicable(f, r); why == "" {
		t.Error("a boot device that may be set is enough")
	}
}

func TestOneServerADayIsReinstalledAndNoMore(t *testing.T) {
	other := touch("s1r1u1", 20*time.Hour)
	other.Incident, other.Action.Action = "INC-9", incident.ActionBoot
	f := wipeable(t)
	f.Touched = []*incident.Touch{other}
	asks(t, f, "image", "reinstalls")
	f.Limits.Reinstalls = 2
	asks(t, f, "image", "")
	f.Touched, f.Limits.Reinstalls = nil, 0
	asks(t, f, "image", "reinstalls")
}

// over is what follows from each end of a reinstallation.
func TestWhatWasSetIsTakenBackHoweverItEnds(t *testing.T) {
	for name, end := range map[string]func(*Facts){
		"a person says no": func(f *Facts) {
			f.happens(incident.ApprovalRequested{Approval: "A", Step: "restart", Persons: 2, Expires: f.Now.Add(time.Hour)}, incident.Denied{Approval: "A", By: "noor"})
		},
		"nobody answers": func(f *Facts) {
			f.happens(incident.ApprovalRequested{Approval: "A", Step: "restart", Persons: 2, Expires: f.Now}, incident.ApprovalLapsed{Approval: "A", Expired: true})
		},
		"the restart is left out": func(f *Facts) { f.happens(incident.Skipped{Step: "restart", Reason: "guard evidence"}) },
		"the restart did not help": func(f *Facts) {
			f.carriedOut(restart, incident.OutcomeDone)
			f.happens(incident.StepFailed{Step: "restart", Final: true})
		},
		"it is not known what the restart did": func(f *Facts) {
			f.carriedOut(restart, incident.OutcomeUnknown)
			f.happens(incident.StepFailed{Step: "restart", Final: true})
		},
		"service is back": func(f *Facts) { f.happens(incident.Restored{How: "by itself"}) },
		"service is back by it": func(f *Facts) {
			f.carriedOut(restart, incident.OutcomeDone)
			f.happens(incident.Restored{Step: "restart"})
		},
		"hands are sent":         func(f *Facts) { f.happens(incident.WorkOrdered{Order: "W", Step: "escalate-1"}) },
		"it is not the server's": func(f *Facts) { f.happens(incident.Concluded{Verdict: incident.VerdictRack}) },
		"another runbook":        func(f *Facts) { f.Runbook = &runbooks.Runbook{} },
		"nothing comes of it":    func(f *Facts) { f.Now = f.Now.Add(maxArmed + time.Second); f.Goal.Ended, f.Goal.At = f.Now, f.Now },
		"another was put there in the dark": func(f *Facts) {
			f.happens(incident.OutcomeRecorded{})
			f.Incident.Armed.Unsure = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := wipeable(t)
			f.armed()
			if m := takeBack(f); m != nil {
				t.Fatalf("while the restart is to come: %#v", m)
			}
			end(&f)
			if m, ok := takeBack(f).(Intend); !ok || m.Intent.Action != incident.ActionBoot || m.Intent.Verb != incident.BootNone || m.Intent.Boot != "cdrom" || !m.Intent.TakesBack() || m.Intent.Server != "s0r0u0" {
				t.Fatalf("first the boot device: %#v", takeBack(f))
			} else if why := f.forbids(m.Intent); why != "" {
				t.Errorf("it is forbidden: %s", why)
			} else {
				f.carriedOut(m.Intent, incident.OutcomeDone)
			}
			if m, ok := takeBack(f).(Intend); !ok || m.Intent.Verb != incident.MediaEject || m.Intent.ISO != insert.ISO {
				t.Fatalf("then the image: %#v", takeBack(f))
			} else {
				f.carriedOut(m.Intent, incident.OutcomeDone)
			}
			if f.Incident.Armed != nil || takeBack(f) != nil {
				t.Errorf("still %+v", f.Incident.Armed)
			}
		})
	}
}

func TestNothingIsTakenBackUnderTheRestart(t *testing.T) {
	f := wipeable(t)
	f.armed()
	f.happens(func() incident.Payload { i := restart; i.Intent, i.Server = "R", "s0r0u0"; return i }())
	f.Incident.Status = incident.Open
	if m := takeBack(f); m != nil {
		t.Errorf("planned: %#v", m)
	}
	f.happens(incident.Claimed{Intent: "R"}, incident.OutcomeRecorded{Intent: "R", Outcome: incident.OutcomeDone})
	f.Now = f.Now.Add(39 * time.Minute)
	if m := takeBack(f); m != nil {
		t.Errorf("the installer runs: %#v", m)
	}
}

// What cannot be taken back is tried a few times, calls a person, and goes on more
// seldom; the incident does not end, and nothing restarts the machine.
func TestWhatCannotBeTakenBackCallsAPersonAndIsNotForgotten(t *testing.T) {
	f := wipeable(t)
	f.armed()
	f.happens(incident.Skipped{Step: "restart", Reason: "x"})
	tried, called := 0, false
	for began := f.Now; f.Now.Sub(began) < 48*time.Hour; f.Now = f.Now.Add(30 * time.Second) {
		f.Goal.At, f.Goal.Ended = f.Now, f.Now
		switch m := takeBack(f).(type) {
		case Intend:
			tried++
			i := m.Intent
			i.Intent = "T" + f.Now.String()
			f.happens(i, incident.Claimed{Intent: i.Intent}, incident.OutcomeRecorded{Intent: i.Intent, Outcome: []incident.Outcome{incident.OutcomeRefused, incident.OutcomeUnknown}[tried%2]})
		case Decide:
			called = true
			if tried != incident.TakeBacks {
				t.Errorf("a person is called after %d tries", tried)
			}
			f.happens(m.Payloads...)
		}
	}
	if !called || tried != maxTakeBacks || f.Incident.Armed == nil {
		t.Errorf("called %v, tried %d times, %+v", called, tried, f.Incident.Armed)
	}
	if no := refuse(f, cycle); no == nil {
		t.Error("a restart is agreed to")
	}
}

func TestAFreezeHoldsBackTheTakingBackAndSaysSo(t *testing.T) {
	f := wipeable(t)
	f.armed()
	f.happens(incident.Restored{})
	f.Frozen = "by hand"
	m, ok := takeBack(f).(Decide)
	if !ok {
		t.Fatalf("%#v", takeBack(f))
	}
	f.happens(m.Payloads...)
	if m := takeBack(f); m != nil {
		t.Errorf("again: %#v", m)
	}
}

func TestPowerThatIsOwedWaitsUntilTheBootDeviceIsTakenBack(t *testing.T) {
	f := wipeable(t)
	f.armed()
	f.carriedOut(restart, incident.OutcomeDone)
	f.happens(incident.StepFailed{Step: "restart", Final: true}, incident.PowerSeen{Server: "s0r0u0", Power: "off"})
	f.Goal.Power, f.Now = "off", f.Now.Add(time.Hour)
	f.Goal.At, f.Goal.Ended = f.Now, f.Now
	if m, ok := powerDuty(f).(Intend); ok {
		t.Fatalf("it is switched on, into the installer: %+v", m)
	}
	f.Incident.Armed = nil
	if m, ok := powerDuty(f).(Intend); !ok || m.Intent.Verb != "on" || m.Intent.Boot != "" {
		t.Errorf("%#v", powerDuty(f))
	}
}

// A machine that is set to start from an installer is not restarted over SSH
// either, and nothing is sent to one under somebody's hands.
func TestNothingRestartsAMachineThatIsArmedOrUnderHands(t *testing.T) {
	over := runbooks.Remedy{ID: "reboot", SSH: []string{"systemctl", "reboot"}, Verify: 5 * time.Minute}
	f := wipeable(t)
	f.Incident.Armed = nil
	if no := knownStart(f, over); no != nil {
		t.Errorf("with nothing set: %+v", no)
	}
	if no := nobodyElseAtWork(f, over); no != nil {
		t.Errorf("with nobody there: %+v", no)
	}
	f.armed()
	if knownStart(f, over) == nil {
		t.Error("a reboot over SSH starts the installer")
	}
	f.Others.InRack = "INC-2"
	if nobodyElseAtWork(f, over) == nil {
		t.Error("a reboot over SSH while hands are in the rack")
	}
	if f.Others.Hands = "INC-2"; !f.over() {
		t.Error("it stays set while somebody comes to the rack")
	}
}

// Which machine the server is is not settled: what is on its BMC is a person's, and
// nothing is planned that would be refused.
func TestWhatIsSetOnAnotherMachineIsAPersons(t *testing.T) {
	f := wipeable(t)
	f.armed()
	f.carriedOut(restart, incident.OutcomeDone)
	f.happens(incident.StepFailed{Step: "restart", Final: true})
	f.Goal.At, f.Goal.Ended = f.Now, f.Now
	i, ok := takeBack(f).(Intend)
	if server, _ := f.Inventory.Server("s0r0u0"); !ok || i.Intent.Serial != server.Serial {
		t.Fatalf("%#v", takeBack(f))
	}
	f.Identity = &incident.Identity{Claims: []incident.IdentityClaimed{{}}}
	m, ok := takeBack(f).(Decide)
	if !ok {
		t.Fatalf("%#v", takeBack(f))
	}
	f.happens(m.Payloads...)
	if m := takeBack(f); m != nil {
		t.Errorf("again: %#v", m)
	}
	if !f.mayOwe() {
		t.Error("asleep, it would not be known which machine it is")
	}
}

// The whole story, by the same Next that decides in earnest.
func TestAReinstallationByTheBook(t *testing.T) {
	f := wipeable(t)
	inv := *f.Inventory
	for _, name := range []string{"noor", "ravi"} {
		inv.People = append(inv.People, inventory.Person{Name: name, Email: name + "@example.net", Roles: []inventory.Role{inventory.Engineer}})
	}
	inv.Teams = []inventory.Team{{Name: f.Runbook.Assign, Members: []string{"noor", "ravi"}, OnDuty: []string{"noor", "ravi"}}}
	f.Inventory = &inv
	f.entry(t, func(s *inventory.Server) { s.SSH = nil })
	for answer, want := range map[string][]string{
		"yes": {"media insert", "boot cdrom", "power cycle", "boot none", "media eject"},
		"no":  nil,
	} {
		result, err := Simulate(f.Runbook, f.Inventory, "s0r0u0", Script{Answer: answer, Cures: "restart"}, noon)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range result.Sends {
			got = append(got, s.Action+" "+s.Verb)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: sent %q, want %q", answer, got, want)
			for _, e := range result.Events {
				t.Log(e.At.Sub(noon), e.Payload.Text())
			}
		}
	}
	f.entry(t, func(s *inventory.Server) { s.Data = "" })
	result, err := Simulate(f.Runbook, f.Inventory, "s0r0u0", Script{Answer: "yes", Cures: "restart"}, noon)
	if err != nil || len(result.Sends) > 0 {
		t.Errorf("customers' data on its disks: sent %+v, %v", result.Sends, err)
	}
}
