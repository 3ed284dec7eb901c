package remediation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/remediation"
)

// askedForum is a world in which the question has just been put; book is 0 when
// one person is enough, 1 when two are needed.
func askedForum(t *testing.T, book int) *forum {
	t.Helper()
	s := newStage(t)
	f := newForum(&s, func(int) int { return 0 }, map[string]int{})
	f.fail = t.Fatalf
	if f.is.book = book; book > 0 {
		f.write(incident.RunbookPinned{Name: "asking", Hash: s.books[book].Hash})
		f.now = f.now.Add(time.Minute)
	}
	f.turn()
	if f.inc.Approval == nil {
		t.Fatal("nothing is asked")
	}
	return f
}

// yes says yes, as the page does.
func (f *forum) yes(by string) error {
	a := f.inc.Approval
	p, err := remediation.Answer{Approval: a.Approval, PlanHash: a.PlanHash, By: by, Yes: true}.Payload(f.inc, f.inventories[f.is.inventory], f.now)
	if err == nil {
		f.asked[a.Approval].yes[by] = true
		f.write(p)
	}
	return err
}

// said returns the words of the first event of a kind after the n-th.
func (f *forum) said(after int, kind incident.Kind) string {
	for _, p := range f.history[after:] {
		if p.Kind() == kind {
			return p.Text()
		}
	}
	return ""
}

// What was agreed to is looked at again before the intent is written and before
// it is sent; what changed is named.
func TestALeaveEndsWithWhatItRestsOnAndSaysWith(t *testing.T) {
	changes := map[string]struct {
		change func(*forum)
		want   string
	}{
		"what is found":      {func(f *forum) { f.is.evidence, f.look = 1, remediation.Look{} }, "the evidence (what is found) has changed since: shell was down and is unknown."},
		"a limit":            {func(f *forum) { f.is.limits = 1 }, "the policy (limits, the server's entry in the inventory, or the runbook) has changed since."},
		"the runbook":        {func(f *forum) { f.is.book = 2 }, "the policy (limits, the server's entry in the inventory, or the runbook) has changed since."},
		"it is protected":    {func(f *forum) { f.is.inventory = 1 }, "the policy (limits, the server's entry in the inventory, or the runbook) has changed since."},
		"its BMC's address":  {func(f *forum) { f.is.inventory = 3 }, "the policy (limits, the server's entry in the inventory, or the runbook) has changed since."},
		"the machine itself": {func(f *forum) { f.is.inventory = 2 }, "the plan (what is to be done, or to which machine) and the policy (limits, the server's entry in the inventory, or the runbook) have changed since."},
	}
	for name, c := range changes {
		t.Run(name+", before it is planned", func(t *testing.T) {
			f := askedForum(t, 0)
			if err := f.yes("noor"); err != nil {
				t.Fatal(err)
			}
			c.change(f)
			before := len(f.history)
			f.turn()
			got := f.said(before, "approval_lapsed")
			if want := "The request for leave lapsed: " + c.want; got != want {
				t.Errorf("said %q, want %q", got, want)
			}
			if f.inc.Action != nil {
				t.Errorf("planned all the same: %+v", f.inc.Action)
			}
		})
		t.Run(name+", before it is sent", func(t *testing.T) {
			f := askedForum(t, 0)
			if err := f.yes("noor"); err != nil {
				t.Fatal(err)
			}
			f.turn()
			if !f.inc.Action.Live() {
				t.Fatal("nothing is planned")
			}
			c.change(f)
			if f.look.At.IsZero() { // piket has looked, and sees it
				f.watch()
			}
			before := len(f.history)
			f.turn()
			got, want := f.said(before, "voided"), "Not sent: "+strings.TrimSuffix(c.want, ": shell was down and is unknown.")
			if !strings.HasPrefix(got, want) {
				t.Errorf("said %q, want %q", got, want)
			}
			if f.inc.Action.Outcome != "" {
				t.Error("it was sent")
			}
		})
	}
}

