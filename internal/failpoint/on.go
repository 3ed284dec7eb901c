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
	deadly  = map[Point]int{} // at which of its visits
)

func init() {
	if list := os.Getenv(EnvPoint); list != "" {
		for one := range strings.SplitSeq(list, ",") {
			point, visit := parse(one)
			deadly[point] = visit
		}
	}
}

func parse(text string) (point Point, visit int) {
	name, count, counted := strings.Cut(text, ":")
	if !slices.Contains(Points, Point(name)) {
		panic("failpoint: there is no point " + name)
	}
	if !counted {
		return Point(name), 1
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 {
		panic("failpoint: " + text + " must end in the number of a visit")
	}
	return Point(name), n
}

// Reach notes that the program has come this far, and kills it with SIGKILL
// when this is a visit that it was told to die at.
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
	if reached[p] == deadly[p] {
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
