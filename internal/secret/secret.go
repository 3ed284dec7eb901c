// Package secret keeps passwords, keys and tokens out of everything that is
// printed. Configuration only ever refers to them: by file, by systemd
// credential, or by environment variable.
package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Ref says where a secret lies. The zero Ref refers to nothing.
type Ref struct {
	File       string // path, relative paths already resolved
	Credential string // name of a systemd credential (LoadCredential=)
	Env        string // name of an environment variable
}

// ErrNone is returned by Read for a Ref that refers to nothing.
var ErrNone = errors.New("no secret is configured")

// IsZero reports whether r refers to nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Read fetches the secret each time it is needed, so that a rotated file takes
// effect at once. One trailing newline is cut off. An error names the place,
// never the content; trying again makes sense once the place is mended.
func (r Ref) Read() (Value, error) {
	switch {
	case r.File != "":
		return readFile(r.File)
	case r.Credential != "":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return Value{}, fmt.Errorf("credential %s: CREDENTIALS_DIRECTORY is not set (systemd sets it for LoadCredential=)", r.Credential)
		}
		return readFile(filepath.Join(dir, filepath.Base(r.Credential)))
	case r.Env != "":
		text, ok := os.LookupEnv(r.Env)
		if !ok {
			return Value{}, fmt.Errorf("environment variable %s is not set", r.Env)
		}
		return New(text), nil
	}
	return Value{}, ErrNone
}

func readFile(path string) (Value, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Value{}, fmt.Errorf("read secret: %w", err)
	}
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return Value{}, fmt.Errorf("read secret: %s is empty", path)
	}
	return New(text), nil
}

// Value is a secret in hand. However it is printed, it shows as ***. The zero
// Value is the empty secret. Values are not to be compared with ==.
type Value struct {
	// A pointer, because fmt calls no methods on a field that is not exported
	// and would print what lies in it; of a pointer it prints the address.
	text *string
}

const mask = "***"

// New wraps text.
func New(text string) Value { return Value{&text} }

// Reveal returns the secret itself, for the one call that needs it.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Format prints *** for every verb; String alone would leave %d and the like.
func (Value) Format(f fmt.State, _ rune) { io.WriteString(f, mask) }

// String returns ***.
func (Value) String() string { return mask }

// MarshalText returns ***.
func (Value) MarshalText() ([]byte, error) { return []byte(mask), nil }

// LogValue returns ***.
func (Value) LogValue() slog.Value { return slog.StringValue(mask) }
