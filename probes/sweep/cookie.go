package sweep

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// ident says which echo of which question a packet belongs to. Questions are
// numbered from 1 and no number is used twice.
type ident struct {
	number uint64
	index  int
}

const (
	indexBits = 24 // of an ident's word; the other 40 are the question's number
	maxIndex  = 1<<indexBits - 1
)

func (i ident) word() uint64 { return i.number<<indexBits | uint64(i.index) }

func identOf(word uint64) ident {
	return ident{number: word >> indexBits, index: int(word & maxIndex)}
}

// key seals idents, so that nobody can answer who has not seen the echo.
type key struct{ low, high uint64 }

func newKey() key {
	var b [16]byte
	rand.Read(b[:]) // never fails: see its documentation
	return key{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// payloadBytes is what an echo carries: the ident and its seal.
const payloadBytes = 16

func (k key) write(payload []byte, id ident) {
	word := id.word()
	binary.BigEndian.PutUint64(payload, word)
	binary.BigEndian.PutUint64(payload[8:], k.seal(word))
}

// open returns what payload was written for. ok is false when it was not
// written with this key.
func (k key) open(payload []byte) (id ident, ok bool) {
	if len(payload) < payloadBytes {
		return ident{}, false
	}
	word := binary.BigEndian.Uint64(payload)
	if binary.BigEndian.Uint64(payload[8:]) != k.seal(word) {
		return ident{}, false
	}
	return identOf(word), true
}

// seal is SipHash-2-4 (Aumasson and Bernstein, 2012) of the eight bytes of
// word. A hash that was not made for it would let somebody who receives many
// echoes compute the key.
func (k key) seal(word uint64) uint64 {
	s := sip{
		k.low ^ 0x736f6d6570736575, k.high ^ 0x646f72616e646f6d,
		k.low ^ 0x6c7967656e657261, k.high ^ 0x7465646279746573,
	}
	s.absorb(word)
	s.absorb(8 << 56) // the length, as the last block
	s.c ^= 0xff
	for range 4 {
		s.round()
	}
	return s.a ^ s.b ^ s.c ^ s.d
}

type sip struct{ a, b, c, d uint64 }

func (s *sip) absorb(block uint64) {
	s.d ^= block
	s.round()
	s.round()
	s.a ^= block
}

func (s *sip) round() {
	s.a += s.b
	s.b = bits.RotateLeft64(s.b, 13) ^ s.a
	s.a = bits.RotateLeft64(s.a, 32)
	s.c += s.d
	s.d = bits.RotateLeft64(s.d, 16) ^ s.c
	s.a += s.d
	s.d = bits.RotateLeft64(s.d, 21) ^ s.a
	s.c += s.b
	s.b = bits.RotateLeft64(s.b, 17) ^ s.c
	s.c = bits.RotateLeft64(s.c, 32)
}
