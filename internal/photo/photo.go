// Package photo makes of a stranger's picture one that is harmless: it is decoded
// and drawn anew, so that no position, no name, no script and no second file that
// came with it stays.
//
//	clean, err := photo.Clean(upload)
package photo

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // Decode reads it
	"sync"

	"golang.org/x/image/draw"
)

// MaxUpload is the size of the largest file that is looked at: what the cameras of
// telephones make, and then some.
const MaxUpload = 12 << 20

const (
	// maxPixels bounds the memory that decoding takes: 40 million are four bytes
	// each at the worst. Telephones make 12 to 24 million.
	maxPixels = 40_000_000
	// maxSide bounds how long and thin a picture may be.
	maxSide = 16_384
	// keptSide is the longer side of what is kept: a serial number can still be read.
	keptSide    = 2048
	keptQuality = 82
)

// ErrRefused says that something is no photograph that is taken in, and why. Trying
// again with the same does not help.
var ErrRefused = errors.New("this is no photograph that can be taken in")

// Picture is one that is harmless: JPEG, nothing but pixels.
type Picture struct {
	JPEG          []byte
	Width, Height int
}

// decoding lets one picture be decoded at a time: a hundred uploads at once must not
// take a hundred times the memory.
var decoding sync.Mutex

// Clean draws a JPEG or PNG anew, upright and not larger than needed. How large it
// will be in memory is read off its head before anything of it is decoded. The error
// is ErrRefused.
func Clean(upload []byte) (Picture, error) {
	if len(upload) > MaxUpload {
		return Picture{}, fmt.Errorf("%w: it is larger than %d megabytes", ErrRefused, MaxUpload>>20)
	}
	head, format, err := image.DecodeConfig(bytes.NewReader(upload))
	switch {
	case err != nil || format != "jpeg" && format != "png":
		return Picture{}, fmt.Errorf("%w: only JPEG and PNG are", ErrRefused)
	case head.Width < 1 || head.Height < 1 || head.Width > maxSide || head.Height > maxSide || head.Width*head.Height > maxPixels:
		return Picture{}, fmt.Errorf("%w: %d by %d pixels are too many", ErrRefused, head.Width, head.Height)
	}
	decoding.Lock()
	defer decoding.Unlock()
	decoded, _, err := image.Decode(bytes.NewReader(upload))
	if err != nil {
		return Picture{}, fmt.Errorf("%w: it is damaged", ErrRefused)
	}
	drawn := upright(shrink(decoded), orientation(upload))
	var out bytes.Buffer
	if err := jpeg.Encode(&out, drawn, &jpeg.Options{Quality: keptQuality}); err != nil {
		return Picture{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return Picture{out.Bytes(), drawn.Bounds().Dx(), drawn.Bounds().Dy()}, nil
}

// shrink draws a picture on white, with keptSide as its longer side at most.
func shrink(from image.Image) *image.RGBA {
	w, h := from.Bounds().Dx(), from.Bounds().Dy()
	if long := max(w, h); long > keptSide {
		w, h = max(1, w*keptSide/long), max(1, h*keptSide/long)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(to, to.Bounds(), image.White, image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(to, to.Bounds(), from, from.Bounds(), draw.Over, nil)
	return to
}

// upright turns a picture as a camera says that it was held. Cameras that mirror are
// left out: none of a telephone does.
func upright(from *image.RGBA, orientation int) *image.RGBA {
	w, h := from.Bounds().Dx(), from.Bounds().Dy()
	var to *image.RGBA
	var place func(x, y int) (int, int)
	switch orientation {
	case 3:
		to, place = image.NewRGBA(image.Rect(0, 0, w, h)), func(x, y int) (int, int) { return w - 1 - x, h - 1 - y }
	case 6:
		to, place = image.NewRGBA(image.Rect(0, 0, h, w)), func(x, y int) (int, int) { return h - 1 - y, x }
	case 8:
		to, place = image.NewRGBA(image.Rect(0, 0, h, w)), func(x, y int) (int, int) { return y, w - 1 - x }
	default:
		return from
	}
	for y := range h {
		for x := range w {
			atX, atY := place(x, y)
			to.SetRGBA(atX, atY, from.RGBAAt(x, y))
		}
	}
	return to
}
