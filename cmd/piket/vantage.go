package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/promslog"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/vantage"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/probes/sweep"
)

// vantageFlags are the flags of a vantage.
type vantageFlags struct {
	config  string
	address string // "" for no listener
	web     string
	log     promslog.Config
}

func declareVantage(c *cli) {
	var f vantageFlags
	cmd := c.add(c.app, "vantage", "Look along from elsewhere, and report to a piket.", func(ctx context.Context, io console) error { return f.run(ctx, io) })
	cmd.Flag("config.file", "Configuration file of the vantage.").Default("vantage.yml").StringVar(&f.config)
	cmd.Flag("web.listen-address", "Address to listen on for /metrics and /-/healthy; without it nothing listens.").StringVar(&f.address)
	cmd.Flag("web.config.file", "File with TLS, client certificates and basic authentication of the listener (exporter-toolkit's format).").StringVar(&f.web)
	declareLog(cmd, &f.log)
}

func (f vantageFlags) run(ctx context.Context, io console) error {
	f.log.Writer = io.err
	log := promslog.New(&f.log)
	config, err := LoadVantage(f.config)
	if err != nil {
		return withHint(err, "name the file with --config.file; deploy/vantage.yml is an example")
	}
	clk := clock.Real()
	o, err := newOutpost(config, clk, log)
	if err != nil {
		return err
	}
	defer o.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served, err := f.serve(ctx, cancel, o, log)
	if err != nil {
		return err
	}
	log.Info("piket looks along", "vantage", config.Name, "main", config.Main)
	<-clk.Go(func() { o.agent.Run(ctx) })
	return <-served
}

// serve listens if it is told to. What it returns says how that ended, once ctx
// has; a listener that fails ends the rest by cancel.
func (f vantageFlags) serve(ctx context.Context, cancel func(), o *outpost, log *slog.Logger) (<-chan error, error) {
	served := make(chan error, 1)
	if f.address == "" {
		served <- nil
		return served, nil
	}
	l, err := net.Listen("tcp", f.address)
	if err != nil {
		return nil, withHint(fmt.Errorf("listen on %s: %w", f.address, err), "choose another --web.listen-address, or stop what is using it")
	}
	server := newHTTPServer(ctx, o.handler())
	context.AfterFunc(ctx, func() { server.Close() }) // nobody waits for a metric
	go func() {
		served <- serveHTTP(server, []net.Listener{l}, f.web, log)
		cancel()
	}()
	return served, nil
}

// outpost is a vantage as a value: its agent with what that works with.
type outpost struct {
	agent    *vantage.Agent
	sweeper  *sweep.Sweeper // nil when this machine does not let piket ping
	registry *prometheus.Registry
}

func newOutpost(config vantage.Config, clk *clock.Clock, log *slog.Logger) (*outpost, error) {
	o := &outpost{registry: prometheus.NewRegistry()}
	looks := probes.NewMetrics()
	reports := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "piket_vantage_reports_total", Help: "Reports to the daemon, by what became of them.",
	}, []string{"result"})
	for _, result := range []string{"taken", "failed"} {
		reports.WithLabelValues(result)
	}
	parts := vantage.AgentParts{
		Clock: clk, Kinds: looks.Around(vantageKinds()), Metrics: looks, Log: log,
		Count: func(result string) { reports.WithLabelValues(result).Inc() },
	}
	sweeper, err := sweep.Open(sweep.Options{})
	if err != nil {
		log.Warn("echoes cannot be sent to many at once", "err", err)
	} else {
		o.sweeper, parts.Sweep = sweeper, sweeper.Ask
	}
	if o.agent, err = vantage.NewAgent(config, parts); err != nil {
		o.Close()
		return nil, err
	}
	o.registry.MustRegister(looks, reports, version.NewCollector("piket"),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return o, nil
}

// vantageKinds are the checks that a vantage may take. A status page says the
// same wherever it is read, and is read once.
func vantageKinds() probes.Registry {
	kinds := maps.Clone(probes.Kinds)
	delete(kinds, "statuspage")
	return kinds
}

// Close gives the socket back. The agent must have ended.
func (o *outpost) Close() error {
	if o.sweeper == nil {
		return nil
	}
	return o.sweeper.Close()
}

// handler answers whether the process is alive, and how it fares.
func (o *outpost) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		words := "piket is healthy, and reports.\n"
		if !o.agent.Reached() {
			words = "piket is healthy, and cannot report.\n"
		}
		_, _ = io.WriteString(w, words) // a broken connection is the reader's own news
	})
	return mux
}
