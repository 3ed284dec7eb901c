package store_test

import (
	"slices"
	"testing"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/store"
)

// whole fails unless Verify finds nothing.
func whole(t *testing.T, s *store.Store) store.Report {
	t.Helper()
	report, err := s.Verify(ctx)
	if err != nil || len(report.Faults) > 0 {
		t.Errorf("the record is not whole: %q, %v", report.Faults, err)
	}
	return report
}

// record writes two incidents of five events each.
func record(t *testing.T, s *store.Store) {
	t.Helper()
	for _, name := range []string{"web-07", "web-08"} {
		firing := alerts.Alert{Source: "probe", Fingerprint: name, Status: alerts.Firing, StartsAt: start}
		inc := create(t, s, name, event(incident.AlertReceived{Alert: firing}))
		inc = add(t, s, inc, note("one"), note("two"))
		add(t, s, inc, event(incident.Classified{Impact: incident.High, Urgency: incident.High, Priority: incident.P1}))
	}
}

func TestWholeRecordHasNoFaults(t *testing.T) { onEach(t, testWholeRecordHasNoFaults) }

func testWholeRecordHasNoFaults(t *testing.T, where string) {
	s := open(t, where)
	if report := whole(t, s); report.Events != 0 || report.Incidents != 0 {
		t.Errorf("an empty store has %+v", report)
	}
	record(t, s)
	if report := whole(t, s); report.Events != 10 || report.Incidents != 2 {
		t.Errorf("got %+v", report)
	}
}

func TestTamperingIsFound(t *testing.T) {
	const one = ` WHERE incident = 'INC-2026-0001' AND seq = 3`
	for what, tamper := range map[string]string{
		"a word in the data":        `UPDATE events SET data = replace(data, 'one', 'two')` + one,
		"a space in the data":       `UPDATE events SET data = data || ' '` + one,
		"data that cannot be read":  `UPDATE events SET data = '{'` + one,
		"the actor":                 `UPDATE events SET actor = 'person:noor'` + one,
		"when it happened":          `UPDATE events SET at = at + 1` + one,
		"when it was written down":  `UPDATE events SET recorded = recorded - 1` + one,
		"the kind":                  `UPDATE events SET kind = 'closed'` + one,
		"an unknown kind":           `UPDATE events SET kind = 'nothing'` + one,
		"the hash":                  `UPDATE events SET hash = replace(hash, substr(hash, 1, 1), 'x')` + one,
		"the link":                  `UPDATE events SET prev = hash` + one,
		"the number":                `UPDATE events SET seq = 33` + one,
		"the incident":              `UPDATE events SET incident = 'INC-2026-0009'` + one,
		"an event gone":             `DELETE FROM events` + one,
		"the first event gone":      `DELETE FROM events WHERE incident = 'INC-2026-0001' AND seq = 1`,
		"the last event gone":       `DELETE FROM events WHERE incident = 'INC-2026-0002' AND seq = 5`,
		"an incident gone":          `DELETE FROM events WHERE incident = 'INC-2026-0002'; DELETE FROM incidents WHERE id = 'INC-2026-0002'`,
		"everything gone":           `DELETE FROM events; DELETE FROM incidents; DELETE FROM episodes`,
		"two events swapped":        `UPDATE events SET seq = 99` + one + `; UPDATE events SET seq = 3 WHERE seq = 4 AND incident = 'INC-2026-0001'; UPDATE events SET seq = 4 WHERE seq = 99`,
		"their places swapped":      `UPDATE events SET position = 99` + one + `; UPDATE events SET position = 3 WHERE position = 4; UPDATE events SET position = 4 WHERE position = 99`,
		"an event added":            `INSERT INTO events (position, incident, seq, at, recorded, actor, kind, data, prev, hash) SELECT 11, incident, 6, at, recorded, actor, kind, data, hash, 'h' FROM events WHERE seq = 5 AND incident = 'INC-2026-0001'`,
		"an incident not listed":    `DELETE FROM incidents WHERE id = 'INC-2026-0001'`,
		"an incident without event": `INSERT INTO incidents SELECT 'INC-2026-0003', version, head, 'x', title, status, priority, site, opened, changed, NULL, 0, 0, 0 FROM incidents LIMIT 1`,
		"one listed for another":    `UPDATE incidents SET id = 'INC-2026-0003' WHERE id = 'INC-2026-0001'`,
		"the listed version":        `UPDATE incidents SET version = 4 WHERE id = 'INC-2026-0001'`,
		"the listed status":         `UPDATE incidents SET status = 'closed' WHERE id = 'INC-2026-0001'`,
		"the listed priority":       `UPDATE incidents SET priority = 'P4' WHERE id = 'INC-2026-0001'`,
		"the listed title":          `UPDATE incidents SET title = 'nothing' WHERE id = 'INC-2026-0001'`,
		"the listed subject":        `UPDATE incidents SET subject = 'server:web-09' WHERE id = 'INC-2026-0001'`,
		"the listed site":           `UPDATE incidents SET site = 'ams2' WHERE id = 'INC-2026-0001'`,
		"the listed opening":        `UPDATE incidents SET opened = opened + 1 WHERE id = 'INC-2026-0001'`,
		"a server held by nobody":   `UPDATE incidents SET held = 'web-07' WHERE id = 'INC-2026-0001'`,
		"an alert called resolved":  `UPDATE episodes SET status = 'resolved' WHERE incident = 'INC-2026-0001'`,
		"when it was last heard of": `UPDATE episodes SET recorded = recorded + 1 WHERE incident = 'INC-2026-0001'`,
		"an alert of another":       `UPDATE episodes SET incident = 'INC-2026-0002' WHERE incident = 'INC-2026-0001'`,
		"an alert forgotten":        `DELETE FROM episodes WHERE incident = 'INC-2026-0001'`,
		"an alert invented":         `INSERT INTO episodes (episode, incident, status, recorded) VALUES ('probe/x/y', 'INC-2026-0001', 'resolved', 0)`,
	} {
		t.Run(what, func(t *testing.T) {
			onEach(t, func(t *testing.T, where string) {
				s := open(t, where)
				record(t, s)
				found(t, s, where, tamper)
			})
		})
	}
}

