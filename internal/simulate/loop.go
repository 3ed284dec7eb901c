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
	owner *replica
	life  int // of its owner when it began: it dies with it
	next  func() (time.Duration, bool)
	stop  func()
	sleep func(time.Duration) bool
	ended bool
}

// killed unwinds a task whose process has died; crashed says that it dies now.
type (
	killed  struct{}
	crashed struct{}
)

// start begins a task on a replica; done hears whether it came to its end.
func (w *world) start(r *replica, work func(), done func()) {
	t := &task{owner: r, life: r.life}
	dying := false
	t.next, t.stop = iter.Pull(func(yield func(time.Duration) bool) {
		t.sleep = yield
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
	})
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
		wake, more := t.next()
		w.running = before
		if more {
			w.at(wake, step)
			return
		}
		t.ended = true
		r.forget(t)
		if dying {
			w.crash(r)
		}
	}
	w.at(w.now, step)
}

// sleep lets the rest of the world go on for so long. The task may find itself
// in another time than it thinks, and its process dead.
func (w *world) sleep(d time.Duration) {
	t := w.running
	if t == nil {
		return
	}
	if !t.sleep(w.now + d) {
		panic(killed{})
	}
}
