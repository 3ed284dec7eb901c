package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spinware/piket/internal/store"
)

// A plot is drawn on a ground of its own, which the page stretches to the width
// it has: nothing in it is text or round.
const (
	plotWidth     = 1000.0
	latencyHeight = 100.0
	lossHeight    = 100.0
	leastLoss     = 12.0 // of lossHeight: one loss among thousands must be seen
)

// plotView is latency and loss of one target over plotSpan.
type plotView struct {
	Title   string
	Until   time.Time
	Words   string   // what it shows, for who cannot see it
	Known   bool     // anything was measured at all
	Line    string   // path of the mean latency, broken where nothing answered
	Spread  string   // area between the mean and the worst
	Loss    string   // bars of what was lost
	Gaps    string   // where nothing was measured, over the whole height
	Decades []string // labels of the latency axis, the top first
	Grid    string   // lines at those labels
	Hours   []hourRow
}

// hourRow is one hour in figures.
type hourRow struct {
	Begins      time.Time
	Mean, Worst string
	Lost, Asked int
}

// plotOf draws buckets, the first of which begins at from.
func plotOf(title string, from time.Time, buckets []store.Bucket) plotView {
	v := plotView{Title: title, Until: from.Add(time.Duration(len(buckets)) * store.HistoryStep), Hours: hoursOf(from, buckets)}
	scale := scaleOf(buckets)
	v.Decades, v.Grid = scale.labels(), scale.grid()
	v.Line, v.Spread = scale.curves(buckets)
	v.Loss, v.Gaps = bars(buckets)
	whole := sumOf(buckets)
	v.Known = whole.asked > 0
	v.Words = whole.words(title, len(buckets))
	return v
}

// scale is a logarithmic axis of latencies: between a machine beside this one
// and one that is dying lie four decades.
type scale struct{ lowest, decades int } // 10^lowest microseconds stand at the bottom

func scaleOf(buckets []store.Bucket) scale {
	least, most := math.Inf(1), math.Inf(-1)
	for _, b := range buckets {
		if b.Asked > b.Lost {
			least, most = min(least, magnitude(b.Mean)), max(most, magnitude(b.Worst))
		}
	}
	if math.IsInf(least, 1) {
		return scale{2, 2} // 0.1 ms to 10 ms: something has to stand there
	}
	lowest := int(math.Floor(least))
	return scale{lowest, max(1, int(math.Ceil(most))-lowest)}
}

// magnitude is the power of ten that a latency is, in microseconds.
func magnitude(d time.Duration) float64 {
	return math.Log10(float64(max(d, time.Microsecond).Microseconds()))
}

func (s scale) y(d time.Duration) float64 {
	return latencyHeight * (1 - (magnitude(d)-float64(s.lowest))/float64(s.decades))
}

func (s scale) labels() []string {
	var labels []string
	for n := s.decades; n >= 0; n-- {
		labels = append(labels, inMillis(time.Duration(math.Pow10(s.lowest+n))*time.Microsecond))
	}
	return labels
}

func (s scale) grid() string {
	var path strings.Builder
	for n := range s.decades + 1 {
		fmt.Fprintf(&path, "M0 %.1fH%.0f", latencyHeight*float64(n)/float64(s.decades), plotWidth)
	}
	return path.String()
}

// curves draws the mean as a line and what lies between it and the worst as an
// area. Where nothing answered both are broken; what stands alone is a dot.
func (s scale) curves(buckets []store.Bucket) (line, spread string) {
	var mean, area strings.Builder
	for begin := 0; begin < len(buckets); begin++ {
		end := begin
		for end < len(buckets) && buckets[end].Asked > buckets[end].Lost {
			end++
		}
		if end > begin {
			s.stretch(&mean, &area, buckets[begin:end], begin, len(buckets))
			begin = end
		}
	}
	return mean.String(), area.String()
}

