package store

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// How many connections look at a SQLite file at once, and how long one that has
// nothing to do is kept: opening one reads the whole schema.
const (
	readers    = 8
	readerIdle = time.Minute
)

// reader is the connections that look. Where keeps is set, a query is read and
// planned once on each of them: for SQLite that takes longer than most answers.
// A pooler in front of PostgreSQL may give every question another connection.
type reader struct {
	*sql.DB
	keeps bool

	mu    sync.RWMutex
	stmts map[string]*sql.Stmt
}

// openReader opens a SQLite file for looking.
func openReader(path string) (*reader, error) {
	db, err := sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	db.SetConnMaxIdleTime(readerIdle)
	return &reader{DB: db, keeps: true, stmts: map[string]*sql.Stmt{}}, nil
}

// prepared returns query as a statement, nil where it is to be asked as it is.
// The texts of queries are constants of this package, so that they are few.
func (r *reader) prepared(ctx context.Context, query string) *sql.Stmt {
	if !r.keeps {
		return nil
	}
	r.mu.RLock()
	stmt := r.stmts[query]
	r.mu.RUnlock()
	if stmt != nil {
		return stmt
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stmt = r.stmts[query]; stmt == nil {
		var err error
		if stmt, err = r.PrepareContext(ctx, query); err != nil {
			return nil // asking it as it is says why
		}
		r.stmts[query] = stmt
	}
	return stmt
}

// QueryContext and QueryRowContext ask on any of the connections.
func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := r.prepared(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return r.DB.QueryContext(ctx, query, args...)
}

func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if stmt := r.prepared(ctx, query); stmt != nil {
		return stmt.QueryRowContext(ctx, args...)
	}
	return r.DB.QueryRowContext(ctx, query, args...)
}
