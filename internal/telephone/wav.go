package telephone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// rate is that of a telephone: samples a second.
const rate = 8000

// PCM is speech: one channel, 16 bits, 8,000 samples a second.
type PCM []int16

// Length is how long it takes to say.
func (p PCM) Length() time.Duration { return time.Duration(len(p)) * time.Second / rate }

// quiet is the loudness, of 32,767, below which nobody hears anything.
const quiet = 200

// Silent reports whether there is nothing to hear in it.
func (p PCM) Silent() bool {
	sum := 0.0
	for _, v := range p {
		sum += float64(v) * float64(v)
	}
	return len(p) == 0 || math.Sqrt(sum/float64(len(p))) < quiet
}

// Bytes is what a codec takes: whole packets of 20 ms, little-endian.
func (p PCM) Bytes() []byte {
	const packet = rate / 50
	data := make([]byte, 2*((len(p)+packet-1)/packet)*packet)
	for n, v := range p {
		binary.LittleEndian.PutUint16(data[2*n:], uint16(v))
	}
	return data
}

var errNoWAV = errors.New("not a WAV file with one channel of 16 bits")

// readWAV reads speech from a WAV file at any usual rate. A program that writes
// to a pipe does not know how long its file becomes, so that the sizes in the
// header say at most how much there is.
func readWAV(data []byte) (PCM, error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return nil, errNoWAV
	}
	from := 0
	for at := 12; at+8 <= len(data); {
		name, size := string(data[at:at+4]), int(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+8:]
		body = body[:min(size, len(body))]
		switch name {
		case "fmt ":
			if len(body) < 16 || binary.LittleEndian.Uint16(body) != 1 || binary.LittleEndian.Uint16(body[2:]) != 1 || binary.LittleEndian.Uint16(body[14:]) != 16 {
				return nil, errNoWAV
			}
			if from = int(binary.LittleEndian.Uint32(body[4:])); from < rate || from > 48000 {
				return nil, fmt.Errorf("a rate of %d a second is none that speech comes in", from)
			}
		case "data":
			if from == 0 {
				return nil, errNoWAV
			}
			return resample(samples(body), from), nil
		}
		at += 8 + len(body) + len(body)%2
	}
	return nil, errNoWAV
}

func samples(data []byte) PCM {
	list := make(PCM, len(data)/2)
	for n := range list {
		list[n] = int16(binary.LittleEndian.Uint16(data[2*n:]))
	}
	return list
}

// taps is how many zero crossings of the filter lie on each side of a sample.
const taps = 8

// resample brings speech to the telephone's rate: each sample is a weighted mean
// of those around it (a windowed sinc), which takes away what is too high for a
// telephone and would come back as noise.
func resample(in PCM, from int) PCM {
	if from == rate {
		return in
	}
	step := float64(from) / rate
	out := make(PCM, int(float64(len(in))/step))
	width := taps * step
	for n := range out {
		middle := float64(n) * step
		sum, weights := 0.0, 0.0
		for k := max(0, int(middle-width)); k <= min(len(in)-1, int(middle+width)); k++ {
			x := (float64(k) - middle) / step
			w := sinc(x) * (0.5 + 0.5*math.Cos(math.Pi*x/taps))
			sum, weights = sum+w*float64(in[k]), weights+w
		}
		if weights != 0 {
			out[n] = int16(max(math.MinInt16, min(math.MaxInt16, sum/weights)))
		}
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}
