// Package journal is a second memory beside a database: a small file that is
// only ever added to, and on disk before [Journal.Append] returns. A database
// may forget (a backup is restored, a replica that lags takes over); what was
// about to be sent must not be forgotten with it.
//
//	j, err := journal.Open("data/journal", journal.LeastKept, clk.Now())
//	err = j.Append(journal.Record{Kind: "intent", Intent: "INC-1/I4", At: now})
//	if err != nil { /* send nothing */ }
//
// Each record is a line: the SHA-256 of the line before it and of its own body,
// a space, the body as JSON. So one sum finds both damage and a line that is
// missing.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Record is one line. Kind says what it is about; the fields that the kind does
// not need are empty.
type Record struct {
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"`
	Intent   string    `json:"intent,omitempty"`
	Incident string    `json:"incident,omitempty"`
	Server   string    `json:"server,omitempty"`
	Site     string    `json:"site,omitempty"`
	What     string    `json:"what,omitempty"`

	// Of a database at that moment: which one it is, how far it was, and the hash
	// of its last event.
	Generation string `json:"generation,omitempty"`
	Position   int64  `json:"position,omitempty"`
	Hash       string `json:"hash,omitempty"`

	// Continues is set on the first line of a file alone: the sum of the last line
	// that was dropped before it, "" in a journal that has dropped none.
	Continues string `json:"continues,omitempty"`
}

// Began is the kind of every file's first record. Its time is when the journal
// was made: what happened before that it cannot know.
const Began = "began"

// Bounds of a journal.
const (
	// LeastKept is how long every record is kept at the least.
	LeastKept = 48 * time.Hour
	// maxSizeBytes is the size over which records that are old enough are dropped.
	maxSizeBytes = 8 << 20
	// maxLineBytes bounds one line. It is below a disk's usual block of 4096 bytes
	// twice over, so that a crash tears the last record and no other.
	maxLineBytes = 8 << 10
)

// Errors that callers tell apart. None is cured by trying again.
var (
	// ErrBroken is returned by Append once a write or an fsync has failed: what is
	// on disk is not known any more, also if a later fsync succeeds.
	ErrBroken = errors.New("the journal is broken")
	// ErrDamaged is returned by Open for a file in which a record other than a torn
	// last one is not as it was written.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrInUse is returned by Open while another process has the journal open.
	ErrInUse = errors.New("the journal is in use by another process")
)

// Journal is an open journal. Its methods are safe for concurrent use.
type Journal struct {
	path string
	keep time.Duration
	max  int64
	lock *os.File

	mu     sync.Mutex
	file   file
	size   int64
	lines  []line
	broken error
}

// file is what a journal needs of an *os.File; a test puts one in its place
// that fails.
type file interface {
	Write([]byte) (int, error)
	Sync() error
	Close() error
}

// line is a record with its sum, as it stands in the file.
type line struct {
	record Record
	text   []byte
	sum    string
}

// Open opens the journal at path for this process alone, and makes it if it is
// not there. A last record that a crash has torn is cut off: its Append never
// returned, so nothing rests on it. Records are kept for keep, at least
// [LeastKept]. A journal that is made begins now. It returns ErrDamaged with the
// place, or ErrInUse.
func Open(path string, keep time.Duration, now time.Time) (*Journal, error) {
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	j := &Journal{path: path, keep: max(keep, LeastKept), max: maxSizeBytes, lock: lock}
	if err := j.load(now); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return j, nil
}

// acquire takes a lock file, apart from the journal itself because that is
// replaced when old records are dropped.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the journal: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}

func (j *Journal) load(now time.Time) error {
	data, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return j.begin(now)
	}
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	lines, good, err := parse(data)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", j.path, err)
	case len(lines) == 0: // a crash tore the very first line: nothing was ever written after it
		return j.begin(now)
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	j.file, j.lines, j.size = f, lines, good
	if good < int64(len(data)) {
		err = f.Truncate(good)
	}
	// Also what a killed process wrote and did not sync is part of the chain now.
	if err = errors.Join(err, f.Sync(), syncDir(j.path)); err != nil {
		return errors.Join(fmt.Errorf("open the journal: %w", err), f.Close())
	}
	return nil
}

// begin makes a journal that has nothing but its first line.
func (j *Journal) begin(now time.Time) error {
	first, err := newLine("", Record{Kind: Began, At: now.UTC()})
	if err != nil {
		return err
	}
	return j.replace([]line{first})
}

// replace puts a file with these lines in the place of the one that is there,
// at once or not at all.
func (j *Journal) replace(lines []line) error {
	var text []byte
	for _, l := range lines {
		text = append(text, l.text...)
	}
	fresh := j.path + ".new"
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("make the journal: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync()); err == nil {
		err = errors.Join(os.Rename(fresh, j.path), syncDir(j.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make the journal: %w", err), f.Close())
	}
	if j.file != nil {
		_ = j.file.Close() // what it held is in the new one, on disk
	}
	j.file, j.lines, j.size = f, lines, int64(len(text))
	return nil
}

// syncDir makes the name of a file in its directory last.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Append adds a record and returns once it is on disk. After an error of the
// disk every later Append fails with ErrBroken; only opening the journal again
// says what it holds. A record that is too long is refused and breaks nothing.
func (j *Journal) Append(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	l, err := newLine(j.lines[len(j.lines)-1].sum, r)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(l.text); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.broken = fmt.Errorf("%w: %w", ErrBroken, err)
		return j.broken
	}
	j.lines, j.size = append(j.lines, l), j.size+int64(len(l.text))
	if j.size > j.max {
		j.dropOld(r.At)
	}
	return nil
}

// dropOld starts a new file without what is older than the journal keeps. It is
// not worth it for less than half. The record that made it necessary is on disk
// already; if the new file cannot be made, the next Append says so.
func (j *Journal) dropOld(now time.Time) {
	old := slices.IndexFunc(j.lines, func(l line) bool { return l.record.Kind != Began && now.Sub(l.record.At) < j.keep })
	if old < len(j.lines)/2 {
		return
	}
	first := j.lines[0].record
	first.Continues = j.lines[old-1].sum
	head, err := newLine("", first)
	if err == nil {
		err = j.replace(append([]line{head}, j.lines[old:]...))
	}
	if err != nil {
		j.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	}
}

// All returns every record that is kept, oldest first; the first is of kind
// [Began].
func (j *Journal) All() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := make([]Record, len(j.lines))
	for i, l := range j.lines {
		records[i] = l.record
	}
	return records
}

// Since returns the records that were made at t or later, oldest first.
func (j *Journal) Since(t time.Time) []Record {
	return slices.DeleteFunc(j.All(), func(r Record) bool { return r.At.Before(t) })
}

// Err returns why nothing can be appended any more, nil while it can.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

// Close lets another process open the journal. Every later Append fails.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lock == nil {
		return nil
	}
	j.broken = fmt.Errorf("%w: it is closed", ErrBroken)
	err := errors.Join(j.file.Close(), j.lock.Close())
	j.lock = nil
	return err
}

// newLine writes a record as the line that follows the one with the sum before.
func newLine(before string, r Record) (line, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return line{}, fmt.Errorf("write a record: %w", err)
	}
	l := line{record: r, sum: sum(before, body)}
	l.text = slices.Concat([]byte(l.sum), []byte(" "), body, []byte("\n"))
	if len(l.text) > maxLineBytes {
		return line{}, fmt.Errorf("a record of %d bytes is too long for the journal (%d at most)", len(l.text), maxLineBytes)
	}
	return l, nil
}
