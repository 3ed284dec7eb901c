package main

import (
	"runtime"
	"syscall"
	"time"
)

// liveHeap returns the bytes on the heap that are still in use.
func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// stopwatch measures time and this process's CPU time.
type stopwatch struct {
	began time.Time
	cpu   time.Duration
}

func startStopwatch() stopwatch { return stopwatch{time.Now(), cpuTime()} }

func (s stopwatch) stop() (took, cpu time.Duration) { return time.Since(s.began), cpuTime() - s.cpu }

func cpuTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakRSS returns the most memory that this process had at once, in bytes.
func peakRSS() int64 { return int64(usage().Maxrss) << 10 } // Linux counts it in KiB

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("getrusage of this very process: " + err.Error()) // documented for wrong arguments only
	}
	return u
}
