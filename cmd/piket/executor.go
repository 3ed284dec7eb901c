package main

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/prometheus/common/promslog"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/runbooks"
)

// ExecutorConfig is the file of an executor that is a process of its own. Nothing
// in it may be writable by the daemon's user.
type ExecutorConfig struct {
	Inventory  []string      `yaml:"inventory,required,path"`
	Runbooks   []string      `yaml:"runbooks,path"` // patterns, beside the shipped ones
	Socket     string        `yaml:"socket,required,path"`
	Storage    Storage       `yaml:"storage,required"` // of its journal
	FreezeFile string        `yaml:"freeze_file,required"`
	Users      []string      `yaml:"users"` // who may order; its own user alone when empty
	Caps       executor.Caps `yaml:"caps"`
	Media      Media         `yaml:"media"`
}

// maxCap bounds every cap: who needs more has mistyped.
const maxCap = 10_000

// LoadExecutor reads the file of an executor and all it names. The error is of
// type yamlpos.Problems for mistakes in the files.
func LoadExecutor(path string) (*ExecutorConfig, *inventory.Inventory, *runbooks.Library, error) {
	config := &ExecutorConfig{Caps: executor.DefaultCaps}
	var doc yamlpos.Document
	var problems yamlpos.Problems
	problems.Join(doc.DecodeFile(path, config))
	c := &config.Caps
	for _, n := range []*int{&c.PowerPerDay, &c.PowerPerSiteHour, &c.PowerPerServerDay, &c.SSHPerDay, &c.InFlight, &c.DutyPerServerDay, &c.ReinstallsPerDay} {
		if *n < 0 || *n > maxCap {
			problems.Add(doc.At(n), "caps: want a number from 0 to %d, found %d", maxCap, *n)
		}
	}
	config.Media.check(&doc, &problems)
	for i := range config.Users {
		if _, err := user.Lookup(config.Users[i]); err != nil {
			problems.Add(doc.At(&config.Users[i]), "there is no user %q on this machine", config.Users[i])
		}
	}
	if err := problems.Err(); err != nil {
		return nil, nil, nil, err
	}
	inv, err := inventory.Load(config.Inventory...)
	if err != nil {
		return nil, nil, nil, err
	}
	library, err := runbooks.Load(config.Runbooks...)
	if err == nil {
		err = checkImages(library, config.Media)
	}
	return config, inv, library, err
}

// uids returns who may order.
func (c *ExecutorConfig) uids() ([]int, error) {
	if len(c.Users) == 0 {
		return []int{os.Getuid()}, nil
	}
	var list []int
	for _, name := range c.Users {
		u, err := user.Lookup(name)
		if err != nil {
			return nil, err
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, err
		}
		list = append(list, uid)
	}
	return list, nil
}

func declareExecutor(c *cli) {
	var path string
	var log promslog.Config
	cmd := c.add(c.app, "executor", "Hold the keys to BMCs and SSH apart from the daemon, and carry out its orders.", func(ctx context.Context, io console) error {
		log.Writer = io.err
		return runExecutor(ctx, path, &log)
	})
	cmd.Flag("config.file", "Configuration file of the executor.").Default("executor.yml").StringVar(&path)
	declareLog(cmd, &log)
}

func runExecutor(ctx context.Context, path string, logs *promslog.Config) (err error) {
	if os.Getenv("DEBUG_BMCLIB") != "" {
		return errors.New("DEBUG_BMCLIB is set: it would print BMC passwords; unset it")
	}
	config, inv, library, err := LoadExecutor(path)
	if err != nil {
		return withHint(err, "name the file with --config.file; deploy/executor.yml is an example")
	}
	uids, err := config.uids()
	if err != nil {
		return err
	}
	clk := clock.Real()
	j, err := journal.Open(filepath.Join(config.Storage.Path, executorJournalName), executor.Kept, clk.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	l, err := executor.Listen(config.Socket)
	if err != nil {
		return err
	}
	x := newExecutor(clk, func() Media { return config.Media })
	x.Inventory, x.Runbooks = func() *inventory.Inventory { return inv }, func() *runbooks.Library { return library }
	x.Frozen, x.Journal, x.Log = freeze.Switch{Path: config.FreezeFile}.Why, j, promslog.New(logs)
	x.Caps = func() executor.Caps { return config.Caps }
	x.Log.Info("the executor is ready", "servers", len(inv.Servers), "socket", config.Socket)
	return (&executor.Server{Executor: x, UIDs: uids}).Serve(ctx, l)
}
