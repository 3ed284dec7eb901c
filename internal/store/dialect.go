package store

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// dialect is what differs between SQLite and PostgreSQL. Everything else is
// written once, in SQL that both read, with $1 and so on for what goes in.
type dialect interface {
	// translate writes a statement of the schema, which is written for SQLite.
	translate(schema string) string
	// version returns the version of the schema, 0 in an empty database, and
	// setVersion writes it.
	version(ctx context.Context, q querier) (int, error)
	setVersion(ctx context.Context, x execer, version int) error
	// migrating begins a transaction in which no other process migrates.
	migrating(ctx context.Context, conn *sql.Conn) error

	// begin begins a transaction that sees everything committed before it and
	// keeps every other writer out until it ends.
	begin(ctx context.Context, conn *sql.Conn) error
	// beginAside begins one that keeps out only who writes the same rows.
	beginAside(ctx context.Context, conn *sql.Conn) error
	// commit ends it. Without an error it is on disk.
	commit(ctx context.Context, conn *sql.Conn) error
	// bound limits how long one transaction may take.
	bound(ctx context.Context) (context.Context, context.CancelFunc)
	// single reports whether there is only this process, and all its writing goes
	// through one connection.
	single() bool
	// checkpoint moves what was written to where it belongs.
	checkpoint(ctx context.Context, conn *sql.Conn) error
	// fatal reports whether after an error of a commit it is not known what is on
	// the disk, and no later commit can be believed.
	fatal(err error) bool
	// durable returns why a commit would not be on disk, nil when it would.
	durable(ctx context.Context, q querier) error

	// now is the time by the clock that all processes share, given this one's.
	now(ctx context.Context, q querier, own time.Time) (time.Time, error)
	// skipLocked is the end of a query that passes over the rows of table that
	// another transaction has locked, and locks the others.
	skipLocked(table string) string
	// keepLocked is the end of a query whose rows of table nobody changes before
	// the transaction ends.
	keepLocked(table string) string
	// snapshot is how a transaction sees one moment and holds nobody up.
	snapshot() *sql.TxOptions
	// positions takes the next n places in the order of all events and returns
	// the first; nil where the database gives them out by itself.
	positions(ctx context.Context, q querier, n int) (any, error)
	// rows bounds how many rows one statement inserts.
	rows() int
	// written counts the events that were ever written.
	written(ctx context.Context, q querier) (int64, error)
	// integrity returns what is wrong with the database's own files, a line each.
	integrity(ctx context.Context, q querier) ([]string, error)
	// system returns the name of the database cluster and the count of its
	// failovers, zero for what is not known.
	system(ctx context.Context, q querier) (name string, timeline int64)
	// elements is a query for the elements of the JSON list in a parameter.
	elements(parameter string) string
	// violated names the uniqueness rule that an error says was broken, by its
	// column or its name; "" when it says something else.
	violated(err error) string
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// execer is one of those that can write.
type execer interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// plain makes of a stranger's text what every database takes: valid UTF-8
// without a zero in it.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

// collect reads every row of a query with read. It has let go of the query when
// it returns, so that the next can follow on the same connection.
func collect[T any](rows *sql.Rows, err error, read func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		item, err := read(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}

// one reads a row of a single column.
func one[T any](rows *sql.Rows) (item T, err error) {
	err = rows.Scan(&item)
	return item, err
}
