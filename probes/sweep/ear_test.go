package sweep

import (
	"testing"
	"time"
)

// at has the ear look at a moment of the test's choosing.
func (e *ear) at(moment time.Duration) (late bool) {
	e.base = time.Now().Add(-moment)
	return e.look()
}

func TestListeningTimeLeavesOutWhatTheLoopSlept(t *testing.T) {
	e := newEar()
	e.at(time.Second)
	e.now, e.away, e.deaf = 0, 0, 0
	e.due = int64(time.Second)
	if e.at(time.Second+MaxGap/2) || e.away != 0 {
		t.Error("half of MaxGap too late is called a gap")
	}
	e.rest(time.Second)
	if !e.at(4 * time.Second) {
		t.Fatal("two seconds too late are no gap")
	}
	if late := time.Duration(e.away); late < 1900*time.Millisecond || late > 2*time.Second {
		t.Errorf("away for %v, want the two seconds less half of MaxGap", late)
	}
	if e.deaf != e.now {
		t.Error("the gap does not end now")
	}
	e.sleep()
	if e.at(time.Hour) {
		t.Error("a sleep with nothing on its way is called a gap")
	}
}

func TestPaceLosesWhatWasNotUsed(t *testing.T) {
	p := newPace(1000)
	p.allow(int64(time.Hour), 100)
	if got := p.allow(int64(2*time.Hour), 100); got != 10 { // two naps' worth
		t.Errorf("%d echoes at once after an hour, want 10", got)
	}
	p.spend(10)
	if got := p.allow(int64(2*time.Hour), 100); got != 0 {
		t.Errorf("%d echoes more at the same moment", got)
	}
	if got := p.allow(int64(2*time.Hour+3*time.Millisecond), 100); got != 3 {
		t.Errorf("%d echoes after 3 ms, want 3", got)
	}
}
