package store_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/store"
)

const childDir = "PIKET_TEST_WRITER"

// TestMain is also the writer that TestKilledWriterHasLostNothing kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		err := appendForever(dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForever prints each version once it is acknowledged.
func appendForever(dir string) error {
	s, err := store.Open(dir, clock.Real())
	if err != nil {
		return err
	}
	list, err := s.List(ctx, store.Filter{})
	if err != nil {
		return err
	}
	inc, err := s.Load(ctx, list[0].ID)
	for err == nil {
		inc, err = s.Append(ctx, inc.ID, inc.Version, note("one"), note(strings.Repeat("two", 500)))
		if err == nil {
			fmt.Println(inc.Version)
		}
	}
	return err
}

func TestKilledWriterHasLostNothing(t *testing.T) { onEach(t, testKilledWriterHasLostNothing) }

func testKilledWriterHasLostNothing(t *testing.T, where string) {
	s := open(t, where)
	inc := create(t, s, "web-07")
	s.Close()
	for round := range 20 {
		acknowledged := writeAndKill(t, where, rand.IntN(25))
		s := open(t, where)
		now, err := s.Load(ctx, inc.ID)
		if err != nil || now.Version < acknowledged {
			t.Fatalf("round %d: version %d was acknowledged, %d is there (%v)", round, acknowledged, now.Version, err)
		}
		if now.Version%2 == 0 {
			t.Errorf("round %d: half of a batch is there (version %d)", round, now.Version)
		}
		whole(t, s)
		s.Close()
	}
}

// writeAndKill runs a writer, kills it -9 once it has acknowledged more than
// the given number of versions, and returns the last one it acknowledged.
func writeAndKill(t *testing.T, dir string, after int) (acknowledged int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	writer := exec.Command(self)
	writer.Env = append(os.Environ(), childDir+"="+dir)
	writer.Stderr = os.Stderr
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if n == after {
			writer.Process.Kill() // what it had still printed is read on
		}
	}
	_ = writer.Wait() // killed, as it should be
	if acknowledged == 0 {
		t.Fatal("the writer wrote nothing")
	}
	return acknowledged
}
