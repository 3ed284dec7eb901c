package simulate

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/spinware/piket/remediation"
)

// A seed that breaks a promise is of no use unless it breaks it again, in the
// same way. These replicas put every power command on the wire twice.
func TestABrokenPromiseBreaksAgainByteForByte(t *testing.T) {
	books, err := libraries()
	if err != nil {
		t.Fatal(err)
	}
	worlds := make([]*world, 3)
	traces := make([]bytes.Buffer, len(worlds))
	for n := range worlds {
		w := newWorld(8, 24*time.Hour, books)
		w.trace = &traces[n]
		for _, r := range w.replicas {
			once := r.engine.Actions["power"]
			r.engine.Actions["power"] = func(ctx context.Context, o remediation.Order) remediation.Result {
				said := once(ctx, o)
				if s := w.watch.intents[o.Intent.Intent]; s != nil && s.wires > 0 {
					w.wire(r, o.Intent, s.machine)
				}
				return said
			}
		}
		w.run(t.Context())
		worlds[n] = w
	}
	first := worlds[0]
	if first.broken == nil || first.broken.Promise != "P2" || first.figures.Doubles != 1 {
		t.Fatalf("a command that was sent twice was not noticed: %v", first.broken)
	}
	for n, w := range worlds {
		if *w.broken != *first.broken || !bytes.Equal(traces[n].Bytes(), traces[0].Bytes()) {
			t.Errorf("run %d breaks otherwise: %v, and at first %v", n, w.broken, first.broken)
		}
	}
}
