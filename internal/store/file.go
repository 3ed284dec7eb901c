package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
)

// Migration of the schema from version 6 to 7.
const fileSchema = `
-- Photographs from sites, by the SHA-256 of what is in them. The timeline names the
-- hash, so that nobody changes a picture unseen.
CREATE TABLE files (
	hash     TEXT PRIMARY KEY,
	incident TEXT NOT NULL,
	added    INTEGER NOT NULL, -- microseconds since 1970, UTC
	content  BLOB NOT NULL
);
`

// MaxFileBytes bounds one file.
const MaxFileBytes = 4 << 20

// ErrNoFile says that there is no such file. Trying again does not help.
var ErrNoFile = errors.New("no such file")

// KeepFile stores content beside an incident, where every replica sees it, and
// returns its hash. The same content twice is one file; so trying again after an
// error is harmless.
func (s *Store) KeepFile(ctx context.Context, incidentID string, content []byte) (hash string, err error) {
	if len(content) == 0 || len(content) > MaxFileBytes {
		return "", fmt.Errorf("keep a file of %s: it has %d bytes, and may have %d", incidentID, len(content), MaxFileBytes)
	}
	hash = hashOf(content)
	err = s.aside(ctx, func(ctx context.Context, x execer) error {
		_, err := x.ExecContext(ctx, `INSERT INTO files (hash, incident, added, content) VALUES ($1, $2, $3, $4) ON CONFLICT (hash) DO NOTHING`,
			hash, plain(incidentID), s.clk.Now().UnixMicro(), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("keep a file of %s: %w", incidentID, err)
	}
	return hash, nil
}

// File returns the content with that hash, or ErrNoFile. What the database has
// changed meanwhile is an error.
func (s *Store) File(ctx context.Context, hash string) ([]byte, error) {
	var content []byte
	err := s.read.QueryRowContext(ctx, `SELECT content FROM files WHERE hash = $1`, plain(hash)).Scan(&content)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNoFile
	case err != nil:
		return nil, fmt.Errorf("read file %.12s: %w", hash, err)
	case hashOf(content) != hash:
		return nil, fmt.Errorf("read file %.12s: its content is not what was stored", hash)
	}
	return content, nil
}

func hashOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
