package push

import (
	"crypto/ecdh"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/spinware/piket/internal/incident"
)

// The example of RFC 8291, section 5 and appendix A.
const (
	rfcText      = "When I grow up, I want to be a watermelon"
	rfcSender    = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	rfcBrowser   = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	rfcAuth      = "BTBZMqHH6r4Tts7J_aSIgg"
	rfcSalt      = "DGv6ra1nlYgDCS1FRnbzlw"
	rfcEncrypted = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

func decode(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestTheExampleOfRFC8291ComesOutAsItIsPrinted(t *testing.T) {
	sender, err := ecdh.P256().NewPrivateKey(decode(t, rfcSender))
	if err != nil {
		t.Fatal(err)
	}
	to := incident.Subscribed{Key: rfcBrowser, Auth: rfcAuth}
	got, err := encrypt(to, []byte(rfcText), sender, decode(t, rfcSalt))
	if err != nil {
		t.Fatal(err)
	}
	if text := base64.RawURLEncoding.EncodeToString(got); text != rfcEncrypted {
		t.Errorf("got\n%s\nwant\n%s", text, rfcEncrypted)
	}
}

func TestKeysThatABrowserCannotHaveAreRefused(t *testing.T) {
	good := incident.Subscribed{Endpoint: "https://fcm.googleapis.com/x", Key: rfcBrowser, Auth: rfcAuth}
	c := Config{Services: DefaultServices}
	if err := c.Check(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*incident.Subscribed){
		"a short key":      func(s *incident.Subscribed) { s.Key = "BCVx" },
		"a key off curve":  func(s *incident.Subscribed) { s.Key = "B" + strings.Repeat("A", 86) },
		"no key":           func(s *incident.Subscribed) { s.Key = "" },
		"a short secret":   func(s *incident.Subscribed) { s.Auth = "BTBZ" },
		"an endless name":  func(s *incident.Subscribed) { s.Endpoint += strings.Repeat("x", 2000) },
		"http":             func(s *incident.Subscribed) { s.Endpoint = "http://fcm.googleapis.com/x" },
		"another host":     func(s *incident.Subscribed) { s.Endpoint = "https://fcm.googleapis.com.example.net/x" },
		"another port":     func(s *incident.Subscribed) { s.Endpoint = "https://fcm.googleapis.com:22/x" },
		"a user":           func(s *incident.Subscribed) { s.Endpoint = "https://fcm.googleapis.com@10.0.0.1/x" },
		"a user of theirs": func(s *incident.Subscribed) { s.Endpoint = "https://me@fcm.googleapis.com/x" },
		"this machine":     func(s *incident.Subscribed) { s.Endpoint = "https://127.0.0.1/x" },
		"metadata":         func(s *incident.Subscribed) { s.Endpoint = "https://169.254.169.254/x" },
		"the domain alone": func(s *incident.Subscribed) { s.Endpoint = "https://notify.windows.com/x" },
		"a lookalike":      func(s *incident.Subscribed) { s.Endpoint = "https://evilnotify.windows.com/x" },
		"no address":       func(s *incident.Subscribed) { s.Endpoint = "" },
	} {
		s := good
		change(&s)
		if err := c.Check(s); err == nil {
			t.Errorf("%s was taken: %+v", name, s)
		}
	}
	for _, endpoint := range []string{"https://wns2-par02p.notify.windows.com/w/?token=x", "https://fcm.googleapis.com:443/fcm/send/x", "https://FCM.googleapis.com/x"} {
		s := good
		s.Endpoint = endpoint
		if err := c.Check(s); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestAPushThatIsTooLongIsNotSent(t *testing.T) {
	to := incident.Subscribed{Key: rfcBrowser, Auth: rfcAuth}
	if _, err := Encrypt(to, make([]byte, maxPayload+1)); err == nil {
		t.Error("it was encrypted")
	}
	sealed, err := Encrypt(to, make([]byte, maxPayload))
	if err != nil || len(sealed) > recordBytes {
		t.Errorf("%d bytes, %v", len(sealed), err)
	}
}
