package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/store"
)

// intakeFlags are what `bench intake` is told.
type intakeFlags struct {
	alerts, senders, servers int
	where                    string
}

// benchBatch is how many alerts one notification brings: a group of
// Alertmanager's in bad times.
const benchBatch = 100

func declareBenchIntake(c *cli, group *kingpinClause) {
	var f intakeFlags
	cmd := c.add(group, "intake", "Send alerts through the door, each on disk before its answer, and print rate and waiting.",
		func(ctx context.Context, io console) error { return f.run(ctx, io) })
	cmd.Flag("alerts", "Alerts to send, every one of them new.").Default("20000").IntVar(&f.alerts)
	cmd.Flag("servers", "Servers that they are about.").Default("2000").IntVar(&f.servers)
	cmd.Flag("senders", "Connections that send at once, a notification each.").Default("8").IntVar(&f.senders)
	cmd.Flag("storage.url", "Directory or postgres:// URL to measure on, which it fills; a directory of its own when not given.").StringVar(&f.where)
}

// intakeResult is what is printed.
type intakeResult struct {
	Alerts        int      `json:"alerts"`
	Refused       int      `json:"refused"` // answers of 503, after which the same notification was sent again
	Incidents     int      `json:"incidents"`
	Events        int      `json:"events"` // rows on the timelines
	AlertsPerS    float64  `json:"alerts_per_second"`
	EventsPerS    float64  `json:"events_per_second"`
	BarePerS      float64  `json:"bare_rows_per_second"` // the same alerts as rows of a table like the events, sealed, 100 in a transaction, same file
	BareCPUMicros float64  `json:"bare_cpu_us_per_row"`
	Ratio         float64  `json:"ratio"`         // of alerts to bare rows
	EventsRatio   float64  `json:"events_ratio"`  // of all that intake writes to bare rows
	AnswerP50     *float64 `json:"answer_us_p50"` // of a notification of 100 alerts
	AnswerP99     *float64 `json:"answer_us_p99"`
	CPUMicros     float64  `json:"cpu_us_per_alert"` // the senders' included
	RowBytes      int      `json:"row_bytes"`
	SendersCount  int      `json:"senders"`
}

func (f intakeFlags) run(ctx context.Context, io console) error {
	if f.alerts < 1 || f.senders < 1 || f.servers < 1 {
		return withHint(fmt.Errorf("cannot send %d alerts about %d servers over %d connections", f.alerts, f.servers, f.senders), "each is 1 or more")
	}
	w, err := newBenchWorld(f.where, f.servers, "")
	if err != nil {
		return err
	}
	return measured(ctx, io, w, f.measure)
}

func (f intakeFlags) measure(ctx context.Context, w *benchWorld) (r intakeResult, err error) {
	url, stop, err := w.serve(ctx)
	if err != nil {
		return r, err
	}
	defer stop()
	bodies, err := f.notifications(w.clk.Now())
	if err != nil {
		return r, err
	}
	before, err := w.store.Position(ctx)
	if err != nil {
		return r, err
	}
	clock := startStopwatch()
	answers, refused, err := sendAll(ctx, url, bodies, f.senders)
	if err != nil {
		return r, err
	}
	took, cpu := clock.stop()
	after, err := w.store.Position(ctx)
	if err != nil {
		return r, err
	}
	list, err := w.store.List(ctx, store.Filter{Limit: f.alerts})
	if err != nil {
		return r, err
	}
	r = intakeResult{
		Alerts: f.alerts, Refused: refused, Incidents: len(list), Events: int(after - before), SendersCount: f.senders,
		AlertsPerS: float64(f.alerts) / took.Seconds(), EventsPerS: float64(after-before) / took.Seconds(),
		AnswerP50: percentile(answers, 0.5), AnswerP99: percentile(answers, 0.99),
		CPUMicros: float64(cpu.Microseconds()) / float64(f.alerts),
	}
	w.store.Close()
	bare, err := bareInserts(ctx, w.where)
	if err != nil {
		return r, err
	}
	r.BarePerS, r.BareCPUMicros, r.RowBytes = bare.perSecond, bare.cpuMicros, bare.rowBytes
	r.Ratio, r.EventsRatio = r.AlertsPerS/r.BarePerS, r.EventsPerS/r.BarePerS
	return r, nil
}

// notifications are prepared before anything is measured. As Alertmanager
// groups by name, each is about many servers.
func (f intakeFlags) notifications(at time.Time) (bodies [][]byte, err error) {
	for n := 0; n < f.alerts; n += benchBatch {
		var batch []alerts.Alert
		for i := n; i < min(n+benchBatch, f.alerts); i++ {
			batch = append(batch, benchAlert("Symptom", i/f.servers, benchServer(i%f.servers), alerts.Firing, at))
		}
		body, err := benchNotification(batch)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	return bodies, nil
}

// refusedPause is how long a sender waits before it sends again what was refused.
const refusedPause = 20 * time.Millisecond

// sendAll posts bodies over so many connections, each until it is accepted, as
// Alertmanager does. It returns how long each accepting answer took, and how
// many notifications were refused on the way.
func sendAll(ctx context.Context, url string, bodies [][]byte, senders int) (answers []time.Duration, refused int, err error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	defer client.CloseIdleConnections()
	queue := make(chan []byte)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for body := range queue {
				took, tries, failure := sendOne(ctx, client, url, body)
				mu.Lock()
				answers, refused, err = append(answers, took), refused+tries-1, errors.Join(err, failure)
				mu.Unlock()
			}
		})
	}
	for _, body := range bodies {
		queue <- body
	}
	close(queue)
	all.Wait()
	return answers, refused, err
}

// sendOne posts body until it is accepted, and returns how long that answer took.
func sendOne(ctx context.Context, client *http.Client, url string, body []byte) (took time.Duration, tries int, err error) {
	for ctx.Err() == nil {
		tries++
		began := time.Now()
		status, err := postAlerts(ctx, client, url, body)
		switch {
		case err != nil:
			return 0, tries, err
		case status/100 == 2:
			return time.Since(began), tries, nil
		case status != http.StatusServiceUnavailable:
			return 0, tries, fmt.Errorf("a notification was answered %d", status)
		}
		waitUntil(ctx, time.Now().Add(refusedPause))
	}
	return 0, tries, ctx.Err()
}

func (r intakeResult) print(io console) error {
	table := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%d alerts over %s\n", r.Alerts, count(r.SendersCount, "connection", "connections"))
	for _, row := range [][2]string{
		{"alerts", fmt.Sprintf("%.0f per second, each on disk before its answer; %d times refused and sent again", r.AlertsPerS, r.Refused)},
		{"written", fmt.Sprintf("%d events on %s, %.0f per second", r.Events, count(r.Incidents, "timeline", "timelines"), r.EventsPerS)},
		{"bare inserts", fmt.Sprintf("%.0f sealed rows of %d bytes per second, same database and indexes", r.BarePerS, r.RowBytes)},
		{"of the bare rate", fmt.Sprintf("%.0f %% as alerts, %.0f %% as events", 100*r.Ratio, 100*r.EventsRatio)},
		{"answer", fmt.Sprintf("%.1f ms in the median, %.1f ms at p99, for %d alerts", *r.AnswerP50/1000, *r.AnswerP99/1000, benchBatch)},
		{"CPU", fmt.Sprintf("%.0f µs per alert, the sender's included; %.0f µs per bare row", r.CPUMicros, r.BareCPUMicros)},
	} {
		fmt.Fprintf(table, "  %s\t%s\n", row[0], row[1])
	}
	return table.Flush()
}
