package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/store/storetest"
)

func TestDaemonKeepsItsTimelinesInPostgres(t *testing.T) {
	url := storetest.Shared(t).Database(t)
	config := strings.Replace(least, "storage: {path: data}", fmt.Sprintf("storage: {path: data, url: %q}", url), 1)
	if config == least {
		t.Fatal("the least configuration names its storage in another way")
	}
	d := newTestDaemon(t, config)
	if err := d.ready(); err != nil {
		t.Errorf("not ready: %v", err)
	}
	inc := d.receive(t, alerts.Labels{"alertname": "ServerUnreachable", "server": "web-01"})
	look, err := store.OpenReadOnly(url)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	if seen, err := look.Load(t.Context(), inc.ID); err != nil || seen.Subject.Name != "web-01" {
		t.Errorf("in the database is %+v (%v)", seen, err)
	}
	if !inUse(d.settings.Load().config.Storage.Path) {
		t.Error("nothing in the storage directory says that a piket is here")
	}
}
