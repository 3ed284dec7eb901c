package sweep

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spinware/piket/internal/lab"
)

// Our own trouble must never look like the silence of a target.

func TestATinyReceiveBufferMakesDoubtAndNeverSilence(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Rate: -1, ReceiveBuffer: 1, kind: kind})
			got := count(s.Ask(context.Background(), addresses(2000), 100*time.Millisecond, nil))
			if got[Silent] != 0 || got[Doubtful] == 0 || got[Answered]+got[Doubtful] != 2000 {
				t.Errorf("got %v", got)
			}
			if stats := s.Stats(); stats.Dropped == 0 {
				t.Errorf("stats are %+v", stats)
			}
		})
	}
}

// A stall that begins when the echoes are on their way: the living are
// answered all the same, with their true round trip, and the dead are doubted.
func TestAStallMakesDoubtAndNeverSilence(t *testing.T) {
	var stall atomic.Bool
	over := make(chan struct{})
	s, tun := openNetwork(t, Options{Rate: -1, beside: func() {
		if stall.CompareAndSwap(true, false) {
			<-over
		}
	}})
	tun.Delay(10 * time.Millisecond)
	to := hosts(rack4, 10)
	tun.Kill(to[3])
	stall.Store(true)
	time.AfterFunc(400*time.Millisecond, func() { close(over) })
	for i, e := range s.Ask(context.Background(), to, 150*time.Millisecond, nil) {
		switch {
		case i == 3 && e.Outcome != Doubtful:
			t.Errorf("the dead one is %v", e.Outcome)
		case i != 3 && e.Outcome != Answered:
			t.Errorf("a living one is %v", e.Outcome)
		case e.RTT > 300*time.Millisecond:
			t.Errorf("the stall shows as a round trip of %v", e.RTT)
		}
	}
	if stats := s.Stats(); stats.Gaps == 0 || stats.Away < 300*time.Millisecond || stats.Away > 10*time.Second {
		t.Errorf("a stall of 400 ms was counted as %+v", stats)
	}
	again := trusted(t, func() []Echo { return s.Ask(context.Background(), to[3:4], 150*time.Millisecond, nil) })
	if again[0].Outcome != Silent {
		t.Errorf("asked again without a stall, the dead one is %v", again[0].Outcome)
	}
}

// sweepInChild makes the test binary a program that sweeps and says what came
// of it, so that it can be stopped from outside.
const sweepInChild = "SWEEP_IN_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(sweepInChild) == "" {
		os.Exit(m.Run())
	}
	s, err := Open(Options{Rate: 5000})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("begins")
	got := count(s.Ask(context.Background(), hosts(rack4, 5000), 300*time.Millisecond, nil))
	fmt.Println(got[Answered], got[Silent], got[Doubtful], s.Stats().Gaps)
}

func TestAStoppedProcessCallsNobodySilent(t *testing.T) {
	var child *exec.Cmd
	var output *bufio.Scanner
	inside(t, func() error {
		tun, err := lab.OpenTUN(rack4)
		if err != nil {
			return err
		}
		t.Cleanup(func() { tun.Close() })
		tun.Delay(20 * time.Millisecond)
		child = exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), sweepInChild+"=1")
		child.Stderr = os.Stderr
		pipe, err := child.StdoutPipe()
		if err != nil {
			return err
		}
		output = bufio.NewScanner(pipe)
		return child.Start() // on this thread, and so in its namespace
	})
	if !output.Scan() || output.Text() != "begins" {
		t.Fatalf("the child says %q", output.Text())
	}
	<-time.After(300 * time.Millisecond) // somewhere in its second of sending
	child.Process.Signal(unix.SIGSTOP)
	<-time.After(700 * time.Millisecond)
	child.Process.Signal(unix.SIGCONT)
	if !output.Scan() {
		t.Fatal("the child says nothing")
	}
	var answered, silent, doubtful, gaps int
	if _, err := fmt.Sscan(output.Text(), &answered, &silent, &doubtful, &gaps); err != nil {
		t.Fatalf("the child says %q", output.Text())
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	if silent != 0 || gaps == 0 || answered+doubtful != 5000 || doubtful > 500 {
		t.Errorf("%d answered, %d silent, %d doubtful, %d gaps", answered, silent, doubtful, gaps)
	}
}

func TestADeviceThatTakesNothingIsOurTrouble(t *testing.T) {
	l := &loop{Sweeper: &Sweeper{}, ear: newEar()}
	a := &ask{to: addresses(2), echoes: make([]Echo, 2), flights: make([]flight, 2), open: 2}
	o := &outbox{n: 2}
	o.items[0], o.items[1] = item{a, 0}, item{a, 1}
	l.ear.look()
	l.holdBack(o, unix.ENOBUFS)
	if a.open != 2 || !o.full() {
		t.Fatal("the batch is given up at once, or another one is put on top of it")
	}
	l.ear.now += int64(maxStuck)
	l.holdBack(o, unix.ENOBUFS)
	expect(t, a.echoes, Unasked)
	if a.echoes[0].Err != unix.ENOBUFS || o.full() || l.stats.sendErrors.Load() != 2 {
		t.Errorf("got %+v", a.echoes[0])
	}
}
