package main

import (
	"fmt"
	"os"
	"strings"
)

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct{ terminal *os.File }

func newProgress(io console) *progress {
	file, ok := io.err.(*os.File)
	if !ok {
		return &progress{}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{}
	}
	return &progress{file}
}

func (p *progress) show(done, all int) {
	if p.terminal != nil {
		const width = 40
		full := width * done / all
		fmt.Fprintf(p.terminal, "\r%s%s %d of %d", strings.Repeat("█", full), strings.Repeat("░", width-full), done, all)
	}
}

// clear takes the bar away.
func (p *progress) clear() {
	if p.terminal != nil {
		fmt.Fprint(p.terminal, "\r\x1b[K")
	}
}
