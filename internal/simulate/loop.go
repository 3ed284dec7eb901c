package simulate

import (
	"iter"
	"runtime/debug"
	"time"
)

// loop is the one thread of a world: a heap of what happens when, and tasks
// that give way to it. Exactly one of them runs at any moment, so that the same
// seed always plays the same.
type loop struct {
	now     time.Duration // since the world began, by the true time
	heap    []happening
	seq     uint64
	running *task
	idle    []*hand
}

// happening is something that happens at a moment; at the same moment what was
// planned first happens first.
type happening struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (a happening) before(b happening) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

// at plans something; the past is now.
func (l *loop) at(when time.Duration, do func()) {
	l.seq++
	l.heap = append(l.heap, happening{max(when, l.now), l.seq, do})
	for n := len(l.heap) - 1; n > 0; {
		up := (n - 1) / 2
		if !l.heap[n].before(l.heap[up]) {
			break
		}
		l.heap[n], l.heap[up] = l.heap[up], l.heap[n]
		n = up
	}
}

func (l *loop) after(d time.Duration, do func()) { l.at(l.now+d, do) }

// next lets the next thing happen; false when nothing does until then.
func (l *loop) next(until time.Duration) bool {
	if len(l.heap) == 0 || l.heap[0].at > until {
		return false
	}
	top := l.heap[0]
	last := len(l.heap) - 1
	l.heap[0], l.heap[last] = l.heap[last], happening{}
	l.heap = l.heap[:last]
	for n := 0; ; {
		least := n
		for _, child := range [2]int{2*n + 1, 2*n + 2} {
			if child < last && l.heap[child].before(l.heap[least]) {
				least = child
			}
		}
		if least == n {
			break
		}
		l.heap[n], l.heap[least] = l.heap[least], l.heap[n]
		n = least
	}
	l.now = top.at
	top.do()
	return true
}

// task is one piece of work of one process: a visit, an answer, an alert that is
// taken in. It runs until it sleeps, and others run meanwhile.
type task struct {
	hand  *hand
	owner *replica
	life  int // of its owner when it began: it dies with it
	ended bool
}

// hand is a coroutine that does one task after the other: a stack that has
// grown once serves the next.
type hand struct {
	next  func() (wake time.Duration, more bool) // works on until the task sleeps, or is over
	stop  func()                                 // unwinds the task
	sleep func(wake time.Duration) bool
	work  func()
}

// over is what a hand says instead of when it wakes.
const over = time.Duration(-1)

// hire returns a hand that has nothing to do.
func (l *loop) hire() *hand {
	if last := len(l.idle) - 1; last >= 0 {
		h := l.idle[last]
		l.idle = l.idle[:last]
		return h
	}
	h := &hand{}
	h.next, h.stop = iter.Pull(func(yield func(time.Duration) bool) {
		h.sleep = yield
		for more := true; more; more = yield(over) {
			h.work()
		}
	})
	return h
}

// killed unwinds a task whose process has died; crashed says that it dies now.
type (
	killed  struct{}
	crashed struct{}
)

// start begins a task on a replica; done hears whether it came to its end.
func (w *world) start(r *replica, work func(), done func()) {
	t := &task{hand: w.hire(), owner: r, life: r.life}
	dying := false
	t.hand.work = func() {
		defer func() {
			switch p := recover().(type) {
			case nil:
				done()
			case killed:
			case crashed:
				dying = true
			default: // of the product: the process would be gone
				w.violate("P9", "panic: %v\n%s", p, debug.Stack())
			}
		}()
		work()
	}
	r.tasks = append(r.tasks, t)
	var step func()
	step = func() {
		if t.ended {
			return
		}
		if w.now < r.pausedUntil {
			w.at(r.pausedUntil, step)
			return
		}
		before := w.running
		w.running = t
		wake, _ := t.hand.next()
		w.running = before
		if wake != over {
			w.at(wake, step)
			return
		}
		t.ended = true
		r.forget(t)
		w.idle = append(w.idle, t.hand)
		if dying {
			w.crash(r)
		}
	}
	w.at(w.now, step)
}

// kill unwinds a task, and its hand is gone with it.
func (t *task) kill() {
	if !t.ended {
		t.ended = true
		t.hand.stop()
	}
}

// sleep lets the rest of the world go on for so long. The task may find itself
// in another time than it thinks, and its process dead.
func (w *world) sleep(d time.Duration) {
	t := w.running
	if t == nil {
		return
	}
	if !t.hand.sleep(w.now + d) {
		panic(killed{})
	}
}
