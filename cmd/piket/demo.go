package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/internal/store"
)

// demoFlags are what `demo` is told.
type demoFlags struct {
	address  string
	speed    float64
	headless bool
	scenario string
}

func declareDemo(c *cli) {
	group := c.app.Command("demo", "The real program around a pretend datacenter on loopback.")
	var f demoFlags
	cmd := c.add(group, "run", "Start it (the default).", func(ctx context.Context, io console) error {
		switch {
		case f.scenario == "list":
			return listScenarios(io)
		case f.headless:
			return f.play(ctx, io)
		case f.scenario != "":
			return withHint(errors.New("--scenario goes with --headless"), "add --headless, or break servers on the page")
		}
		return f.show(ctx, io)
	}).Default()
	cmd.Flag("listen", "Address of the page.").Default("127.0.0.1:9490").StringVar(&f.address)
	cmd.Flag("speed", "How many times faster than real time it runs while nobody is asked anything.").Default("10").Float64Var(&f.speed)
	cmd.Flag("headless", "Play one scenario to its end, without a page.").BoolVar(&f.headless)
	cmd.Flag("scenario", "Which one; list names them.").StringVar(&f.scenario)
	declareDemoFaults(c, group)
}

// demo is a pretend datacenter with the real daemon in front of it.
type demo struct {
	clk    *clock.Clock
	lab    *lab.Datacenter
	daemon *Daemon
	url    string
	server *http.Server
}

// startDemo builds everything in dir, with a runbook beside the shipped ones unless
// book is nil, and serves the page on address. stop ends it all; the caller starts
// the daemon.
func startDemo(ctx context.Context, dir, address string, clk *clock.Clock, log *slog.Logger, book func(*lab.Datacenter) string) (d *demo, stop func(), err error) {
	_, err = exec.LookPath("ipmitool")
	d = &demo{clk: clk}
	d.lab, err = lab.Start(ctx, lab.Options{Clock: clk, Dir: filepath.Join(dir, "lab"), IPMI: err == nil})
	if err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		d.lab.Close()
		return nil, nil, withHint(fmt.Errorf("listen on %s: %w", address, err), "choose another address with --listen")
	}
	d.url = "http://" + listener.Addr().String()
	if d.daemon, err = d.newDaemon(dir, log, book); err != nil {
		listener.Close()
		d.lab.Close()
		return nil, nil, err
	}
	d.server = newHTTPServer(ctx, d.daemon.Handler())
	go d.server.Serve(listener)
	return d, func() {
		d.server.Close()
		d.daemon.Close()
		d.lab.Close()
	}, nil
}

// newDaemon writes the demo's configuration and makes the daemon from it, as
// serve does.
func (d *demo) newDaemon(dir string, log *slog.Logger, book func(*lab.Datacenter) string) (*Daemon, error) {
	if book != nil {
		if err := os.WriteFile(filepath.Join(dir, "runbook.yml"), []byte(book(d.lab)), 0o600); err != nil {
			return nil, fmt.Errorf("write the demo's runbook: %w", err)
		}
	}
	config := fmt.Sprintf(`inventory: [%s]
storage: {path: %s}
web: {external_url: "%s"}
mail: {from: piket@piket.example.net, smtp: "%s", tls: none}
runbooks: [runbook*.yml]
media: {hosts: ["%s"], ca_file: %s}
`, d.lab.InventoryFile(), filepath.Join(dir, "data"), d.url, d.lab.SMTPAddress(), d.lab.ImagesHost(), d.lab.CAFile())
	path := filepath.Join(dir, "piket.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write the demo's configuration: %w", err)
	}
	daemon, err := NewDaemon(path, d.clk, log)
	if err != nil {
		return nil, err
	}
	daemon.web.SignInAs = "noor"
	daemon.web.Extra = map[string]http.Handler{"/lab/": d.lab.Handler()}
	return daemon, nil
}

// show runs the demo for somebody who watches.
func (f demoFlags) show(ctx context.Context, io console) error {
	if f.speed < 1 || f.speed > 100 {
		return withHint(fmt.Errorf("--speed is %v", f.speed), "choose 1 to 100")
	}
	dir, remove, err := stateDir()
	if err != nil {
		return err
	}
	defer remove()
	clk := clock.Scaled(time.Now(), f.speed)
	d, stop, err := startDemo(ctx, dir, f.address, clk, warnings(io.err), nil)
	if err != nil {
		return err
	}
	defer stop()
	d.daemon.web.Notice = func() string { return speedNotice(clk.Speed()) }
	fmt.Fprintf(io.out, `piket demo is running: eight pretend servers on two pretend sites.

  page                %s/
  pull a plug         %s/lab/     or: piket demo break web-01 hung --demo.url %s
  mail it sends       %s/lab/mail

Time runs %g times faster, and at its own pace while a person is asked.
Ctrl-C ends it; nothing is left behind.
`, d.url, d.url, d.url, d.url, f.speed)
	go governSpeed(ctx, d.daemon.store, clk, f.speed)
	d.daemon.Start(ctx)()
	return nil
}

func speedNotice(speed float64) string {
	if speed == 1 {
		return "You are asked something, so time runs at its own pace."
	}
	return fmt.Sprintf("Pretend datacenter: time runs %g times faster.", speed)
}

// governSpeed lets time run fast while machines boot and clocks run down, and
// at its own pace while a person reads a question.
func governSpeed(ctx context.Context, s *store.Store, clk *clock.Clock, fast float64) {
	for ctx.Err() == nil {
		changed := s.Changed()
		speed := fast
		if asked(ctx, s) {
			speed = 1
		}
		clk.SetSpeed(speed)
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func asked(ctx context.Context, s *store.Store) bool {
	list, err := s.List(ctx, store.Filter{Ongoing: true})
	if err != nil {
		return false
	}
	for _, m := range list {
		inc, err := s.Load(ctx, m.ID)
		if err == nil && inc.Approval != nil && inc.Approval.GrantedBy == "" {
			return true
		}
	}
	return false
}

func warnings(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelError}))
}

// declareDemoFaults declares the commands that break and heal a running demo.
func declareDemoFaults(c *cli, group interface {
	Command(name, help string) *kingpinClause
}) {
	for _, d := range []struct{ name, help, verb string }{
		{"break", "Break a server or a site of the running demo.", "fault"},
		{"heal", "Undo what is broken.", "heal"},
		{"repair", "Send hands to a server: parts replaced, button pressed.", "repair"},
	} {
		var url, target, fault string
		cmd := c.add(group, d.name, d.help, func(ctx context.Context, io console) error {
			return changeLab(ctx, io, url, target, d.verb, fault)
		})
		cmd.Flag("demo.url", "Where the demo runs.").Default("http://127.0.0.1:9490").StringVar(&url)
		cmd.Arg("target", "A server, a site, a rack or piket itself, such as web-01, ams1, ams1-a01 or piket.").Required().StringVar(&target)
		if d.verb == "fault" {
			cmd.Arg("fault", "What breaks: "+strings.Join(faultNames(), ", ")+".").Required().StringVar(&fault)
		}
	}
}
