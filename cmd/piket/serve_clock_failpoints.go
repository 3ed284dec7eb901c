//go:build failpoints

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spinware/piket/internal/clock"
)

// daemonClock lets the battery's hours pass in minutes: PIKET_CLOCK, a moment
// and a speed such as "2026-01-01T00:00:00Z 20", makes a clock that every
// process with the same value agrees on. Without it, it is the machine's own.
func daemonClock() *clock.Clock {
	var from string
	var speed float64
	if n, _ := fmt.Sscan(os.Getenv("PIKET_CLOCK"), &from, &speed); n != 2 {
		return clock.Real()
	}
	anchor, err := time.Parse(time.RFC3339Nano, from)
	if err != nil || speed <= 0 {
		panic("PIKET_CLOCK is not a moment and a speed: " + os.Getenv("PIKET_CLOCK"))
	}
	passed := time.Duration(float64(time.Since(anchor)) * speed)
	return clock.Scaled(anchor.Add(passed), speed)
}
