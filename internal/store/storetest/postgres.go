// Package storetest runs throw-away PostgreSQL servers for tests.
//
//	url := storetest.Shared(t).Database(t)
//	s, err := store.Open(url, clk)
package storetest

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver, "pgx"
)

// Server is a PostgreSQL server with a directory of its own, reached by a unix
// socket in it. It writes to its disk as a real one does.
type Server struct {
	dir, bin string
	run      *exec.Cmd
	stdin    io.Closer
	made     atomic.Int64 // schemas
}

// shared is the server of this test binary.
var shared = sync.OnceValues(func() (*Server, error) {
	bin := newest()
	if bin == "" {
		return nil, nil
	}
	return start(bin)
})

// Shared returns the server that all tests of the binary use; it ends with the
// binary, however that ends. Without PostgreSQL on the machine the test is
// skipped, or fails where PIKET_REQUIRE_PEERS=1 asks for it. A test that stops
// the server takes one of its own.
func Shared(t testing.TB) *Server {
	t.Helper()
	s, err := shared()
	return checked(t, s, err)
}

// Own returns a server for this test alone.
func Own(t testing.TB) *Server {
	t.Helper()
	bin := newest()
	if bin == "" {
		return checked(t, nil, nil)
	}
	s, err := start(bin)
	checked(t, s, err)
	t.Cleanup(func() {
		s.Kill(t)
		os.RemoveAll(s.dir)
	})
	return s
}

func checked(t testing.TB, s *Server, err error) *Server {
	t.Helper()
	switch {
	case err != nil:
		t.Fatal(err)
	case s == nil && os.Getenv("PIKET_REQUIRE_PEERS") != "":
		t.Fatal("PostgreSQL is not installed, and PIKET_REQUIRE_PEERS asks for it")
	case s == nil:
		t.Skip("PostgreSQL is not installed")
	}
	return s
}

// newest finds the programs of the newest PostgreSQL where Debian keeps them; ""
// when there is none.
func newest() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(dirs, func(a, b string) int { return release(b) - release(a) })
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	return ""
}

func release(dir string) int {
	number, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	return number
}

// start makes a server and begins it.
func start(bin string) (*Server, error) {
	dir, err := os.MkdirTemp("/tmp", "piket-pg-") // short: a socket's path has 107 characters
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, bin: bin}
	if as := somebody(); as != nil {
		if err := os.Chown(dir, int(as.Credential.Uid), int(as.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	init := s.command("initdb", "--pgdata", s.data(), "--auth=trust", "--username=piket", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.start()
}

// somebody is who the server runs as: it refuses to be root.
func somebody() *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		}
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, somebody()
	return cmd
}

// guard runs the server for as long as its standard input is open, which is for
// as long as the test lives, and then cleans up.
const guard = `"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=200 -c shared_buffers=32MB \
	-c restart_after_crash=on </dev/null >"$2/log" 2>&1 &
server=$!
echo $server
read -r word
kill -QUIT $server
wait $server
[ "$word" = keep ] || rm -rf "$2/data" "$2"`

func (s *Server) start() error {
	s.run = s.command("true")
	s.run.Path, s.run.Args = "/bin/sh", []string{"sh", "-c", guard, "sh", s.bin, s.dir}
	stdin, err := s.run.StdinPipe()
	if err != nil {
		return err
	}
	s.stdin = stdin
	if err := s.run.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s.await()
}

// await returns when the server answers.
func (s *Server) await() error {
	for range 300 {
		out, err := s.command("psql", s.url(), "-Atc", "SELECT 1").CombinedOutput()
		if err == nil && bytes.Equal(bytes.TrimSpace(out), []byte("1")) {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return fmt.Errorf("PostgreSQL does not answer:\n%s", log)
}

func (s *Server) url() string { return "postgres:///postgres?user=piket&host=" + s.dir }

// Socket returns the path of the socket at which the server listens.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL.5432") }

// Database makes an empty database, as far as its user can tell, and returns its
// URL: a schema of its own takes a hundredth of the time that a database takes.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("d%d", s.made.Add(1))
	s.SQL(t, "CREATE SCHEMA "+name)
	return s.url() + "&options=-csearch_path%3D" + name
}

// SQL runs statements as the server's owner.
func (s *Server) SQL(t testing.TB, statements string) {
	t.Helper()
	db, err := sql.Open("pgx", s.url())
	if err == nil {
		defer db.Close()
		_, err = db.Exec(statements)
	}
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

// Kill ends the server at once, as a crash would. What it has committed is on
// disk.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.run == nil {
		return
	}
	if w, ok := s.stdin.(io.Writer); ok {
		fmt.Fprintln(w, "keep")
	}
	s.stdin.Close()
	_ = s.run.Wait() // it says that it was killed
	s.run = nil
}

// Start begins a server that was killed, and returns when it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}
