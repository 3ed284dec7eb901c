//go:build failpoints

package failpoint

import (
	"errors"
	"testing"
)

func TestWhatFailedDoesNotReachThePointOfWhatWasDone(t *testing.T) {
	if Done(IntakeCreated, errors.New("not committed")); reached[IntakeCreated] != 0 {
		t.Error("a create that failed counts as created")
	}
	if Done(IntakeCreated, nil); reached[IntakeCreated] != 1 {
		t.Error("a create that was committed does not count")
	}
}
