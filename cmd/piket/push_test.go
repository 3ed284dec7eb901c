package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/push/pushtest"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

// A subscription is bound to the key: a restart or another replica must not make
// a new one.
func TestReplicasShareTheKeyOfPushesAndOneAloneKeepsItInAFile(t *testing.T) {
	own, where := t.TempDir(), storetest.Shared(t).Database(t)
	for _, at := range []string{own, where} {
		keys := map[string]bool{}
		for range 2 {
			s, err := store.Open(at, clock.Real())
			if err != nil {
				t.Fatal(err)
			}
			dir := own
			if s.Shared() {
				dir = t.TempDir() // each replica has its own
			}
			key, err := pushKey(dir, s)
			if err != nil {
				t.Fatal(err)
			}
			keys[key.Public()] = true
			s.Close()
		}
		if len(keys) != 1 {
			t.Errorf("%s: %d different keys", at, len(keys))
		}
	}
	if info, err := os.Stat(filepath.Join(own, "push.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

func TestAPageIsPushedToTheBrowsersThatAreLeft(t *testing.T) {
	var d *Daemon
	one := pushtest.New(t, func() time.Time { return d.clk.Now() })
	two := pushtest.New(t, func() time.Time { return d.clk.Now() })
	ca := filepath.Join(t.TempDir(), "ca.pem")
	var certificates []byte
	for _, b := range []*pushtest.Browser{one, two} {
		text, err := os.ReadFile(b.CAFile(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		certificates = append(certificates, text...)
	}
	if err := os.WriteFile(ca, certificates, 0o600); err != nil {
		t.Fatal(err)
	}
	d = newTestDaemon(t, least+"push: {services: ['"+one.Host()+"', '"+two.Host()+"'], ca_file: '"+ca+"'}\n")
	if err := d.door.Receive(t.Context(), []alerts.Alert{push.Opening("noor")}, 0); err != nil {
		t.Fatal(err)
	}
	record, err := d.book.Load(t.Context(), "noor")
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range []*pushtest.Browser{one, two} {
		s := b.Subscription()
		s.Person, s.Device = "noor", record.ID+"/P"+string(rune('1'+n))
		if _, err := d.store.Record(t.Context(), record.ID, incident.Event{Actor: incident.Person("noor"), Payload: s}); err != nil {
			t.Fatal(err)
		}
	}
	m := notify.Mail{ID: "INC-1/M4", Incident: "INC-1", To: []string{"noor"}, Subject: "P1", Body: "/incidents/INC-1"}
	two.Answer(http.StatusGone)
	if accepted, err := d.push(t.Context(), m); err != nil || accepted != "accepted for 1 browser of noor" {
		t.Errorf("got %q, %v", accepted, err)
	}
	if got := one.Notes(); len(got) != 1 || got[0] != `{"title":"P1","path":"/incidents/INC-1","tag":"INC-1/M4"}` {
		t.Errorf("it was shown %q", got)
	}
	if record, err = d.book.Load(t.Context(), "noor"); err != nil || len(record.Devices) != 1 || record.Devices[0].Endpoint != one.Subscription().Endpoint {
		t.Errorf("left are %+v, %v", record, err)
	}
	one.Answer(http.StatusServiceUnavailable)
	if _, err := d.push(t.Context(), m); err == nil || errors.Is(err, notify.ErrRefused) {
		t.Errorf("a service that is down: %v", err)
	}
	one.Answer(http.StatusNotFound)
	for range 2 { // it goes, and then there is none
		if _, err := d.push(t.Context(), m); !errors.Is(err, notify.ErrRefused) {
			t.Errorf("without a browser: %v", err)
		}
	}
	if d.book.Wants("noor") {
		t.Error("somebody still wants to hear")
	}
	// What stands among the incidents is trouble.
	if list, err := d.store.List(t.Context(), store.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if strings.Contains(record.Devices[0].Text(), "/push/abc") {
		t.Errorf("the sentence shows the address: %s", record.Devices[0].Text())
	}
}
