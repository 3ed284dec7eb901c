package photo_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/photo"
)

// picture is red on its left half and blue on its right.
func picture(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{R: 255, A: 255})
			if x >= w/2 {
				m.Set(x, y, color.RGBA{B: 255, A: 255})
			}
		}
	}
	return m
}

func asJPEG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withEXIF puts an orientation and a secret beside the picture, as cameras do.
func withEXIF(file []byte, orientation uint16) []byte {
	tiff := append([]byte("II*\x00"), 8, 0, 0, 0, 1, 0)
	tiff = binary.LittleEndian.AppendUint16(tiff, 0x0112)
	tiff = binary.LittleEndian.AppendUint16(tiff, 3)
	tiff = binary.LittleEndian.AppendUint32(tiff, 1)
	tiff = binary.LittleEndian.AppendUint16(tiff, orientation)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	body := append([]byte("Exif\x00\x00"), append(tiff, []byte("GPS 52.37 4.90 <script>")...)...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return append(append(append([]byte{}, file[:2]...), append(segment, body...)...), file[2:]...)
}

func TestNothingButPixelsIsKept(t *testing.T) {
	dirty := append(withEXIF(asJPEG(t, picture(64, 32)), 1), []byte("<script>alert(1)</script> a second file")...)
	clean, err := photo.Clean(dirty)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"Exif", "GPS", "script", "second"} {
		if bytes.Contains(clean.JPEG, []byte(left)) {
			t.Errorf("%q is still in it", left)
		}
	}
	if clean.Width != 64 || clean.Height != 32 {
		t.Errorf("it is %d by %d", clean.Width, clean.Height)
	}
}

func TestAPictureStandsUprightHoweverTheCameraWasHeld(t *testing.T) {
	for orientation, want := range map[uint16]struct{ w, h, redX, redY int }{
		1: {64, 32, 8, 16}, 3: {64, 32, 56, 16}, 6: {32, 64, 16, 8}, 8: {32, 64, 16, 56}, 99: {64, 32, 8, 16},
	} {
		clean, err := photo.Clean(withEXIF(asJPEG(t, picture(64, 32)), orientation))
		if err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(bytes.NewReader(clean.JPEG))
		if err != nil || clean.Width != want.w || clean.Height != want.h {
			t.Errorf("orientation %d: %d by %d (%v)", orientation, clean.Width, clean.Height, err)
			continue
		}
		if r, _, b, _ := m.At(want.redX, want.redY).RGBA(); r < b {
			t.Errorf("orientation %d: red is not at %d, %d", orientation, want.redX, want.redY)
		}
	}
}

func TestALargePictureIsMadeSmaller(t *testing.T) {
	clean, err := photo.Clean(asJPEG(t, picture(4032, 3024)))
	if err != nil || clean.Width != 2048 || clean.Height != 1536 || len(clean.JPEG) > 2<<20 {
		t.Errorf("%d by %d, %d bytes, %v", clean.Width, clean.Height, len(clean.JPEG), err)
	}
}

// bomb is the head of a PNG that says it is w by h, with nothing behind it.
func bomb(w, h uint32) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, picture(1, 1)); err != nil {
		panic(err)
	}
	file := b.Bytes()
	binary.BigEndian.PutUint32(file[16:], w)
	binary.BigEndian.PutUint32(file[20:], h)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func TestWhatIsNoPhotographIsRefused(t *testing.T) {
	for name, upload := range map[string][]byte{
		"nothing":            {},
		"a drawing":          []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"a page":             []byte("<!doctype html><script>alert(1)</script>"),
		"a page in a coat":   append([]byte{0xff, 0xd8, 0xff}, []byte("<script>")...),
		"a bomb":             bomb(60_000, 60_000),
		"a bomb in one line": bomb(1, 1<<31-1),
		"half a bomb":        bomb(8_000, 8_000),
		"cut off":            asJPEG(t, picture(64, 64))[:200],
		"20 megabytes":       append(asJPEG(t, picture(64, 64)), make([]byte, 20<<20)...),
		"a GIF":              []byte("GIF89a" + strings.Repeat("\x00", 40)),
	} {
		if clean, err := photo.Clean(upload); !errors.Is(err, photo.ErrRefused) || clean.JPEG != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("II*\x00"))
	f.Add(bomb(3, 3))
	f.Fuzz(func(t *testing.T, upload []byte) {
		if clean, err := photo.Clean(upload); err == nil && (clean.Width > 2048 || clean.Height > 2048) {
			t.Errorf("%d by %d", clean.Width, clean.Height)
		}
	})
}
