package main

import (
	"fmt"
	"time"
	_ "time/tzdata" // the time zones: a container or a bare machine may have none of its own

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// settings is what a configuration file and all it names amount to. It is
// replaced whole on a reload, and only by a good one.
type settings struct {
	config    *Config
	inventory *inventory.Inventory
	runbooks  *runbooks.Library
	zone      *time.Location
}

// loadSettings reads everything that path names. The error holds the mistakes
// of all files.
func loadSettings(path string) (*settings, error) {
	config, inv, configErr := LoadConfig(path)
	if configErr != nil {
		return nil, configErr
	}
	library, err := runbooks.Load(config.Runbooks...)
	if err != nil {
		return nil, err
	}
	if err := checkTeams(library, inv); err != nil {
		return nil, err
	}
	if err := checkImages(library, config.Media); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(config.Timezone)
	if err != nil {
		return nil, fmt.Errorf("load the time zone: %w", err)
	}
	return &settings{config, inv, library, zone}, nil
}