// A yes ends with its giver's say: who was taken out of the inventory or the team
// between the yes and the send has agreed to nothing. Others have their say still.
func TestAYesEndsWithItsGiversSay(t *testing.T) {
	leaves := map[string]func(*inventory.Inventory){
		"out of the inventory": func(inv *inventory.Inventory) {
			inv.People = slices.DeleteFunc(slices.Clone(inv.People), func(p inventory.Person) bool { return p.Name == "noor" })
			inv.Teams = slices.Clone(inv.Teams)
			for n := range inv.Teams {
				team := &inv.Teams[n]
				stays := func(names []string) []string {
					return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "noor" })
				}
				team.Members, team.OnDuty = stays(team.Members), stays(team.OnDuty)
			}
		},
		"no engineer any more": func(inv *inventory.Inventory) {
			inv.People = slices.Clone(inv.People)
			for n := range inv.People {
				if inv.People[n].Name == "noor" {
					inv.People[n].Roles = []inventory.Role{inventory.Support}
				}
			}
		},
	}
	const why = "noor, who agreed, is not among those who may any more"
	for name, leave := range leaves {
		without := func(t *testing.T, f *forum) {
			content := *f.inventories[0]
			leave(&content)
			inv, err := inventory.New(content)
			if err != nil {
				t.Fatal(err)
			}
			f.inventories = append(slices.Clone(f.inventories), inv)
			f.is.inventory = len(f.inventories) - 1
		}
		for _, c := range []struct {
			when    string
			planned bool
			kind    incident.Kind
			want    string
		}{
			{"before it is planned", false, "approval_lapsed", "The request for leave lapsed: " + why + "."},
			{"before it is sent", true, "voided", "Not sent: " + why + "."},
		} {
			t.Run(name+", "+c.when, func(t *testing.T) {
				f := askedForum(t, 0)
				if err := f.yes("noor"); err != nil {
					t.Fatal(err)
				}
				if c.planned {
					f.turn()
				}
				without(t, f)
				before := len(f.history)
				f.turn()
				if got := f.said(before, c.kind); got != c.want {
					t.Errorf("said %q, want %q", got, c.want)
				}
				if a := f.inc.Action; a != nil && a.Outcome != "" {
					t.Error("it was sent")
				}
			})
		}
		t.Run(name+", another said yes", func(t *testing.T) {
			f := askedForum(t, 0)
			if err := f.yes("eva"); err != nil {
				t.Fatal(err)
			}
			without(t, f)
			f.asked[f.inc.Approval.Approval].inventory = f.is.inventory // nothing that a yes is for has changed
			if f.turn(); !f.inc.Action.Live() {
				t.Error("eva's yes does not count any more")
			}
		})
	}
}

// A runbook cannot say that silence means yes, and words that got in by another
// way do not make it so.
func TestExpiryNeverMeansYes(t *testing.T) {
	for _, word := range []string{"escalate", "approve", "yes", "proceed", "auto", ""} {
		for _, before := range []int{0, 1} { // how many of two have agreed
			f := askedForum(t, before)
			if before == 1 {
				if err := f.yes("noor"); err != nil {
					t.Fatal(err)
				}
			}
			f.inc.Approval.Else = word
			for range 200 {
				f.now = f.now.Add(30 * time.Second)
				f.turn()
			}
			if f.inc.Action != nil {
				t.Errorf("otherwise %q: %+v", word, f.inc.Action)
			}
			if s := f.inc.StepOf("cut"); s.Done != "expired" {
				t.Errorf("otherwise %q: the step is %+v", word, s)
			}
		}
	}
}

func TestTwoDifferentPeopleAgreeAndTheRequesterIsNeither(t *testing.T) {
	f := askedForum(t, 1)
	f.report("noor")
	expires := f.inc.Approval.Expires
	try := func(by string, want error) {
		t.Helper()
		if err := f.yes(by); !errors.Is(err, want) || want == nil && err != nil {
			t.Fatalf("%s: %v, want %v", by, err, want)
		}
	}
	try("noor", remediation.ErrRequester)
	try("ravi", remediation.ErrNotAllowed)
	try("omar", remediation.ErrNotAllowed)
	try("eva", nil)
	if a := f.inc.Approval; a.GrantedBy != "" || !slices.Equal(a.Yes, []string{"eva"}) || !a.Expires.Equal(expires) {
		t.Fatalf("after the first yes: %+v", a)
	}
	if got := f.said(0, "approved"); !strings.HasPrefix(got, "eva approved, 1 of 2 (plan ") {
		t.Errorf("said %q", got)
	}
	f.now = f.now.Add(time.Minute)
	f.turn()
	if f.inc.Action != nil || f.inc.Approval == nil {
		t.Fatal("one was enough")
	}
	try("eva", remediation.ErrAlready)
	f.page()
	try("ravi", nil)
	if a := f.inc.Approval; a.GrantedBy != "eva and ravi" || !a.Expires.Equal(expires) {
		t.Fatalf("after the second yes: %+v", a)
	}
	f.turn()
	if !f.inc.Action.Live() {
		t.Error("two agreed, and nothing is planned")
	}
}

