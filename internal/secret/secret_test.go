package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/secret"
)

const canary = "opensesame-7c1f"

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bmc-web-01")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEveryPlaceOfASecretIsRead(t *testing.T) {
	path := file(t, canary+"\n")
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
	t.Setenv("PIKET_TEST_SECRET", canary)
	for _, ref := range []secret.Ref{{File: path}, {Credential: "bmc-web-01"}, {Env: "PIKET_TEST_SECRET"}} {
		if value, err := ref.Read(); err != nil || value.Reveal() != canary {
			t.Errorf("%+v: %q, %v", ref, value.Reveal(), err)
		}
	}
}

func TestARotatedFileTakesEffectAtOnce(t *testing.T) {
	ref := secret.Ref{File: file(t, "old")}
	if _, err := ref.Read(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ref.File, []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if value, err := ref.Read(); err != nil || value.Reveal() != "new" {
		t.Errorf("got %q, %v", value.Reveal(), err)
	}
}

func TestOnlyTheLastNewlineIsCutOff(t *testing.T) {
	for content, want := range map[string]string{"a b": "a b", " a\n": " a", "a\n\n": "a\n", "a\r\n": "a\r"} {
		if value, err := (secret.Ref{File: file(t, content)}).Read(); err != nil || value.Reveal() != want {
			t.Errorf("%q: got %q, %v", content, value.Reveal(), err)
		}
	}
}

func TestASecretThatIsNotThereIsAnErrorWithItsPlace(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	empty, missing := file(t, "\n"), filepath.Join(t.TempDir(), "none")
	for _, test := range []struct {
		ref  secret.Ref
		is   error
		says string
	}{
		{secret.Ref{}, secret.ErrNone, "no secret is configured"},
		{secret.Ref{File: missing}, fs.ErrNotExist, missing},
		{secret.Ref{File: empty}, nil, empty + " is empty"},
		{secret.Ref{Credential: "bmc"}, nil, "CREDENTIALS_DIRECTORY is not set"},
		{secret.Ref{Env: "PIKET_TEST_NONE"}, nil, "PIKET_TEST_NONE is not set"},
	} {
		_, err := test.ref.Read()
		if err == nil || !strings.Contains(err.Error(), test.says) || (test.is != nil && !errors.Is(err, test.is)) {
			t.Errorf("%+v: got %v", test.ref, err)
		}
	}
	if !(secret.Ref{}).IsZero() || (secret.Ref{Env: "A"}).IsZero() {
		t.Error("which reference is empty is confused")
	}
}

func TestACredentialCannotLeaveItsDirectory(t *testing.T) {
	path := file(t, canary)
	dir := filepath.Join(filepath.Dir(path), "credentials")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if value, err := (secret.Ref{Credential: "../bmc-web-01"}).Read(); err == nil {
		t.Errorf("read %d bytes from outside", len(value.Reveal()))
	}
}

func TestASecretShowsNowhere(t *testing.T) {
	value := secret.New(canary)
	holder := struct {
		Name   string
		Secret secret.Value
		Many   []secret.Value
		hidden secret.Value // of which fmt sees the content and not the methods
	}{"bmc", value, []secret.Value{value}, value}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", value, holder)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("signed in", "password", value, "all", holder)
	}
	encoded, err := json.Marshal(map[string]any{"a": value, "b": holder})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	fmt.Fprint(&out, fmt.Errorf("sign in with %v: %w", value, errors.New("refused")))
	shown := out.String()
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary))} {
		if strings.Contains(shown, form) {
			t.Errorf("the secret shows:\n%s", shown)
		}
	}
	if !strings.Contains(shown, "***") || holder.hidden.Reveal() != canary {
		t.Errorf("nothing was printed:\n%s", shown)
	}
}
