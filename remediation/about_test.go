package remediation_test

import (
	"errors"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

func TestWhatCannotBeWrittenDownBesideTheDatabaseIsNotSent(t *testing.T) {
	h := newHouse(t)
	asked := 0
	h.engine.About = func(string, incident.Intended) error {
		asked++
		return errors.New("input/output error")
	}
	h.finish()
	if h.sends != 0 || asked == 0 {
		t.Errorf("%d sends, the journal was asked %d times", h.sends, asked)
	}
}

func TestEverySendIsWrittenDownBesideTheDatabaseFirst(t *testing.T) {
	h := newHouse(t)
	var asked []string
	h.engine.About = func(id string, i incident.Intended) error {
		if asked = append(asked, i.Intent); h.sends != len(asked)-1 || id != h.id {
			t.Errorf("%s of %s is written down after %d sends", i.Intent, id, h.sends)
		}
		return nil
	}
	h.finish()
	if h.sends != 1 || len(asked) != 1 {
		t.Errorf("%d sends, %v written down", h.sends, asked)
	}
}
