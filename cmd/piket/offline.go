package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"go.yaml.in/yaml/v3"

	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/store"
	"github.com/spinware/piket/internal/yamlpos"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/bmc"
)

// storageFlags say where the store lies: directly, or through the
// configuration file.
type storageFlags struct{ path, url, config string }

func (s *storageFlags) declare(cmd *kingpin.CmdClause) {
	cmd.Flag("storage.path", "Storage directory; overrides the one in the configuration file.").StringVar(&s.path)
	cmd.Flag("config.file", "Configuration file.").Default("piket.yml").StringVar(&s.config)
}

// declareURL is for commands that read the timelines, wherever they are.
func (s *storageFlags) declareURL(cmd *kingpin.CmdClause) {
	s.declare(cmd)
	cmd.Flag("storage.url", "PostgreSQL database of the timelines; overrides the one in the configuration file.").StringVar(&s.url)
}

// timelines returns what [store.Open] opens.
func (s *storageFlags) timelines() (string, error) {
	if s.url != "" || s.path != "" {
		return cmp.Or(s.url, s.path), nil
	}
	if config, _, err := LoadConfig(s.config); err == nil {
		return config.Storage.Timelines(), nil
	}
	return s.dir()
}

func (s *storageFlags) dir() (string, error) {
	if s.path != "" {
		return s.path, nil
	}
	config, _, err := LoadConfig(s.config)
	if err == nil {
		return config.Storage.Path, nil
	}
	// The red button must work with a configuration that is broken elsewhere.
	if dir := storagePathOnly(s.config); dir != "" {
		return dir, nil
	}
	return "", withHint(err, "name the directory with --storage.path")
}

// packagedStorage is where the shipped unit keeps the record.
const packagedStorage = "/var/lib/piket"

// storagePathOnly reads nothing of a configuration but where the record lies;
// without that it takes the packaged place, if a record is there.
func storagePathOnly(config string) string {
	var c struct {
		Storage struct {
			Path string `yaml:"path"`
		} `yaml:"storage"`
	}
	if data, err := os.ReadFile(config); err == nil {
		_ = yaml.Unmarshal(data, &c) // whatever of it can be read
	}
	switch _, err := os.Stat(filepath.Join(packagedStorage, store.FileName)); {
	case filepath.IsAbs(c.Storage.Path):
		return c.Storage.Path
	case c.Storage.Path != "":
		return filepath.Join(filepath.Dir(config), c.Storage.Path)
	case err == nil:
		return packagedStorage
	}
	return ""
}

// declareFreeze declares the big red button. It works on the file alone, so
// that it works when nothing else does.
func declareFreeze(c *cli) {
	var where storageFlags
	var reason string
	cmd := c.add(c.app, "freeze", "Stop every new action on machines, at once.", func(_ context.Context, io console) error {
		dir, err := where.dir()
		if err != nil {
			return err
		}
		err = freeze.In(dir).Freeze(whoami(), reason)
		switch {
		case errors.Is(err, freeze.ErrReasonLost):
			fmt.Fprintf(io.err, "warning: %v\n", err)
		case err != nil:
			return withHint(err, "is this the storage directory of a piket, and may you write there?")
		}
		fmt.Fprintf(io.out, "frozen: no new action begins until piket thaw (%s)\n", freeze.In(dir).Path)
		if !inUse(dir) {
			return withHint(fmt.Errorf("no piket has its record in %s, so this may stop none", dir),
				"name the storage directory of the one that runs with --storage.path")
		}
		return nil
	})
	where.declare(cmd)
	cmd.Flag("reason", "Shown wherever something is held back.").Default("by hand").StringVar(&reason)

	var there storageFlags
	cmd = c.add(c.app, "thaw", "End a freeze.", func(_ context.Context, io console) error {
		dir, err := there.dir()
		if err != nil {
			return err
		}
		if err := freeze.In(dir).Thaw(""); err != nil {
			return err
		}
		fmt.Fprintln(io.out, "thawed: what still applies is looked at anew before it is done")
		return nil
	})
	there.declare(cmd)
}

// inUse reports whether a piket keeps its record or its journal in dir.
func inUse(dir string) bool {
	return slices.ContainsFunc([]string{store.FileName, journalName}, func(name string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return !errors.Is(err, os.ErrNotExist)
	})
}

