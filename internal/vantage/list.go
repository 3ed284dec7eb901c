package vantage

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spinware/piket/internal/inventory"
)

// List is the list of targets ready to be sent.
type List struct {
	Version string // changes with the content, and with nothing else
	Gzip    []byte // the list as JSON, compressed

	of   *inventory.Inventory
	keys map[string]struct{}
}

// maxListBytes bounds a list that is taken in, unpacked: a hundred thousand
// servers with three services each take 40 MB.
const maxListBytes = 128 << 20

func listOf(inv *inventory.Inventory) *List {
	targets := Prune(inv)
	plain, err := json.Marshal(targets)
	if err != nil {
		panic(fmt.Sprintf("vantage: a list of plain fields became no JSON: %v", err))
	}
	l := &List{Version: versionOf(plain), Gzip: pack(plain), of: inv, keys: map[string]struct{}{}}
	for _, key := range targets.Keys() {
		l.keys[key] = struct{}{}
	}
	return l
}

// versionOf hashes a list: what two daemons or two starts make of one inventory
// is one version.
func versionOf(plain []byte) string {
	sum := sha256.Sum256(plain)
	return hex.EncodeToString(sum[:16])
}

func (l *List) knows(key string) bool {
	_, ok := l.keys[key]
	return ok
}

// readTargets reads a list as it was sent, unpacked.
func readTargets(plain []byte) (t Targets, version string, err error) {
	if err := json.Unmarshal(plain, &t); err != nil {
		return Targets{}, "", fmt.Errorf("read the list of targets: %w", err)
	}
	return t, versionOf(plain), nil
}

func pack(plain []byte) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(plain)
	if end := w.Close(); err != nil || end != nil {
		panic("vantage: writing to memory failed")
	}
	return packed.Bytes()
}

// readAtMost reads all there is, and refuses what is more than most.
func readAtMost(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%w than %d MiB", ErrTooLarge, most>>20)
	}
	return data, nil
}
