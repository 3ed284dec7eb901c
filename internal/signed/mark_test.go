package signed

import (
	"strings"
	"testing"
)

func TestAMarkIsOfOneMessageAndOneKey(t *testing.T) {
	key := NewKey()
	mark := key.Mark("INC-2026-0001/M12")
	switch {
	case len(mark) != markRunes || strings.Trim(mark, "0123456789abcdef") != "":
		t.Errorf("%q does not fit into a Message-ID", mark)
	case !key.Marked("INC-2026-0001/M12", mark) || mark != key.Mark("INC-2026-0001/M12"):
		t.Error("a mark is not recognised")
	case key.Marked("INC-2026-0001/M13", mark), NewKey().Marked("INC-2026-0001/M12", mark), key.Marked("INC-2026-0001/M12", ""):
		t.Error("a mark holds for another message, another key, or nothing")
	}
}
