//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Built says whether this program kills itself when it is told to.
const Built = true

var (
	mu      sync.Mutex
	reached = map[Point]int{}
	deadly  Point
	nth     = 1
)

func init() {
	name, count, counted := strings.Cut(os.Getenv(EnvPoint), ":")
	deadly = Point(name)
	if name != "" && !slices.Contains(Points, deadly) {
		panic("failpoint: there is no point " + name)
	}
	if n, err := strconv.Atoi(count); counted {
		if err != nil || n < 1 {
			panic("failpoint: " + EnvPoint + " must end in the number of a visit, not in " + count)
		}
		nth = n
	}
}

// Reach notes that the program has come this far, and kills it with SIGKILL
// when this is the visit that it was told to die at.
func Reach(p Point) {
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(Points, p) {
		panic("failpoint: " + string(p) + " is not in the list of points")
	}
	reached[p]++
	if reached[p] == 1 {
		note(p)
	}
	if p == deadly && reached[p] == nth {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing runs after it
		select {}
	}
}

// Done reaches the point of what has been done, unless it ended in err: what
// failed did not come that far.
func Done(p Point, err error) {
	if err == nil {
		Reach(p)
	}
}

func note(p Point) {
	path := os.Getenv(EnvLog)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic("failpoint: " + err.Error())
	}
	defer f.Close()
	fmt.Fprintln(f, p)
}
