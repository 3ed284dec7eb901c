//go:build !failpoints

package main

import "github.com/spinware/piket/internal/clock"

// daemonClock is the machine's own clock.
func daemonClock() *clock.Clock { return clock.Real() }
