package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spinware/piket/remediation"
)

// Bounds of the socket.
const (
	headerTime   = 5 * time.Second
	requestTime  = 10 * time.Second
	longestOrder = 60 * time.Second
	longestLook  = 60 * time.Second
)

// Server lets the daemon's process reach an executor over a unix socket. Only
// the users in UIDs are heard; the kernel says who is asking (SO_PEERCRED).
type Server struct {
	Executor *Executor
	UIDs     []int
}

// Listen makes the socket at path for its owner and group. A socket that nobody
// listens on any more is replaced.
func Listen(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("listen on %s: somebody listens there already", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("listen on %s: what is there is no socket", path)
	} else if err == nil {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), l.Close())
	}
	return l, nil
}

type peerKey struct{}

// Serve answers until ctx ends, and then waits for the orders under way.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, MaxHeaderBytes: 8 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peer(c))
		},
	}
	server.SetKeepAlivesEnabled(false)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), longestOrder)
		defer cancel()
		stopped <- server.Shutdown(ending)
	})
	err := server.Serve(l)
	if !stop() {
		return <-stopped
	}
	return err
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+orderPath, s.order)
	mux.HandleFunc("POST "+lookPath, s.look)
	mux.HandleFunc("POST "+standingPath, s.standing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if uid, ok := r.Context().Value(peerKey{}).(int); !ok || !slices.Contains(s.UIDs, uid) {
			http.Error(w, "you are not the user that this executor serves", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
		mux.ServeHTTP(w, r)
	})
}

// order carries one order out. That whoever asked is gone stops it before the
// write, and does not cut a send in half.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	var m orderMessage
	from := values(r.Body)
	if err := from.Decode(&m); err != nil {
		http.Error(w, "this is no order", http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), bounded(m.Timeout, longestOrder))
	defer cancel()
	result := s.Executor.Do(ctx, remediation.Order{Intent: m.Intent, Last: func() error { return s.ask(w, from) }})
	reply(w, replyMessage{Outcome: result.Outcome, Detail: result.Detail})
}

// leaveTime is how old the daemon's leave may be when the command is written: the
// time from the question to the answer, by a watch that counts suspended time.
const leaveTime = 2 * time.Second

// ask asks the daemon whether the order still holds; nil means that it does. The
// daemon asks its database, which alone knows of a freeze at another replica.
func (s *Server) ask(w http.ResponseWriter, from *json.Decoder) error {
	watch, control := s.Executor.Clock.Stopwatch(), http.NewResponseController(w)
	err := errors.Join(control.EnableFullDuplex(), control.SetReadDeadline(time.Now().Add(leaveTime)))
	if err == nil {
		reply(w, replyMessage{Ask: true})
		err = control.Flush()
	}
	var m leaveMessage
	if err == nil {
		err = from.Decode(&m)
	}
	switch {
	case err != nil:
		return errors.New("the daemon did not say that the order still holds")
	case !m.Go:
		return errors.New(remediation.Clause(m.Why, maxDetail))
	case watch() > leaveTime:
		return errors.New("the daemon's leave came too late")
	}
	return nil
}

func (s *Server) look(w http.ResponseWriter, r *http.Request) {
	var m lookMessage
	if err := decode(r.Body, &m); err != nil {
		http.Error(w, "this is no look", http.StatusBadRequest)
		return
	}
	timeout := bounded(m.Timeout, longestLook)
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	seen := s.Executor.LookAt(ctx, m.How, m.Server, timeout)
	reply(w, sightMessage{seen.State, seen.Reason, seen.Facts, seen.Latency, seen.Expiry, seen.Evidence})
}

func (s *Server) standing(w http.ResponseWriter, _ *http.Request) {
	var m standingMessage
	if err := s.Executor.Err(); err != nil {
		m.Trouble = err.Error()
	}
	reply(w, m)
}

func bounded(asked, most time.Duration) time.Duration {
	if asked <= 0 || asked > most {
		return most
	}
	return asked
}

func reply(w http.ResponseWriter, m any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m) // a reply that is lost is the other side's Unknown
}

// peer is the user at the other end, -1 when the kernel does not say.
func peer(c net.Conn) int {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return -1
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return -1
	}
	uid := -1
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	if err != nil {
		return -1
	}
	return uid
}
