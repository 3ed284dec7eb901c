package probes

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
)

func signer(t *testing.T, key crypto.Signer, err error) ssh.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newEd25519(t *testing.T) ssh.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return signer(t, key, err)
}

func newECDSA(t *testing.T) ssh.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return signer(t, key, err)
}

func newRSA(t *testing.T) ssh.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return signer(t, key, err)
}

func line(s ssh.Signer) string { return string(ssh.MarshalAuthorizedKey(s.PublicKey())) }

// sshServer greets, exchanges keys, and counts who tries to sign in.
func sshServer(t *testing.T, signIns *atomic.Int32, keys ...ssh.Signer) string {
	t.Helper()
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-Lab_1.0", NoClientAuth: true,
		AuthLogCallback: func(ssh.ConnMetadata, string, error) { signIns.Add(1) },
	}
	for _, key := range keys {
		config.AddHostKey(key)
	}
	return listener(t, func(conn net.Conn) {
		if server, _, _, err := ssh.NewServerConn(conn, config); err == nil {
			server.Close()
		}
	})
}

func TestSSHComparesThePinnedKeyAndNeverSignsIn(t *testing.T) {
	var signIns atomic.Int32
	ed, ec, rs, other := newEd25519(t), newECDSA(t), newRSA(t), newEd25519(t)
	all := sshServer(t, &signIns, rs, ec, ed)
	onlyEC := sshServer(t, &signIns, ec)
	cases := []struct {
		name, address string
		pinned        []string
		state         State
		reason        string
	}{
		{"nothing pinned", all, nil, Up, "greets as SSH-2.0-Lab_1.0"},
		{"the pinned key", all, []string{line(ed)}, Up, "greets"},
		{"each kind of key", all, []string{line(rs)}, Up, "greets"},
		{"one of several", all, []string{line(other), line(ed)}, Up, "greets"},
		{"another key", all, []string{line(other)}, Down, "host key changed: the server shows ssh-ed25519 SHA256:"},
		{"only a key of another kind", onlyEC, []string{line(ed)}, Down, "host key changed: the server shows ecdsa-sha2-nistp256"},
		{"unreadable key in the inventory", all, []string{"ssh-ed25519 nonsense"}, Unknown, "in the inventory"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			result := SSH(t.Context(), Target{Address: c.address, HostKeys: c.pinned})
			expect(t, result, c.state, c.reason)
			if c.state != Unknown && result.Facts["banner"] != "SSH-2.0-Lab_1.0" {
				t.Errorf("fact banner is %v", result.Facts["banner"])
			}
		})
	}
	if n := signIns.Load(); n != 0 {
		t.Errorf("the probe tried to sign in %d times", n)
	}
}

func TestSSHShowsTheKeyByItsFingerprint(t *testing.T) {
	var signIns atomic.Int32
	key, other := newEd25519(t), newEd25519(t)
	address := sshServer(t, &signIns, key)
	for pinned, want := range map[ssh.Signer]string{
		key:   "shows the pinned key ssh-ed25519 " + ssh.FingerprintSHA256(key.PublicKey()),
		other: "pinned is ssh-ed25519 " + ssh.FingerprintSHA256(other.PublicKey()),
	} {
		result := SSH(t.Context(), Target{Address: address, HostKeys: []string{line(pinned)}})
		shown := strings.Join(result.Evidence, "\n")
		if !strings.Contains(shown, want) || !strings.Contains(shown, "connected to "+address) || !strings.Contains(shown, "greets as SSH-2.0-Lab_1.0") {
			t.Errorf("the evidence is %q, want %q in it", result.Evidence, want)
		}
	}
}

func TestSSHWantsAGreetingInTime(t *testing.T) {
	pinned := []string{line(newEd25519(t))}
	cases := []struct {
		name   string
		handle func(net.Conn)
		pinned []string
		state  State
		reason string
	}{
		{"silent", func(conn net.Conn) { io.Copy(io.Discard, conn) }, nil, Down, "no SSH greeting within"},
		{"half a greeting", says("SSH-2.0-Lab"), nil, Down, `said "SSH-2.0-Lab" and no SSH greeting`},
		{"hangs up", hangsUp(""), nil, Down, "closed the connection"},
		{"lines before the greeting", says("welcome\r\nSSH-2.0-Lab\r\n"), nil, Up, "greets as SSH-2.0-Lab"},
		{"old way to say 2.0", says("SSH-1.99-Lab\n"), nil, Up, "SSH-1.99-Lab"},
		{"old protocol", says("SSH-1.5-Lab\n"), nil, Down, "not SSH 2"},
		{"another service", hangsUp("220 mail.example.net ESMTP\r\n"), nil, Down, `said "220 mail.example.net ESMTP"`},
		{"endless lines", says(strings.Repeat("x", 2*maxGreetingBytes)), nil, Down, "no SSH greeting"},
		{"control characters", says("SSH-2.0-\x1b[31mred\r\n"), nil, Up, "SSH-2.0- [31mred"},
		{"too many sessions", hangsUp("Exceeded MaxStartups\r\n"), nil, Unknown, "turns piket away: Exceeded MaxStartups"},
		{"penalty", hangsUp("Not allowed at this time\r\n"), nil, Unknown, "turns piket away: Not allowed"},
		{"stops in the key exchange", says("SSH-2.0-Lab\r\n"), pinned, Down, "key exchange: no answer within"},
		{"hangs up in the key exchange", hangsUp("SSH-2.0-Lab\r\n"), pinned, Down, "key exchange: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			timeout := waitsFor(c.name, "silent", "half a greeting", "stops in the key exchange")
			target := Target{Address: listener(t, c.handle), HostKeys: c.pinned, Timeout: timeout}
			expect(t, SSH(t.Context(), target), c.state, c.reason)
		})
	}
	expect(t, SSH(t.Context(), Target{Address: refused(t)}), Down, "connection refused")
}

func TestSSHWithoutACommonCipherIsNotDown(t *testing.T) {
	key := newEd25519(t)
	config := &ssh.ServerConfig{NoClientAuth: true, Config: ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}}}
	config.AddHostKey(key)
	address := listener(t, func(conn net.Conn) { ssh.NewServerConn(conn, config) })
	expect(t, SSH(t.Context(), Target{Address: address, HostKeys: []string{line(key)}}), Unknown, "key exchange: ")
}

func FuzzGreeting(f *testing.F) {
	for _, seed := range []string{"SSH-2.0-Lab\r\n", "welcome\r\nSSH-1.99-Lab\n", "SSH-", "\n\n\n", "Exceeded MaxStartups\r\n", "\x00SSH-2.0\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		line, said, err := readGreeting(bytes.NewReader(sent))
		if (err == nil) != strings.HasPrefix(line, "SSH-") || strings.ContainsAny(line, "\n") {
			t.Errorf("%q greets as %q (%v)", sent, line, err)
		}
		if len(said) > maxGreetingBytes || !bytes.HasPrefix(sent, said) {
			t.Errorf("of %d bytes, %d are given back", len(sent), len(said))
		}
		if reason := judgeBanner(line).Reason; err == nil && clause(reason) != reason {
			t.Errorf("the reason is %q", reason)
		}
	})
}