func whoami() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody"
}

func declareTimeline(c *cli) {
	var where storageFlags
	group := c.app.Command("timeline", "The record itself.")
	cmd := c.add(group, "verify", "Check that no event was changed, removed or put in.", func(ctx context.Context, io console) error {
		at, err := where.timelines()
		if err != nil {
			return err
		}
		return verifyTimeline(ctx, at, io)
	})
	where.declareURL(cmd)
}

func verifyTimeline(ctx context.Context, dir string, io console) error {
	s, err := store.OpenReadOnly(dir)
	if errors.Is(err, os.ErrNotExist) {
		return withHint(err, "name the storage directory with --storage.path")
	}
	const damaged = "the file is damaged or is no store of piket's; restore the last good copy beside it and compare"
	if err != nil {
		return withHint(err, damaged)
	}
	defer s.Close()
	report, err := s.Verify(ctx)
	if err != nil {
		return withHint(err, damaged)
	}
	if io.json {
		err = json.NewEncoder(io.out).Encode(report)
	} else {
		fmt.Fprintf(io.out, "%s, %s\n", count(report.Incidents, "incident", "incidents"), count(report.Events, "event", "events"))
		for _, fault := range report.Faults {
			fmt.Fprintln(io.out, "  "+fault)
		}
	}
	if len(report.Faults) > 0 {
		return errors.Join(err, withHint(fmt.Errorf("the record is not whole: %s", count(len(report.Faults), "fault", "faults")),
			"keep this file as it is, and find out who could write to it"))
	}
	if !io.json {
		fmt.Fprintln(io.out, "the record is whole")
	}
	return err
}

// findServer looks a server up in the inventory of a configuration.
func findServer(config, name string) (inventory.Server, error) {
	_, inv, err := LoadConfig(config)
	if err != nil {
		return inventory.Server{}, withHint(err, "name the configuration with --config.file")
	}
	server, ok := inv.Server(name)
	if !ok {
		var names []string
		for _, s := range inv.Servers {
			names = append(names, s.Name)
		}
		hint := "see the servers in the inventory"
		if near, ok := yamlpos.Nearest(name, names); ok {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return inventory.Server{}, withHint(fmt.Errorf("there is no server %q", name), hint)
	}
	return server, nil
}

func declarePower(c *cli) {
	var server, config string
	group := c.app.Command("power", "What a server's BMC says.")
	cmd := c.add(group, "status", "Show power state and identity, and hold the identity against the inventory.", func(ctx context.Context, io console) error {
		return powerStatus(ctx, config, server, io)
	})
	cmd.Arg("server", "Name in the inventory.").Required().StringVar(&server)
	cmd.Flag("config.file", "Configuration file.").Default("piket.yml").StringVar(&config)
}

func powerStatus(ctx context.Context, config, name string, io console) error {
	server, err := findServer(config, name)
	if err != nil {
		return err
	}
	kind, target, ok := probes.BMCOf(server, 20*time.Second)
	if !ok {
		return fmt.Errorf("server %s has no BMC in the inventory", name)
	}
	result := deafProbes().Probe(ctx, kind, target)
	serial, uuid, matches, err := bmc.Identity(ctx, server)
	if err != nil {
		return withHint(fmt.Errorf("ask the BMC of %s who it is: %w", name, err), "check address, user, password_file and ca_file of its BMC in the inventory")
	}
	if io.json {
		return json.NewEncoder(io.out).Encode(map[string]any{
			"server": name, "power": result.Facts["state"], "serial": serial, "uuid": uuid, "matches": matches,
		})
	}
	fmt.Fprintf(io.out, "%s: %s\n  serial %s (inventory: %s)\n  uuid   %s (inventory: %s)\n", name, result.Reason, serial, server.Serial, uuid, server.UUID)
	if !matches {
		return withHint(fmt.Errorf("the BMC of %s answers for another machine", name), "piket refuses power actions until inventory and BMC agree")
	}
	return nil
}

// stateDir makes a directory for one run and returns how to remove it.
func stateDir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "piket-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a directory for the demo: %w", err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}
