package lab

import "testing"

func TestLoginsDoNotPushCommandsOutOfTheWireLog(t *testing.T) {
	var w wire
	w.add(WireEntry{What: "reset ForceOff", Power: true})
	w.add(WireEntry{What: "systemctl restart web.service"})
	for range maxWire + 1 {
		w.add(WireEntry{What: loginAttempt})
	}
	if w.entries[0].What != "reset ForceOff" || w.entries[1].What == loginAttempt {
		t.Errorf("the log begins with %+v", w.entries[:2])
	}
}
