//go:build e2e && detect

package main

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

// What a measurement is told on its command line; .ci/bench-detect does.
var (
	fleetSize = flag.Int("detect.size", 1000, "servers in the fleet")
	soakHours = flag.Float64("detect.hours", 1, "how long to soak")
	deaths    = flag.Int("detect.deaths", 36, "servers that die under piket's eyes; the others see a third as many")
	results   = flag.String("detect.results", "", "file to which a line of JSON is added for each measurement")
)

// record adds what was detected to the results, and prints it.
func record(t *testing.T, detected any) {
	t.Helper()
	line, err := json.Marshal(detected)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", line)
	if *results == "" {
		return
	}
	file, err := os.OpenFile(*results, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