func TestWhoReportsItLaterTakesTheirYesBack(t *testing.T) {
	f := askedForum(t, 1)
	for _, by := range []string{"noor", "eva"} {
		if err := f.yes(by); err != nil {
			t.Fatal(err)
		}
	}
	f.report("eva")
	if a := f.inc.Approval; a.GrantedBy != "" || !slices.Equal(a.Yes, []string{"noor"}) {
		t.Errorf("%+v", a)
	}
}

// A no from anybody who may answer ends it, whoever agreed before; also from who
// reported it, whose yes would not count.
func TestANoEndsItWhoeverAgreed(t *testing.T) {
	f := askedForum(t, 1)
	f.report("noor")
	if err := f.yes("eva"); err != nil {
		t.Fatal(err)
	}
	a := f.inc.Approval
	p, err := remediation.Answer{Approval: a.Approval, PlanHash: a.PlanHash, By: "noor"}.Payload(f.inc, f.inventories[0], f.now)
	if err != nil {
		t.Fatal(err)
	}
	f.write(p)
	if f.inc.Approval != nil || f.inc.StepOf("cut").Done != "denied" {
		t.Errorf("%+v, %+v", f.inc.Approval, f.inc.StepOf("cut"))
	}
}

func TestAProtectedServerNeedsTwoAndSaysWhy(t *testing.T) {
	s := newStage(t)
	f := newForum(&s, func(int) int { return 0 }, map[string]int{})
	f.fail, f.is.inventory = t.Fatalf, 1
	f.turn()
	if text := f.said(0, "approval_requested"); !strings.Contains(text, "2 different people must agree (web-01 is protected: piket runs on it).") {
		t.Errorf("said %q", text)
	}
	if err := f.yes("noor"); err != nil {
		t.Fatal(err)
	}
	if f.inc.Approval.GrantedBy != "" {
		t.Error("one was enough")
	}
}

func TestAnIntentIsNotSentAfterItsLeaveRanOut(t *testing.T) {
	f := askedForum(t, 0)
	expires := f.inc.Approval.Expires
	f.now = expires.Add(-10 * time.Second)
	if err := f.yes("noor"); err != nil {
		t.Fatal(err)
	}
	f.turn()
	if a := f.inc.Action; !a.Live() || !a.NotAfter.Equal(expires) {
		t.Fatalf("planned: %+v, leave until %v", a, expires)
	}
	f.now = expires.Add(time.Second)
	f.watch()
	f.turn()
	if a := f.inc.Action; a.Outcome != "" || !a.Voided {
		t.Errorf("%+v", a)
	}
}

// Nobody gives themselves a say in a question that has been put already.
func TestWhoTakesOverTheDutyAfterTheQuestionHasNoSayByThat(t *testing.T) {
	f := askedForum(t, 0)
	asked := f.inc.Approval.AskedAt
	inv := f.inventories[f.is.inventory]
	may := func(said time.Time) bool {
		cover := inventory.Cover{Team: f.inc.Team, Shift: inventory.Shift{Person: "ravi", From: asked, Until: asked.Add(time.Hour)}, Said: said}
		dressed, _ := inv.On(f.now, []inventory.Cover{cover})
		if dressed.OnDuty(f.inc.Team)[0].Name != "ravi" {
			t.Fatal("ravi is not on duty")
		}
		return remediation.MayAnswer(f.inc, dressed, "ravi")
	}
	if may(asked.Add(time.Second)) {
		t.Error("who took over after the question may answer it")
	}
	if !may(asked.Add(-time.Second)) {
		t.Error("who had taken over before may not")
	}
	f.page() // their turn has come anyhow
	if !may(asked.Add(time.Second)) {
		t.Error("who has been asked may not answer")
	}
}

// Whoever can write another tool's calendar could otherwise choose who says yes.
func TestAnotherToolsCalendarGivesNobodyASay(t *testing.T) { // [4]
	f := askedForum(t, 0)
	asked := f.inc.Approval.AskedAt
	cover := inventory.Cover{Team: f.inc.Team, Shift: inventory.Shift{Person: "ravi", From: asked.Add(-time.Hour), Until: asked.Add(time.Hour)}, Planned: true}
	dressed, _ := f.inventories[f.is.inventory].On(f.now, []inventory.Cover{cover})
	if dressed.OnDuty(f.inc.Team)[0].Name != "ravi" {
		t.Fatal("ravi is not on duty")
	}
	if remediation.MayAnswer(f.inc, dressed, "ravi") {
		t.Error("who is on duty by a calendar alone may answer")
	}
	if !remediation.MayAnswer(f.inc, dressed, "noor") {
		t.Error("who is on duty by the inventory may not")
	}
	f.page()
	if !remediation.MayAnswer(f.inc, dressed, "ravi") {
		t.Error("who has been asked may not answer")
	}
}
