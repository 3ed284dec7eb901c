package trusted_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/trusted"
)

func TestATokenGoesNowhereWithoutTLSButToThisMachine(t *testing.T) {
	for address, want := range map[string]struct{ token, open string }{
		"https://piket.example.net":           {"", ""},
		"https://piket.example.net/below/":    {"", ""},
		"http://127.0.0.1:9490":               {"", ""},
		"http://[::1]:9490":                   {"", ""},
		"http://localhost:9490":               {"", ""},
		"http://piket.example.net":            {"readable on the way to piket.example.net", ""},
		"http://localhost.example.net":        {"readable on the way to localhost.example.net", ""},
		"http://192.0.2.1":                    {"readable on the way to 192.0.2.1", ""},
		"piket.example.net":                   {"want an address such as", "want an address such as"},
		"ftp://piket.example.net":             {"want an address such as", "want an address such as"},
		"https://":                            {"want an address such as", "want an address such as"},
		"https://fra1:x@piket.example.net":    {"a user name, a query", "a user name, a query"},
		"https://piket.example.net/?vantage=": {"a user name, a query", "a user name, a query"},
		"https://piket.example.net/#x":        {"a user name, a query", "a user name, a query"},
	} {
		for token, want := range map[bool]string{true: want.token, false: want.open} {
			err := trusted.Address(address, token)
			if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s, with a token %v: %v", address, token, err)
			}
		}
	}
}

func TestOnlyAFileWithCertificatesIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	pool, err := trusted.CAs(good)
	if err != nil || pool == nil {
		t.Fatal(err)
	}
	if pool, err := trusted.CAs(""); pool != nil || err != nil {
		t.Errorf("no file is %v, %v, not the machine's own list", pool, err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"):        "no such file",
		file("empty", ""):                 "holds no certificate",
		file("other", "no certificate\n"): "holds no certificate",
	} {
		if pool, err := trusted.CAs(path); pool != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", path, pool, err)
		}
	}
}
