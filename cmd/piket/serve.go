package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/spinware/piket/internal/failpoint"
)

// serveFlags are the daemon's flags, in Prometheus' manner.
type serveFlags struct {
	config    string
	url       string
	addresses []string
	webConfig string
	log       promslog.Config
}

func declareServe(c *cli) {
	var f serveFlags
	cmd := c.add(c.app, "serve", "Run the daemon.", func(ctx context.Context, io console) error { return f.serve(ctx, io) })
	cmd.Flag("config.file", "Configuration file.").Default("piket.yml").StringVar(&f.config)
	cmd.Flag("storage.url", "PostgreSQL database of the timelines; overrides the one in the configuration file.").StringVar(&f.url)
	cmd.Flag("web.listen-address", "Address to listen on; may be given several times.").Default(":9490").StringsVar(&f.addresses)
	cmd.Flag("web.config.file", "File with TLS, client certificates and basic authentication of the listener (exporter-toolkit's format).").StringVar(&f.webConfig)
	declareLog(cmd, &f.log)
}

// declareLog gives a command the flags of Prometheus' logging.
func declareLog(cmd *kingpinClause, log *promslog.Config) {
	*log = promslog.Config{Level: promslog.NewLevel(), Format: promslog.NewFormat()}
	cmd.Flag(promslogflag.LevelFlagName, promslogflag.LevelFlagHelp).Default("info").SetValue(log.Level)
	cmd.Flag(promslogflag.FormatFlagName, promslogflag.FormatFlagHelp).Default("logfmt").SetValue(log.Format)
}

// shutdownTime is how long open requests may take once piket is told to stop.
const shutdownTime = 5 * time.Second

func (f serveFlags) serve(ctx context.Context, io console) error {
	f.log.Writer = io.err
	log := promslog.New(&f.log)
	daemon, err := newDaemonOn(f.url, f.config, daemonClock(), log)
	if err != nil {
		return err
	}
	defer daemon.Close()
	failpoint.Reach(failpoint.StoreOpened)
	staySmall(len(daemon.inventory().Servers))
	var listeners []net.Listener
	for _, address := range f.addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return withHint(fmt.Errorf("listen on %s: %w", address, err), "choose another --web.listen-address, or stop what is using it")
		}
		defer l.Close()
		listeners = append(listeners, l)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go reloadOnHangup(ctx, daemon, log)
	served := make(chan error, 1)
	server := newHTTPServer(ctx, daemon.Handler())
	go func() {
		served <- serveHTTP(server, listeners, f.webConfig, log)
		cancel() // without a listener nobody could answer a question
	}()
	log.Info("piket is watching", "servers", len(daemon.inventory().Servers), "storage", daemon.settings.Load().config.Storage.Path)
	failpoint.Reach(failpoint.Serving)
	wait := daemon.Start(ctx)
	<-ctx.Done()
	failpoint.Reach(failpoint.ShutdownBegun)
	wait()
	failpoint.Reach(failpoint.ShutdownDrained)
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer stop()
	if err := server.Shutdown(ending); err != nil {
		server.Close() // somebody was slow; what counts has been committed
	}
	return <-served
}

// newHTTPServer bounds what a client may take. Event streams write for ever:
// they set their own deadlines, and end with ctx.
func newHTTPServer(ctx context.Context, handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
}

// serveHTTP serves until the server is shut down, with TLS and authentication
// as the web configuration file says.
func serveHTTP(server *http.Server, listeners []net.Listener, webConfig string, log *slog.Logger) error {
	none := false
	err := toolkit.ServeMultiple(listeners, server, &toolkit.FlagConfig{WebConfigFile: &webConfig, WebSystemdSocket: &none}, log)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// reloadOnHangup reloads at SIGHUP, as Prometheus does.
func reloadOnHangup(ctx context.Context, daemon *Daemon, log *slog.Logger) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			if err := daemon.Reload(); err != nil {
				log.Error("the configuration stays as it was", "err", err)
			}
		}
	}
}

// largeFleet is from how many servers on memory is worth some processor time.
const largeFleet = 50_000

// staySmall has garbage of a process that looks at a large fleet collected when
// it is a quarter of what is in use, unless GOGC says otherwise. What piket knows
// of a fleet stays for weeks and little is thrown away, so that the usual one to
// one would only double its size.
func staySmall(targets int) {
	if targets >= largeFleet && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}
