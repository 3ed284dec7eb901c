package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// backtestFlags are what `backtest` is told.
type backtestFlags struct {
	where             storageFlags
	book, from, until string
	silent            bool
	recovers          time.Duration
}

// declareBacktest declares holding a runbook or limits against recorded history
// before they are used.
func declareBacktest(c *cli) {
	var f backtestFlags
	cmd := c.add(c.app, "backtest", "Say what a runbook, or the limits of a configuration, would have done about recorded incidents.", f.run)
	f.where.declareURL(cmd)
	cmd.Flag("runbook", "File of the runbook; each incident's own when left out, so that only the limits are new.").StringVar(&f.book)
	cmd.Flag("from", "First day, such as 2026-01-01.").Required().StringVar(&f.from)
	cmd.Flag("until", "First day that no longer counts; now when left out.").StringVar(&f.until)
	cmd.Flag("nobody-agrees", "Nobody agrees to anything; otherwise everybody who is asked does, at once.").BoolVar(&f.silent)
	cmd.Flag("recovers-within", "A server that came back by itself within this time was healthy.").Default(remediation.DefaultRecovers.String()).DurationVar(&f.recovers)
}

func (f *backtestFlags) run(ctx context.Context, io console) error {
	config, inv, err := LoadConfig(f.where.config)
	if err != nil {
		return withHint(err, "name the configuration whose inventory and limits count with --config.file")
	}
	from, until, err := f.period()
	if err != nil {
		return err
	}
	test := remediation.Backtest{Inventory: inv, Limits: config.Guards.limits(), Silent: f.silent, Recovers: f.recovers}
	if f.book != "" {
		if test.Runbook, err = findBook(f.book); err != nil {
			return err
		}
		if err := checkTeams(&runbooks.Library{Books: []*runbooks.Runbook{test.Runbook}}, inv); err != nil {
			return err
		}
	}
	sum, err := f.hold(ctx, &test, from, until)
	if err != nil {
		return err
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(struct {
			From  time.Time `json:"from"`
			Until time.Time `json:"until"`
			remediation.Backtested
		}{from, until, sum})
	}
	fmt.Fprintf(io.out, "From %s until %s. Silences, freezes and what other replicas saw are not on the record: they hold nothing back here.\n",
		from.Format(time.DateOnly), until.Format(time.DateOnly))
	sum.Text(io.out)
	return nil
}

// hold goes over the record once.
func (f *backtestFlags) hold(ctx context.Context, test *remediation.Backtest, from, until time.Time) (sum remediation.Backtested, err error) {
	where, err := f.where.timelines()
	if err != nil {
		return sum, err
	}
	s, err := store.OpenReadOnly(where)
	if err != nil {
		return sum, withHint(err, "name the storage of a piket with --storage.path")
	}
	defer s.Close()
	for events, err := range s.Timelines(ctx, from, until, remediation.BacktestKinds) {
		if err != nil {
			return sum, err
		}
		if c, meant := test.Replay(events); meant {
			sum.Add(c)
		}
	}
	return sum, nil
}

func (f *backtestFlags) period() (from, until time.Time, err error) {
	until = time.Now()
	for _, day := range []struct {
		flag, text string
		into       *time.Time
	}{{"from", f.from, &from}, {"until", f.until, &until}} {
		if day.text == "" {
			continue
		}
		if *day.into, err = time.Parse(time.DateOnly, day.text); err != nil {
			return from, until, withHint(fmt.Errorf("--%s=%q is not a day", day.flag, day.text), "write 2026-01-01")
		}
	}
	return from, until, nil
}
