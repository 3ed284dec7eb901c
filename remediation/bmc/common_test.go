package bmc_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/remediation"
)

const (
	username = "piket"
	password = "sesame-open-42"
	serial   = "SN-0017"
	uuid     = "00112233-4455-6677-8899-aabbccddeeff"
)

// ipmiGUID is uuid in the byte order of SMBIOS.
var ipmiGUID = [16]byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}

// secretFile puts text where a secret reference can find it.
func secretFile(t *testing.T, text string) secret.Ref {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return secret.Ref{File: path}
}

// order asks for verb on the machine behind b.
func order(b *inventory.BMC, verb string) remediation.Order {
	return remediation.Order{
		Intent: incident.Intended{Server: "web-07", Action: "power", Verb: verb, Serial: serial, UUID: uuid},
		Server: inventory.Server{Name: "web-07", BMC: b},
		Last:   func() error { return nil },
	}
}

var errFrozen = errors.New("piket is frozen")

// check compares a result with what was promised, and makes sure that the
// password is not in it.
func check(t *testing.T, got remediation.Result, outcome incident.Outcome, detail string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Detail, detail) {
		t.Fatalf("got %s: %q, want %s: …%s…", got.Outcome, got.Detail, outcome, detail)
	}
	if strings.Contains(got.Detail, password) {
		t.Fatalf("the password is in %q", got.Detail)
	}
}

// haveIPMITool reports whether ipmitool is there. Where PIKET_REQUIRE_PEERS is
// set, as in continuous integration, it must be.
func haveIPMITool(t *testing.T) bool {
	t.Helper()
	_, err := exec.LookPath("ipmitool")
	if err != nil && os.Getenv("PIKET_REQUIRE_PEERS") != "" {
		t.Fatal("ipmitool is not installed, and PIKET_REQUIRE_PEERS asks for it")
	}
	return err == nil
}
