package photo

import (
	"bytes"
	"encoding/binary"
)

// Markers of a JPEG file (ITU-T T.81, B.1) and the EXIF tag that says how a camera
// was held (EXIF 2.3, 4.6.4).
const (
	startOfScan    = 0xda
	applicationOne = 0xe1
	tagOrientation = 0x0112
)

// orientation is how the camera was held, 1 to 8 as EXIF counts; 1 when the file
// does not say, or says it in a way that makes no sense.
func orientation(file []byte) int {
	if !bytes.HasPrefix(file, []byte{0xff, 0xd8}) {
		return 1
	}
	for at := 2; at+4 <= len(file) && file[at] == 0xff && file[at+1] != startOfScan; {
		size := int(binary.BigEndian.Uint16(file[at+2:]))
		end := at + 2 + size
		if size < 2 || end > len(file) {
			return 1
		}
		if body := file[at+4 : end]; file[at+1] == applicationOne && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return inTIFF(body[6:])
		}
		at = end
	}
	return 1
}

// inTIFF finds the orientation in the first directory of a TIFF structure.
func inTIFF(t []byte) int {
	if len(t) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if bytes.HasPrefix(t, []byte("II")) {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(t[4:]))
	if at+2 > int64(len(t)) {
		return 1
	}
	directory := t[at:]
	for n := range int(order.Uint16(directory)) {
		from := 2 + 12*n
		if from+12 > len(directory) {
			return 1
		}
		entry := directory[from : from+12]
		if order.Uint16(entry) == tagOrientation {
			return int(order.Uint16(entry[8:]))
		}
	}
	return 1
}
