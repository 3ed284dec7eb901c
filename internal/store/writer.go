package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/spinware/piket/internal/failpoint"
)

// maxBatch bounds how many callers share one commit, which is how long the
// first of them may wait for the last.
const maxBatch = 256

// writer commits in groups: it takes whoever waits, runs each in a savepoint of
// one transaction, commits once, and then answers all of them. A disk that
// syncs slowly makes the groups larger instead of the queue longer.
type writer struct {
	db        *sql.DB
	dialect   dialect
	published func(map[string]folded)

	queue   chan *job
	closing chan struct{}
	once    sync.Once
	ended   chan struct{}
	broken  atomic.Pointer[error]

	conn  *sql.Conn            // kept between batches where the dialect allows it
	stmts map[string]*sql.Stmt // prepared on conn
	dirty int                  // what was written since the last checkpoint
}

// job is one caller's part of a batch.
type job struct {
	do     func(context.Context, *batch) ([]folded, error)
	state  atomic.Int32
	answer chan error
}

const (
	waiting int32 = iota
	taken         // the writer has begun it: its end is near and worth waiting for
	gone          // the caller has left before it was begun
)

func newWriter(db *sql.DB, d dialect, published func(map[string]folded)) *writer {
	w := &writer{
		db: db, dialect: d, published: published, stmts: map[string]*sql.Stmt{},
		queue: make(chan *job, maxBatch), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	return w
}

// do runs f in a transaction and returns when it has been committed, or has
// failed and left nothing behind. The transaction's end is waited for even when
// ctx ends meanwhile; one that has not begun by then never will. After an error
// of the commit itself it is not known whether f's changes are stored. f runs on
// the writer's own goroutine: it must be quick and must not write to the store.
func (w *writer) do(ctx context.Context, f func(context.Context, *batch) (folded, error)) error {
	return w.doAll(ctx, func(ctx context.Context, b *batch) ([]folded, error) {
		one, err := f(ctx, b)
		return []folded{one}, err
	})
}

// doAll is do for what makes something of several incidents.
func (w *writer) doAll(ctx context.Context, f func(context.Context, *batch) ([]folded, error)) error {
	if w == nil {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{do: f, answer: make(chan error, 1)}
	select {
	case <-w.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case w.queue <- j:
	}
	select {
	case err := <-j.answer:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, gone) {
			return ctx.Err()
		}
	case <-w.ended:
		if j.state.CompareAndSwap(waiting, gone) {
			return ErrClosed
		}
	}
	return <-j.answer
}

// close waits for the batch under way and ends the writer. Whoever still waits
// gets ErrClosed.
func (w *writer) close() {
	if w == nil {
		return
	}
	w.once.Do(func() { close(w.closing) })
	<-w.ended
}

func (w *writer) run() {
	defer close(w.ended)
	defer w.letGo(nil)
	for {
		select {
		case <-w.closing:
			return
		case first := <-w.queue:
			w.commit(w.gather(first))
		}
	}
}

// gather takes first and who else waits now.
func (w *writer) gather(first *job) []*job {
	var jobs []*job
	for j := first; ; {
		if j.state.CompareAndSwap(waiting, taken) {
			jobs = append(jobs, j)
		}
		if len(jobs) >= maxBatch {
			return jobs
		}
		select {
		case j = <-w.queue:
		default:
			return jobs
		}
	}
}

// commit runs jobs in one transaction and answers them.
func (w *writer) commit(jobs []*job) {
	if len(jobs) == 0 {
		return
	}
	if broken := w.broken.Load(); broken != nil {
		answer(jobs, *broken)
		return
	}
	ctx, cancel := w.dialect.bound(context.Background())
	defer cancel()
	if err := w.take(ctx); err != nil {
		answer(jobs, fmt.Errorf("begin: %w", err))
		return
	}
	b := &batch{w: w, folded: map[string]folded{}}
	good, err := b.run(ctx, jobs)
	if err == nil && len(good) > 0 {
		b.reach(failpoint.StoreWritten)
		err = w.dialect.commit(ctx, w.conn)
	}
	if err != nil || len(good) == 0 {
		w.abandon(err)
		answer(good, w.failed(err))
		return
	}
	b.reach(failpoint.StoreCommitted)
	w.letGo(nil)
	w.published(b.folded)
	answer(good, nil)
	w.checkpoint(ctx, len(b.folded))
}

// failed says what an error of a commit means.
func (w *writer) failed(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit: %w", err)
	if w.dialect.fatal(err) {
		err = w.breakDown(err)
	}
	return err
}

// breakDown ends all writing: after an error of the disk itself the next sync
// may well say that all is fine, and what it was asked to keep is gone.
func (w *writer) breakDown(err error) error {
	broken := fmt.Errorf("%w (%w)", ErrBroken, err)
	w.broken.CompareAndSwap(nil, &broken)
	return *w.broken.Load()
}

// What was written is moved into the database file after so many batches, of
// which a large one counts as several: who waits meanwhile must not wait long.
// SQLite would do so by itself, and would not say when it fails.
const (
	checkpointEvery = 100
	largeBatch      = 16 // incidents
)

func (w *writer) checkpoint(ctx context.Context, changed int) {
	if w.dirty += 1 + changed/largeBatch; w.dirty < checkpointEvery || w.conn == nil {
		return
	}
	w.dirty = 0
	if err := w.dialect.checkpoint(ctx, w.conn); err != nil && w.dialect.fatal(err) {
		w.breakDown(fmt.Errorf("checkpoint: %w", err))
	}
}

// take has a connection ready and begins a transaction on it.
func (w *writer) take(ctx context.Context) (err error) {
	if w.conn == nil {
		if w.conn, err = w.db.Conn(ctx); err != nil {
			return err
		}
	}
	if err = w.dialect.begin(ctx, w.conn); err != nil {
		w.abandon(err)
	}
	return err
}

// abandon rolls back, and lets the connection go if not even that works.
func (w *writer) abandon(because error) {
	ctx, cancel := w.dialect.bound(context.Background())
	defer cancel()
	_, err := w.conn.ExecContext(ctx, "ROLLBACK")
	if w.dialect.single() {
		return // SQLite may have rolled back by itself, and then says that there is nothing to roll back
	}
	w.letGo(errors.Join(because, err))
}

// letGo gives the connection back; after an error it is not used again.
func (w *writer) letGo(err error) {
	if w.conn == nil || w.dialect.single() && err == nil && !w.isClosing() {
		return
	}
	if err != nil {
		_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	for query, stmt := range w.stmts {
		stmt.Close()
		delete(w.stmts, query)
	}
	w.conn.Close()
	w.conn = nil
}

func (w *writer) isClosing() bool {
	select {
	case <-w.closing:
		return true
	default:
		return false
	}
}

func answer(jobs []*job, err error) {
	for _, j := range jobs {
		j.answer <- err
	}
}

// batch is one transaction of the writer.
type batch struct {
	w      *writer
	folded map[string]folded // what it has made of incidents so far

	// touched is what it has last seen of actions, its own included; nil before.
	// Nobody else sees it: the batch may come to nothing.
	touched *touched
}

// run runs each job and answers those that fail; the rest still wait for the
// commit. An error says that the whole transaction is lost.
func (b *batch) run(ctx context.Context, jobs []*job) (good []*job, err error) {
	if len(jobs) == 1 { // nobody to be kept apart from
		made, err := jobs[0].do(ctx, b)
		if err != nil {
			answer(jobs, err)
			return nil, nil
		}
		b.note(made)
		return jobs, nil
	}
	for n, j := range jobs {
		made, err := b.apart(ctx, j)
		if err == nil {
			b.note(made)
			good = append(good, j)
			continue
		}
		j.answer <- err
		if err := b.undo(ctx); err != nil {
			return append(good, jobs[n+1:]...), fmt.Errorf("roll back what failed beside it: %w", err)
		}
	}
	return good, nil
}

// apart runs a job in a savepoint.
func (b *batch) apart(ctx context.Context, j *job) (made []folded, err error) {
	if err = b.exec(ctx, "SAVEPOINT one"); err == nil {
		made, err = j.do(ctx, b)
	}
	if err == nil {
		err = b.exec(ctx, "RELEASE SAVEPOINT one")
	}
	return made, err
}

// reach is where a test may end the process, if the batch concerns a timeline.
func (b *batch) reach(point failpoint.Point) {
	if len(b.folded) > 0 {
		failpoint.Reach(point)
	}
}

// note remembers what a job has made of incidents, for the next one.
func (b *batch) note(made []folded) {
	for _, f := range made {
		if f.inc != nil {
			b.folded[f.inc.ID] = f
		}
	}
}

// undo rolls back to the savepoint.
func (b *batch) undo(ctx context.Context) error {
	if err := b.exec(ctx, "ROLLBACK TO SAVEPOINT one"); err != nil {
		return err
	}
	return b.exec(ctx, "RELEASE SAVEPOINT one")
}

func (b *batch) exec(ctx context.Context, query string) error {
	_, err := b.ExecContext(ctx, query)
	return err
}

// prepared returns query as a statement of the connection that is kept, nil
// where there is none to keep it on.
func (b *batch) prepared(ctx context.Context, query string) *sql.Stmt {
	if !b.w.dialect.single() {
		return nil
	}
	stmt, ok := b.w.stmts[query]
	if !ok {
		var err error
		if stmt, err = b.w.conn.PrepareContext(ctx, query); err != nil {
			return nil // running it as it is says why
		}
		b.w.stmts[query] = stmt
	}
	return stmt
}

// ExecContext, QueryContext and QueryRowContext run a query in the transaction.
func (b *batch) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := b.prepared(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return b.w.conn.ExecContext(ctx, query, args...)
}

func (b *batch) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := b.prepared(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return b.w.conn.QueryContext(ctx, query, args...)
}

func (b *batch) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := b.prepared(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return b.w.conn.QueryRowContext(ctx, query, args...)
}