// found tampers with a store and fails unless Verify says so.
func found(t *testing.T, s *store.Store, where, tamper string) {
	t.Helper()
	if _, err := raw(t, where).Exec(tamper); err != nil {
		t.Fatal(err)
	}
	report, err := s.Verify(ctx)
	if err != nil || len(report.Faults) == 0 {
		t.Errorf("not found (%v)", err)
	}
	if slices.Contains(report.Faults, "") {
		t.Errorf("a fault without words: %q", report.Faults)
	}
}

func TestTamperingWithWhatIsKeptOfActionsIsFound(t *testing.T) {
	for what, tamper := range map[string]string{
		"an action called over":       `UPDATE intents SET ended = 1`,
		"an action on another server": `UPDATE intents SET server = 'web-09'`,
		"an action that is older":     `UPDATE intents SET planned = planned - 1`,
		"what it was":                 `UPDATE intents SET data = replace(data, 'web-07', 'web-09')`,
		"an action forgotten":         `DELETE FROM intents`,
		"an action invented": `INSERT INTO intents (` + intentColumns + `)
			SELECT 'x', incident, server, runbook, step, class, duty, planned, ended, result, data FROM intents`,
	} {
		t.Run(what, func(t *testing.T) {
			onEach(t, func(t *testing.T, where string) {
				s := open(t, where)
				inc := create(t, s, "web-07")
				add(t, s, inc, event(intended(inc, "web-07")))
				whole(t, s)
				found(t, s, where, tamper)
			})
		})
	}
}

const intentColumns = `intent, incident, server, runbook, step, class, duty, planned, ended, result, data`
