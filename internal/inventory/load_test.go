package inventory_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/inventory"
)

func TestAnInventoryWithoutServersIsValid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inventory.yml")
	if err := os.WriteFile(file, []byte("servers: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Load(file)
	if err != nil || len(inv.Servers) != 0 {
		t.Fatalf("got %+v, %v", inv, err)
	}
	if _, found := inv.Find("web-01"); found {
		t.Error("something was found in nothing")
	}
}

func TestMistakesOfAllFilesComeAtOnce(t *testing.T) {
	inv, err := inventory.Load("testdata/good/places.yml", "testdata/bad/duplicate-site.yml", "testdata/none.yml")
	want := strings.Join([]string{
		`testdata/bad/duplicate-site.yml:2:12: site "ams1" is given twice, first at testdata/good/places.yml:2:11`,
		`testdata/bad/duplicate-site.yml:3:12: site "ams1" is given twice, first at testdata/good/places.yml:2:11`,
		`testdata/none.yml: read file: no such file or directory`,
	}, "\n")
	if inv != nil || err == nil || err.Error() != want {
		t.Fatalf("got\n%v\nwant\n%s", err, want)
	}
}

func TestAnInventoryMadeInTheProgramIsCheckedTheSame(t *testing.T) {
	content := inventory.Inventory{
		Sites: []inventory.Site{{Name: "ams1"}},
		Servers: []inventory.Server{{
			Name: "web-01", Site: "ams1", Address: "192.0.2.11",
			BMC: &inventory.BMC{Protocol: "ipmi", Address: "192.0.2.111", Username: "piket"},
		}},
	}
	inv, err := inventory.New(content)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := inv.Find("192.0.2.11"); !ok || s.BMC.Port != 623 {
		t.Errorf("got %+v", s)
	}
	if content.Servers[0].BMC.Port != 0 {
		t.Error("what was handed over is changed")
	}
	content.Servers = append(content.Servers, inventory.Server{Name: "web-01", Site: "asm1", Address: "192.0.2.12"})
	_, err = inventory.New(content)
	want := "server \"web-01\" is given twice\nunknown site \"asm1\"; did you mean \"ams1\"?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPlaceholdersIdentifyNothing(t *testing.T) {
	for _, id := range []string{
		"", " ", "-", "0", "0000000", "............", "XXXXXXXX", "F-F-F-F", "None", "N/A", "Default string",
		"To be filled by O.E.M.", "To Be Filled By O.E.M.", "Not Specified", "System Serial Number", "0123456789", "1234567890",
		"03000200-0400-0500-0006-000700080009", "00020003-0004-0005-0006-000700080009",
		"00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "fefefefe-fefe-fefe-fefe-fefefefefefe",
	} {
		if !inventory.IsPlaceholder(id) {
			t.Errorf("%q counts as an identity", id)
		}
	}
	for _, id := range []string{
		"7HKX2P3", "CZJ04207WM", "S411795X3A04412", "A1", "20417",
		"4c4c4544-0048-4b10-8058-b7c04f325033", "00000000-0000-0000-0000-ac1f6bd80714",
	} {
		if inventory.IsPlaceholder(id) {
			t.Errorf("%q counts as a placeholder", id)
		}
	}
}
