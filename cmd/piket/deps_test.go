package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// policy says which package of ours may import which, lowest level first. An
// arrow that is not here is a mistake, or a wall that must be moved in a commit
// of its own. Tests may import anything.
const policy = `
# Level 0: words and tools that know nothing of piket.
alerts:            # the one form in which trouble enters
internal/clock:    # time at three speeds
internal/failpoint: # where the battery kills the program; nothing in one that is shipped
internal/secret:   # passwords that do not print
internal/trusted:  # whose certificates hold, and where a token may go
internal/freeze:   internal/failpoint  # the big red button: a file, so that it works without a database
internal/journal:  # what was about to be sent, beside a database that may forget
internal/signed:   # links for people who have no sign-in
internal/photo:    # strangers' pictures, made harmless
internal/yamlpos:  internal/secret  # a secret is only ever referred to, and the reader enforces that

# Level 1: what is known of the world, and what an incident is. Pure.
internal/inventory: internal/secret internal/trusted internal/yamlpos
internal/receivers: internal/oneline internal/yamlpos  # Alertmanager's receivers: level 2, a carrier that knows no incident
internal/incident:  alerts
runbooks:           alerts internal/yamlpos

# Level 2: looking, and keeping.
internal/oneline: # strangers' text, fit to be shown
probes/statuspage: internal/oneline # what providers announce, in all their formats
probes/sweep:   # echoes to many addresses over one socket
probes/kdump:   internal/clock internal/inventory  # machines that write their memory after a panic
internal/silences: alerts internal/clock internal/inventory internal/oneline internal/secret internal/trusted  # what people muted in Alertmanager
probes:         alerts internal/clock internal/inventory internal/oneline internal/trusted probes/statuspage probes/sweep
internal/ledger: internal/clock internal/freeze internal/incident internal/journal  # the journal against the database
internal/store: alerts internal/clock internal/failpoint internal/incident
internal/store/storetest: # a PostgreSQL to throw away, for tests

# Level 3: what follows the timeline. None of these knows another: they meet in
# the store. rounds is the one loop that all of them are called from.
internal/rounds: internal/clock internal/store
internal/intake: alerts internal/clock internal/failpoint internal/incident internal/inventory internal/store runbooks
internal/push:   alerts internal/clock internal/incident internal/inventory internal/oneline internal/trusted  # to the browsers of who is on duty, and which they are
internal/push/pushtest: internal/incident # a browser and its push service, for tests
internal/duty:   alerts internal/clock internal/incident internal/inventory internal/oneline internal/trusted  # whose turn it is, and who takes over
internal/identity: alerts internal/clock internal/incident internal/inventory internal/store  # which machine each server is, by files and by people
internal/desk:   alerts internal/clock internal/failpoint internal/incident internal/inventory internal/signed
internal/report: internal/incident  # what management reads, off timelines; pure
internal/dispatch: internal/clock internal/incident internal/inventory internal/oneline internal/trusted  # work orders to other companies' machines
internal/notify: internal/clock internal/failpoint internal/incident internal/secret internal/store internal/trusted
remediation:     alerts internal/clock internal/failpoint internal/incident internal/inventory probes runbooks  # what it needs of a store is an interface of its own: the simulator has another
internal/vantage: alerts internal/clock internal/inventory internal/secret internal/trusted probes  # level 3 for what it imports; it follows no timeline

# Level 4: the actions themselves, and the doors for people.
remediation/bmc:        internal/failpoint internal/incident internal/inventory internal/secret internal/trusted probes remediation
remediation/ssh:        internal/failpoint internal/incident internal/inventory probes remediation
remediation/executor:   internal/clock internal/incident internal/inventory internal/journal probes remediation runbooks  # the drivers are handed to it
remediation/technician: internal/incident internal/inventory internal/signed remediation
internal/mailbox:       alerts internal/clock internal/desk internal/incident internal/inventory internal/notify internal/oneline internal/secret internal/store internal/trusted  # the door for mail
internal/web:           alerts internal/clock internal/desk internal/duty internal/failpoint internal/freeze internal/identity internal/incident internal/inventory internal/photo internal/push internal/report internal/secret internal/signed internal/store internal/vantage probes remediation remediation/technician runbooks
internal/telephone:     internal/clock internal/desk internal/incident internal/inventory internal/oneline internal/secret internal/signed internal/store internal/trusted  # rings who was mailed; a door for people, as the page is
internal/simulate:      alerts internal/clock internal/desk internal/incident internal/intake internal/inventory internal/journal internal/ledger internal/secret internal/store probes remediation runbooks  # the real engine, door and desk in worlds of virtual time
internal/lab:           internal/clock internal/yamlpos  # never the program that it stands behind

# Level 5: the program. It may import everything above; nobody imports it.
cmd/piket: *
`

const module = "github.com/spinware/piket/"

func TestImportPolicy(t *testing.T) {
	allowed := parsePolicy(t)
	for name, imports := range listPackages(t) {
		rule, ok := allowed[name]
		if !ok {
			t.Errorf("package %s has no line in the import policy", name)
			continue
		}
		for _, path := range imports {
			if !slices.Contains(rule, path) && !slices.Contains(rule, "*") {
				t.Errorf("%s imports %s, which the policy does not allow", name, path)
			}
		}
		for _, path := range rule {
			if path != "*" && !slices.Contains(imports, path) {
				t.Errorf("%s may import %s and does not: take it out of the policy", name, path)
			}
		}
		delete(allowed, name)
	}
	for name := range allowed {
		t.Errorf("the import policy speaks of %s, which is not there", name)
	}
}

func parsePolicy(t *testing.T) map[string][]string {
	t.Helper()
	allowed := map[string][]string{}
	for line := range strings.Lines(policy) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, imports, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("policy line %q has no colon", line)
		}
		allowed[name] = strings.Fields(imports)
	}
	return allowed
}

// listPackages returns what each package of ours imports of ours, tests apart.
func listPackages(t *testing.T) map[string][]string {
	t.Helper()
	// By path, not by module: that would need the go.mod of every module that one of
	// ours could ever have needed.
	list := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string][]string{}
	decoder := json.NewDecoder(bufio.NewReader(bytes.NewReader(out)))
	for decoder.More() {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		var ours []string
		for _, path := range p.Imports {
			if short, ok := strings.CutPrefix(path, module); ok {
				ours = append(ours, short)
			}
		}
		packages[strings.TrimPrefix(p.ImportPath, module)] = ours
	}
	return packages
}
