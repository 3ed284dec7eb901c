package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func record(n int) Record {
	return Record{Kind: "intent", Intent: fmt.Sprintf("INC-%d/I4", n), Server: "web-01", What: "power cycle web-01", At: start.Add(time.Duration(n) * time.Minute)}
}

// written makes a journal with n records and returns its path.
func written(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	for i := range n {
		if err := j.Append(record(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path, LeastKept, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestWhatWasAppendedIsThereAfterOpeningAgain(t *testing.T) {
	j := open(t, written(t, 5))
	if all := j.All(); len(all) != 6 || all[0].Kind != Began || all[5] != record(4) {
		t.Errorf("got %+v", all)
	}
	if since := j.Since(start.Add(3 * time.Minute)); len(since) < 2 || since[len(since)-2] != record(3) {
		t.Errorf("since: %+v", since)
	}
}

// Only a crash ends a file inside a line. Whatever it left, the records before
// that are there, and the next record follows them.
func TestATailThatIsTornAtAnyByteIsCut(t *testing.T) {
	path := written(t, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := first; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(whole[:cut], []byte("\n"))
		j, err := Open(path, LeastKept, start)
		if err != nil {
			t.Fatalf("torn at byte %d: %v", cut, err)
		}
		if got := len(j.All()); got != want {
			t.Fatalf("torn at byte %d: %d records, want %d", cut, got, want)
		}
		if err := errors.Join(j.Append(record(9)), j.Close()); err != nil {
			t.Fatalf("torn at byte %d: %v", cut, err)
		}
		again := open(t, path)
		if got := again.All(); len(got) != want+1 || got[want] != record(9) {
			t.Fatalf("torn at byte %d, after one more: %+v", cut, got)
		}
		_ = again.Close()
	}
}

func TestDamageIsAnErrorThatSaysWhere(t *testing.T) {
	path := written(t, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at, b := range whole {
		if b == '\n' && at == len(whole)-1 {
			continue // without its end the last record counts as torn
		}
		broken := bytes.Clone(whole)
		broken[at] ^= 1
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, LeastKept, start)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "at byte") {
			t.Fatalf("byte %d (%q) flipped: %v", at, b, err)
		}
	}
}

func TestALineThatIsMissingIsFound(t *testing.T) {
	path := written(t, 4)
	whole, _ := os.ReadFile(path)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	if err := os.WriteFile(path, bytes.Join(append(lines[:2:2], lines[3:]...), nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, LeastKept, start); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestOneProcessWritesAtATime(t *testing.T) {
	path := written(t, 0)
	j := open(t, path)
	if _, err := Open(path, LeastKept, start); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	_ = j.Close()
	open(t, path)
}

// failing fails its nth call of one kind, and works again after that.
type failing struct {
	file
	write, sync bool
}

func (f *failing) Write(b []byte) (int, error) {
	if f.write {
		f.write = false
		return len(b) / 2, errors.New("input/output error")
	}
	return f.file.Write(b)
}

func (f *failing) Sync() error {
	if f.sync {
		f.sync = false
		return errors.New("input/output error")
	}
	return f.file.Sync()
}

func TestAfterOneErrorOfTheDiskItIsBrokenForGood(t *testing.T) {
	for name, breaks := range map[string]failing{"write": {write: true}, "fsync": {sync: true}} {
		j := open(t, written(t, 1))
		breaks.file = j.file
		j.file = &breaks
		for range 3 {
			if err := j.Append(record(2)); !errors.Is(err, ErrBroken) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if j.Err() == nil {
			t.Errorf("%s: it does not say so", name)
		}
	}
}

func TestARecordThatIsTooLongBreaksNothing(t *testing.T) {
	j := open(t, written(t, 0))
	if err := j.Append(Record{Kind: "intent", What: strings.Repeat("x", maxLineBytes)}); err == nil || errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
	if err := j.Append(record(1)); err != nil {
		t.Error(err)
	}
}

func TestOldRecordsAreDroppedAndTheChainGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	j.max = 64 << 10
	for n := range 6000 { // one a minute: four days
		if err := j.Append(record(n)); err != nil {
			t.Fatal(err)
		}
	}
	_ = j.Close()
	j = open(t, path)
	all := j.All()
	last := all[len(all)-1]
	if last != record(5999) || all[0].Continues == "" || len(all) > 5999 {
		t.Errorf("%d records, the last %+v, the first %+v", len(all), last, all[0])
	}
	if kept := last.At.Sub(all[1].At); kept < LeastKept-time.Minute {
		t.Errorf("only %v are kept", kept)
	}
}

func FuzzReadingNeverPanicsAndNeverMendsDamage(f *testing.F) {
	first, _ := newLine("", Record{Kind: Began, At: start})
	second, _ := newLine(first.sum, record(1))
	f.Add(first.text)
	f.Add(append(bytes.Clone(first.text), second.text...))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, good, err := parse(data)
		if err != nil {
			return
		}
		var text []byte
		for _, l := range lines {
			text = append(text, l.text...)
		}
		if !bytes.Equal(text, data[:good]) || bytes.IndexByte(data[good:], '\n') >= 0 {
			t.Errorf("read %d lines out of %q", len(lines), data)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	j, err := Open(filepath.Join(b.TempDir(), "journal"), LeastKept, start)
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	for n := 0; b.Loop(); n++ {
		if err := j.Append(record(n)); err != nil {
			b.Fatal(err)
		}
	}
}
