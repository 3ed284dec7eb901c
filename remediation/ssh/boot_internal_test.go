package ssh

import (
	"strings"
	"testing"
)

func TestABootIsOneUUIDAndItsAgeAndNothingElse(t *testing.T) {
	const id, up = "0b7c1f52-3a0e-4d0e-9a55-6c1f2b7de001", "12.34 45.60\n"
	for said, ok := range map[string]bool{
		id + "\n" + up: true, id + "\n12.34 45.60": true, id + "\n": false, id: false, "": false, id + "\n\n" + up: false, "Welcome\n" + id + "\n" + up: false,
		id + "\r\n" + up: false, strings.ToUpper(id) + "\n" + up: false, id + id + "\n" + up: false, " " + id + "\n" + up: false, id[:35] + "\n" + up: false,
		id + "\n" + up + up: false, id + "\n-1.00 2.00\n": false, id + "\n12 34\n": false, id + "\n99999999999999.00 1.00\n": false,
	} {
		if got, uptime, err := parseBoot(said); (err == nil) != ok || ok && (got != id || uptime != 12.34) {
			t.Errorf("%q: %q, %v, %v", said, got, uptime, err)
		}
	}
}

func TestWhoIsReadStrictly(t *testing.T) {
	const boot = "         system boot  Nov 23 02:10\n"
	for said, want := range map[string]string{
		boot: "",
		boot + "anna     pts/0        Nov 23 02:40 00:01        1204 (192.0.2.40)\n":                                                        "anna on pts/0 from 192.0.2.40",
		boot + "anna     tty1         2026-11-23 02:40   .          812\nroot     pts/1        Nov 23 02:40  old        99 (2001:db8::7)\n": "anna on tty1, root on pts/1 from 2001:db8::7",
		boot + "a.b@example.net pts/0 Nov 23 02:40 ? 1 (:0)\n":                                                                              "a.b@example.net on pts/0 from :0",
		"":                                     "!",
		"anna pts/0 Nov 23 02:40 00:01 1204\n": "!",
		boot + "anna pts/0\n":                  "!",
		boot + "Permission denied, please try again, now\n":          "!",
		boot + "\x1b[2J pts/0 Nov 23 02:40 00:01 1204\n":             "!",
		"system boot  Nov 23 02:10\n":                                "!", // a user called system, and no boot
		boot + strings.Repeat("anna pts/0 Nov 23 02:40 . 12\n", 101): "!",
		boot + strings.Repeat("anna pts/0 Nov 23 02:40 . 12\n", 7):   strings.Repeat("anna on pts/0, ", 5) + "and 2 more",
	} {
		users, err := parseWho(said)
		got := named(users)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q (%v), want %q", said, got, err, want)
		}
	}
}

func FuzzWho(f *testing.F) {
	f.Add("         system boot  Nov 23 02:10\nanna pts/0 Nov 23 02:40 . 12 (192.0.2.1)\n")
	f.Fuzz(func(t *testing.T, said string) {
		users, err := parseWho(said)
		if text := named(users); len(users) > maxUsers || err != nil && len(users) > 0 || len([]rune(text)) > maxReason || strings.ContainsAny(text, "\n\x1b") {
			t.Fatalf("%d users: %q, %v", len(users), text, err)
		}
	})
}
