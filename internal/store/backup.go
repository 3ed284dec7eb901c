package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spinware/piket/internal/clock"
)

var (
	// ErrNewer says that the storage directory has events that the backup has
	// not. Restoring it would forget them.
	ErrNewer = errors.New("the storage directory has events that the backup has not")
	// ErrNotHere says that the database has means of its own for what was asked.
	ErrNotHere = errors.New("PostgreSQL is backed up and restored by its own means, such as pg_basebackup")
)

// Backup writes a copy of the store as it is at one moment to the file path,
// which must not be there, while piket runs. Without an error it is whole and on
// disk. After one nothing is at path.
func (s *Store) Backup(ctx context.Context, path string) error {
	if s.path == "" {
		return ErrNotHere
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("back up to %s: %w", path, errors.Join(err, os.ErrExist))
	}
	partial := path + ".partial"
	defer os.Remove(partial)
	err := s.vacuum(ctx, partial)
	if err == nil {
		err = syncFile(partial)
	}
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err == nil {
		err = syncFile(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}

// vacuum writes a compact copy to a file that only its owner reads.
func (s *Store) vacuum(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	db, err := sql.Open("sqlite", dsn(s.path))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO $1", path)
	return err
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Restored is what a restore has come to.
type Restored struct {
	Report
	Head  Head   // of the restored store
	Lost  int64  // events that the directory had and the backup has not; -1 when nobody can tell
	Aside string // where the store is now that was there, "" when none was
}

// restoring is where a backup is made ready, in the storage directory.
const restoring = "restoring"

// Restore puts the backup at path in the place of the store in dir. The backup
// is checked as a whole first; with a fault in it nothing is changed. The error
// is ErrLocked while a piket runs there, and ErrNewer when dir has events that
// would be forgotten and discardNewer is not set. What was there is kept beside
// it, and the restored store has a new generation.
func Restore(ctx context.Context, path, dir string, discardNewer bool) (r Restored, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return r, fmt.Errorf("make storage directory: %w", err)
	}
	lock, err := acquire(filepath.Join(dir, lockName))
	if err != nil {
		return r, err
	}
	defer lock.Close()
	ready := filepath.Join(dir, restoring)
	if err := os.RemoveAll(ready); err != nil {
		return r, fmt.Errorf("make room for the backup: %w", err)
	}
	defer os.RemoveAll(ready)
	if err := prepare(ctx, path, ready, &r); err != nil {
		return r, err
	}
	r.Lost = lost(ctx, dir, r.Head)
	if r.Lost != 0 && !discardNewer {
		return r, ErrNewer
	}
	return r, replace(dir, ready, &r)
}

// prepare makes a checked store of its own generation out of a backup.
func prepare(ctx context.Context, path, ready string, r *Restored) error {
	if err := os.Mkdir(ready, 0o700); err != nil {
		return fmt.Errorf("make room for the backup: %w", err)
	}
	if err := copyFile(path, filepath.Join(ready, FileName)); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	s, err := Open(ready, clock.Real())
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer s.Close()
	if r.Report, err = s.Verify(ctx); err != nil {
		return fmt.Errorf("check the backup: %w", err)
	}
	if len(r.Faults) > 0 {
		return fmt.Errorf("the backup is not whole: %s", strings.Join(r.Faults, "; "))
	}
	if err := s.renew(ctx); err != nil {
		return fmt.Errorf("begin a new generation: %w", err)
	}
	if r.Head, err = s.Head(ctx); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("finish the restored store: %w", err)
	}
	// Closing has moved the log into the file; a log that is left would be lost.
	if log, err := os.Stat(filepath.Join(ready, FileName+"-wal")); err == nil && log.Size() > 0 {
		return errors.New("finish the restored store: its log is not empty")
	}
	return syncFile(filepath.Join(ready, FileName))
}

// lost counts the events in dir that come after the head of a backup. Of a store
// that cannot be read, or that has another past, nobody can tell: -1.
func lost(ctx context.Context, dir string, backup Head) int64 {
	there, err := OpenReadOnly(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		return -1
	}
	defer there.Close()
	head, err := there.Head(ctx)
	if err != nil {
		return -1
	}
	if head.Position == 0 {
		return 0
	}
	if hash, err := there.HashAt(ctx, backup.Position); err != nil || hash != backup.Hash {
		return -1
	}
	return head.Position - backup.Position
}

// replace moves what is in dir aside and the restored store to its place.
func replace(dir, ready string, r *Restored) error {
	path := filepath.Join(dir, FileName)
	if _, err := os.Stat(path); err == nil {
		r.Aside = path + ".before-" + r.Head.Generation
	}
	for _, end := range []string{"-wal", "-shm", ""} { // the log goes first: it must not be read into another file
		err := os.Rename(path+end, r.Aside+end)
		if r.Aside == "" || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("move the old store aside: %w", err)
		}
	}
	err := os.Rename(filepath.Join(ready, FileName), path)
	if err == nil {
		err = syncFile(dir)
	}
	if err != nil {
		return fmt.Errorf("put the restored store in its place: %w", err)
	}
	return nil
}

// copyFile copies a file to one that only its owner reads, and syncs it.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}
