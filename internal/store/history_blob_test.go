package store

import (
	"bytes"
	"testing"
	"time"
)

func TestALatencyIsKeptToAThousandth(t *testing.T) {
	for d := time.Duration(0); d <= maxLatency; d += 1 + d/37 {
		got, ok := spread(squeeze(d))
		if want := d.Truncate(time.Microsecond); !ok || got > want || float64(want-got) > float64(want)/1000 {
			t.Fatalf("%v became %v (%v)", d, got, ok)
		}
	}
	for _, c := range []struct{ in, want time.Duration }{{-1, 0}, {100 * time.Hour, maxLatency}} {
		if got, ok := spread(squeeze(c.in)); !ok || got > c.want || got < c.want-c.want/1000 {
			t.Errorf("%v became %v (%v)", c.in, got, ok)
		}
	}
}

// What is damaged on disk is an error or a plausible hour, and what is read is
// what is written again.
func FuzzReadHour(f *testing.F) {
	whole := hour{{}, {Asked: 30, Lost: 1, Mean: time.Millisecond, Worst: 3 * time.Second}, {Asked: 1, Lost: 1}}
	f.Add(whole.appendTo(nil))
	f.Add(make([]byte, hourBytes))
	f.Add(bytes.Repeat([]byte{0xff}, hourBytes))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		h, err := readHour(blob)
		if err != nil {
			return
		}
		for _, b := range h {
			if b.Lost > b.Asked || b.Mean > b.Worst || b.Mean < 0 || b.Worst > maxLatency {
				t.Errorf("read %+v", b)
			}
			if sum := b.add(b); sum.Lost > sum.Asked || sum.Mean > sum.Worst {
				t.Errorf("%+v twice is %+v", b, sum)
			}
		}
		if again := h.appendTo(nil); !bytes.Equal(again, blob) {
			t.Errorf("read %x, wrote %x", blob, again)
		}
	})
}
