package main

import (
	"context"
	"errors"
	"time"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation/executor"
)

// identifyTime bounds how long a BMC may take to say which machine it belongs to: a
// person waits for it.
const identifyTime = 20 * time.Second

// identify has a server's BMC say which machine it belongs to, through the hands:
// they alone may hold its password.
func (d *Daemon) identify(ctx context.Context, server inventory.Server) (inventory.Machine, error) {
	ctx, cancel := context.WithTimeout(ctx, identifyTime)
	defer cancel()
	seen := d.hands.look[executor.Identity](ctx, probes.Target{
		Name: "BMC of " + server.Name, Address: server.BMC.Address, BMC: server.BMC, Timeout: identifyTime,
	})
	serial, _ := seen.Facts["serial"].(string)
	uuid, _ := seen.Facts["uuid"].(string)
	if seen.State != probes.Up || serial == "" || uuid == "" {
		return inventory.Machine{}, errors.New(seen.Reason)
	}
	return inventory.Machine{Serial: serial, UUID: uuid}, nil
}
