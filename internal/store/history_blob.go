package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// HistoryStep is how much time one Bucket covers.
const HistoryStep = 5 * time.Minute

// Bucket is what the answers of one target came to in one HistoryStep. The zero
// Bucket is a time in which nothing is known.
type Bucket struct {
	Asked, Lost uint16 // answers that count, and those among them that never came
	Mean, Worst time.Duration
}

// An hour of a target is one blob of twelve buckets of eight bytes, each four
// numbers of two bytes with the low byte first: asked, lost, mean and worst. A
// latency is written as [squeeze] does.
const (
	bucketBytes   = 8
	bucketsInHour = int(time.Hour / HistoryStep)
	hourBytes     = bucketsInHour * bucketBytes
)

// errDamaged says that a blob is nothing that was ever written.
var errDamaged = errors.New("the history of this hour is damaged")

// hour is the buckets of one hour.
type hour [bucketsInHour]Bucket

// appendTo writes an hour behind b.
func (h *hour) appendTo(b []byte) []byte {
	for _, bucket := range h {
		for _, v := range [...]uint16{bucket.Asked, bucket.Lost, squeeze(bucket.Mean), squeeze(bucket.Worst)} {
			b = binary.LittleEndian.AppendUint16(b, v)
		}
	}
	return b
}

// readHour reads what appendTo wrote. Anything else is errDamaged: a plot with a
// gap is better than one that is wrong.
func readHour(blob []byte) (h hour, err error) {
	if len(blob) != hourBytes {
		return hour{}, fmt.Errorf("%w: it has %d bytes, not %d", errDamaged, len(blob), hourBytes)
	}
	for i := range h {
		if h[i], err = readBucket(blob[i*bucketBytes:]); err != nil {
			return hour{}, fmt.Errorf("bucket %d: %w", i, err)
		}
	}
	return h, nil
}

func readBucket(b []byte) (Bucket, error) {
	number := func(i int) uint16 { return binary.LittleEndian.Uint16(b[2*i:]) }
	mean, meanOK := spread(number(2))
	worst, worstOK := spread(number(3))
	bucket := Bucket{Asked: number(0), Lost: number(1), Mean: mean, Worst: worst}
	if !meanOK || !worstOK || bucket.Lost > bucket.Asked || mean > worst {
		return Bucket{}, errDamaged
	}
	return bucket, nil
}

// add makes of two buckets of the same moments what one would have been.
func (b Bucket) add(other Bucket) Bucket {
	answered, more := int64(b.Asked-b.Lost), int64(other.Asked-other.Lost)
	if more == 0 {
		b.Asked, b.Lost = saturated(b.Asked, other.Asked), saturated(b.Lost, other.Lost)
		return b
	}
	b.Mean = (b.Mean*time.Duration(answered) + other.Mean*time.Duration(more)) / time.Duration(answered+more)
	b.Worst = max(b.Worst, other.Worst)
	b.Asked, b.Lost = saturated(b.Asked, other.Asked), saturated(b.Lost, other.Lost)
	return b
}

func saturated(a, b uint16) uint16 { return uint16(min(uint32(a)+uint32(b), math.MaxUint16)) }

// How a latency fits in two bytes: the first eleven bits that are set, of its
// microseconds, and how many came behind them. What is below two milliseconds
// is exact, and everything else is too small by less than a thousandth. It ends
// at an hour: nothing is waited for that long.
const (
	mantissaBits = 11
	maxLatency   = time.Hour
)

func squeeze(d time.Duration) uint16 {
	micros := uint64(min(max(d, 0), maxLatency).Microseconds())
	behind := max(bits.Len64(micros)-mantissaBits, 0)
	return uint16(behind<<mantissaBits) | uint16(micros>>behind)
}

// spread undoes squeeze; false for what squeeze never returns.
func spread(code uint16) (time.Duration, bool) {
	behind, mantissa := code>>mantissaBits, uint64(code)&(1<<mantissaBits-1)
	d := time.Duration(mantissa<<behind) * time.Microsecond
	return d, d <= maxLatency && squeeze(d) == code
}