// stretch draws buckets without a break, the first of which is the begin-th of
// all.
func (s scale) stretch(mean, area *strings.Builder, buckets []store.Bucket, begin, all int) {
	width := plotWidth / float64(all)
	x := func(i int) float64 { return (float64(begin+i) + 0.5) * width }
	for i, b := range buckets {
		fmt.Fprintf(mean, "%s%.1f %.1f", command(i), x(i), s.y(b.Mean))
		fmt.Fprintf(area, "%s%.1f %.1f", command(i), x(i), s.y(b.Worst))
	}
	if len(buckets) == 1 {
		mean.WriteString("h.01") // round ends make it a dot
	}
	for i := len(buckets) - 1; i >= 0; i-- {
		fmt.Fprintf(area, "L%.1f %.1f", x(i), s.y(buckets[i].Mean))
	}
	area.WriteString("Z")
}

func command(i int) string {
	if i == 0 {
		return "M"
	}
	return "L"
}

// bars draws a bar for each step in which answers were lost, and marks those in
// which nothing was measured.
func bars(buckets []store.Bucket) (loss, gaps string) {
	var lost, unknown strings.Builder
	width := plotWidth / float64(len(buckets))
	for i, b := range buckets {
		x := float64(i) * width
		switch {
		case b.Asked == 0:
			fmt.Fprintf(&unknown, "M%.2f 0h%.2fv%.0fh-%.2fz", x, width, lossHeight, width)
		case b.Lost > 0:
			height := max(leastLoss, lossHeight*float64(b.Lost)/float64(b.Asked))
			fmt.Fprintf(&lost, "M%.2f %.0fv-%.1fh%.2fv%.1fz", x, lossHeight, height, width, height)
		}
	}
	return lost.String(), unknown.String()
}

// sum is what several buckets add up to.
type sum struct {
	asked, lost, silent int // silent counts buckets without any answer that counts
	total, worst        time.Duration
}

func sumOf(buckets []store.Bucket) (s sum) {
	for _, b := range buckets {
		if b.Asked == 0 {
			s.silent++
		}
		s.asked += int(b.Asked)
		s.lost += int(b.Lost)
		s.total += b.Mean * time.Duration(b.Asked-b.Lost)
		s.worst = max(s.worst, b.Worst)
	}
	return s
}

func (s sum) mean() time.Duration { return s.total / time.Duration(max(1, s.asked-s.lost)) }

// words say what a plot of so many buckets shows.
func (s sum) words(title string, buckets int) string {
	if s.asked == 0 {
		return title + ": nothing was measured in this time."
	}
	text := fmt.Sprintf("%s: %d of %d answers lost", title, s.lost, s.asked)
	if s.asked > s.lost {
		text += fmt.Sprintf("; latency %s in the mean, %s at worst", inMillis(s.mean()), inMillis(s.worst))
	}
	if s.silent > 0 {
		text += fmt.Sprintf("; nothing was measured for %s of %s",
			inWords(time.Duration(s.silent)*store.HistoryStep), inWords(time.Duration(buckets)*store.HistoryStep))
	}
	return text + "."
}

// hoursOf adds up the hours in which something was measured, the latest first.
func hoursOf(from time.Time, buckets []store.Bucket) []hourRow {
	var rows []hourRow
	for end := len(buckets); end > 0; {
		begins := from.Add(time.Duration(end-1) * store.HistoryStep).Truncate(time.Hour)
		begin := max(0, int(begins.Sub(from)/store.HistoryStep))
		if s := sumOf(buckets[begin:end]); s.asked > 0 {
			row := hourRow{Begins: begins, Lost: s.lost, Asked: s.asked}
			if s.asked > s.lost {
				row.Mean, row.Worst = inMillis(s.mean()), inMillis(s.worst)
			}
			rows = append(rows, row)
		}
		end = begin
	}
	return rows
}

// inMillis writes a latency with two digits that count: 0.31 ms, 12 ms, 1.2 s.
func inMillis(d time.Duration) string {
	value, unit := float64(d)/float64(time.Millisecond), " ms"
	if value >= 1000 {
		value, unit = value/1000, " s"
	}
	if value >= 10 {
		return strconv.FormatFloat(value, 'f', 0, 64) + unit
	}
	return strconv.FormatFloat(value, 'g', 2, 64) + unit
}
