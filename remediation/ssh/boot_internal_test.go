package ssh

import (
	"strings"
	"testing"
)

func TestABootIDIsOneUUIDAndNothingElse(t *testing.T) {
	const id = "0b7c1f52-3a0e-4d0e-9a55-6c1f2b7de001"
	for said, ok := range map[string]bool{
		id + "\n": true, id: true, "": false, id + "\n\n": false, "Welcome\n" + id + "\n": false, id + "\r\n": false,
		strings.ToUpper(id): false, id + id: false, " " + id: false, id[:35]: false, "00000000\n": false,
	} {
		if got, err := parseBootID(said); (err == nil) != ok || ok && got != id {
			t.Errorf("%q: %q, %v", said, got, err)
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
