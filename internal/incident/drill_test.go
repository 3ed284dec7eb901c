package incident_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// [5.1] Whoever writes a message of a drill need not remember that it is one.
func TestEveryWordOfADrillSaysSo(t *testing.T) {
	fold := func(opened incident.Opened) *incident.Incident {
		inc := incident.Fold(nil)
		for n, p := range []incident.Payload{
			opened, incident.Classified{Title: "Worse"},
			incident.MessageQueued{Message: "M1", Subject: "Outage", Body: "It is down."},
			incident.CallTask{Task: "T1", Script: "It is down."},
			incident.WorkOrdered{Order: "W1", Subject: "Go", Body: "Press the button."},
			incident.ApprovalRequested{Approval: "A1", Step: "cycle", Why: "it hangs"},
		} {
			inc.Apply(incident.Event{Incident: "INC-2026-0001", Seq: n + 1, At: start, Payload: p})
		}
		return inc
	}
	words := func(inc *incident.Incident) []string {
		return []string{
			inc.Title, inc.Messages[0].Subject, inc.Messages[0].Body, inc.CallTasks[0].Script, inc.Order.Subject, inc.Order.Body, inc.Approval.Why,
		}
	}
	for _, w := range words(fold(incident.Opened{Title: "x", Subject: incident.Subject{Kind: incident.DrillKind, Name: "web-07"}, Drill: incident.Drill{Story: "server-hangs"}})) {
		if !strings.HasPrefix(w, "DRILL") || strings.HasPrefix(strings.TrimPrefix(w, "DRILL "), "DRILL") {
			t.Errorf("a drill says %q", w)
		}
	}
	for _, w := range words(fold(incident.Opened{Title: "x", Subject: incident.Subject{Kind: "server", Name: "web-07"}})) {
		if strings.Contains(w, "DRILL") {
			t.Errorf("real trouble says %q", w)
		}
	}
}

// A record of a drill that lost what it pretends stays a drill.
func TestADrillIsKnownByItsSubject(t *testing.T) {
	inc := incident.Fold([]incident.Event{{Incident: "INC-2026-0001", Seq: 1, At: start, Payload: incident.Opened{Subject: incident.Subject{Kind: incident.DrillKind, Name: "web-07"}}}})
	if !inc.IsDrill() || !inc.Subject.NoTrouble() {
		t.Errorf("it is taken for trouble: %+v", inc.Subject)
	}
	if p := inc.Practised(); !p.IsDrill() && p.Subject.Kind == "server" {
		t.Error("its runbook takes it for real trouble of a server")
	}
}

// [5.1] A new kind of event that carries words to people must be marked as well:
// by the names of their fields these are a subject, a body and a script.
func TestEveryKindOfMessageOfADrillIsMarked(t *testing.T) {
	found := 0
	for kind, read := range incident.Kinds {
		if kind == "mail_received" {
			continue // what came in stays as it was written
		}
		p, err := read([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.New(reflect.TypeOf(p)).Elem()
		v.Set(reflect.ValueOf(p))
		for _, name := range []string{"Subject", "Body", "Script"} {
			field := v.FieldByName(name)
			if !field.IsValid() || field.Kind() != reflect.String {
				continue
			}
			field.SetString("It is down.")
			found++
			got := reflect.ValueOf(incident.Marked(v.Interface().(incident.Payload))).FieldByName(name).String()
			if !strings.HasPrefix(got, "DRILL") {
				t.Errorf("%s says in its %s: %q", kind, name, got)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d fields were looked at", found)
	}
}

// [5.1] What goes to chats and pagers says so in the words that they show, and a
// push still leads to its page.
func TestEveryWayOfADrillSaysSo(t *testing.T) {
	raw := map[string]string{"summary": "Outage", "description": "It is down.", "link": "https://piket.example.net/"}
	got := incident.Marked(incident.MessageQueued{
		Way: incident.ByReceiver, Subject: "Outage", Notice: incident.Notice{Labels: map[string]string{"alertname": "x"}, Annotations: raw},
	}).(incident.MessageQueued)
	if a := got.Notice.Annotations; !strings.HasPrefix(a["summary"], "DRILL") || !strings.HasPrefix(a["description"], "DRILL") || a["link"] != raw["link"] {
		t.Errorf("a pager shows %v", a)
	}
	if got.Notice.Labels["drill"] != "yes" || raw["summary"] != "Outage" {
		t.Errorf("labels %v; what was recorded became %v", got.Notice.Labels, raw)
	}
	push := incident.Marked(incident.MessageQueued{Way: incident.ByPush, Subject: "Outage", Body: "/incidents/INC-2026-0001"}).(incident.MessageQueued)
	if push.Body != "/incidents/INC-2026-0001" || !strings.HasPrefix(push.Subject, "DRILL") {
		t.Errorf("a push is %+v", push)
	}
}
