package probes

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxGreetingBytes bounds what a server may say before its identification
// line is over. RFC 4253, section 4.2, allows lines before it.
const maxGreetingBytes = 8 << 10

// SSH asks whether an SSH server greets at t.Address (host:port). If
// t.HostKeys are given, it completes the key exchange too and Down says when
// the server shows another key. It never tries to sign in. Its fact is the
// banner.
func SSH(ctx context.Context, t Target) Result {
	ctx, cancel := t.within(ctx)
	defer cancel()
	pinned, err := parseHostKeys(t.HostKeys)
	if err != nil {
		return unknown("%v", err)
	}
	conn, err := dial(ctx, t.Address)
	if err != nil {
		return t.broke(ctx, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	line, said, err := readGreeting(conn)
	if err != nil {
		return t.greetingBroke(ctx, said, err)
	}
	result := judgeBanner(line)
	if result.State == Up && len(pinned) > 0 {
		result = t.judgeHostKey(ctx, &replayed{conn, io.MultiReader(bytes.NewReader(said), conn)}, pinned, result)
	}
	result.Facts = map[string]any{"banner": clause(line)}
	result.noteConn(conn)
	result.note("greets as %s", line)
	return result
}

func parseHostKeys(lines []string) ([]ssh.PublicKey, error) {
	keys := make([]ssh.PublicKey, 0, len(lines))
	for _, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("host key %q in the inventory: %w", line, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// readGreeting reads up to the line that begins with SSH-, and returns it with
// everything that was read so far.
func readGreeting(conn io.Reader) (line string, said []byte, err error) {
	var all bytes.Buffer
	reader := bufio.NewReader(io.TeeReader(io.LimitReader(conn, maxGreetingBytes), &all))
	for {
		line, err = reader.ReadString('\n')
		if err != nil {
			return "", all.Bytes(), err
		}
		if strings.HasPrefix(line, "SSH-") {
			return strings.TrimRight(line, "\r\n"), all.Bytes(), nil
		}
	}
}

// refusals are lines with which OpenSSH turns away a client before greeting
// (sshd: MaxStartups, PerSourcePenalties). The server lives; it is piket, or
// the crowd, that it will not talk to.
var refusals = []string{"Exceeded MaxStartups", "Not allowed at this time"}

func (t Target) greetingBroke(ctx context.Context, said []byte, err error) Result {
	for _, refusal := range refusals {
		if bytes.Contains(said, []byte(refusal)) {
			return unknown("the SSH server turns piket away: %s", refusal)
		}
	}
	result := t.broke(ctx, err)
	if result.State == Down && len(said) > 0 {
		return down("said %q and no SSH greeting", firstLine(said))
	}
	if result.State == Down && ctx.Err() != nil {
		return down("accepts connections but no SSH greeting within %v", t.limit())
	}
	return result
}

func firstLine(said []byte) string {
	line, _, _ := bytes.Cut(said, []byte("\n"))
	return clause(string(line[:min(len(line), maxClause/2)]))
}

// judgeBanner accepts 1.99 too: it is how a server that also spoke the old
// protocol says 2.0 (RFC 4253, section 5.1).
func judgeBanner(line string) Result {
	if strings.HasPrefix(line, "SSH-2.0-") || strings.HasPrefix(line, "SSH-1.99-") {
		return up("greets as %s", line)
	}
	return down("greets as %q, which is not SSH 2", clause(line))
}

// replayed gives what was read from a connection once more.
type replayed struct {
	net.Conn
	reader io.Reader
}

func (r *replayed) Read(p []byte) (int, error) { return r.reader.Read(p) }

// errSeen ends a key exchange once the host key has been shown and its
// signature checked, before anybody signs in.
var errSeen = errors.New("host key seen")

func (t Target) judgeHostKey(ctx context.Context, conn net.Conn, pinned []ssh.PublicKey, well Result) Result {
	var shown ssh.PublicKey
	_, _, _, err := ssh.NewClientConn(conn, t.Address, &ssh.ClientConfig{
		User:              "piket",
		HostKeyAlgorithms: algorithmsFor(pinned),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			shown = key
			return errSeen
		},
	})
	if shown == nil {
		return t.exchangeBroke(ctx, err)
	}
	fingerprint := shown.Type() + " " + ssh.FingerprintSHA256(shown)
	for _, key := range pinned {
		if bytes.Equal(key.Marshal(), shown.Marshal()) {
			well.note("shows the pinned key %s", fingerprint)
			return well
		}
	}
	changed := down("host key changed: the server shows %s, which the inventory does not list", fingerprint)
	for _, key := range pinned {
		changed.note("pinned is %s %s", key.Type(), ssh.FingerprintSHA256(key))
	}
	return changed
}

// exchangeBroke knows one case more than broke: two sides that share no
// cipher are both alive.
func (t Target) exchangeBroke(ctx context.Context, err error) Result {
	if mismatch, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok {
		return unknown("key exchange: %v", mismatch)
	}
	result := t.broke(ctx, err)
	result.Reason = clause("key exchange: " + result.Reason)
	return result
}

// algorithmsFor asks for the pinned kinds of key first, so that a server with
// several shows the one that can be compared, and for all others after them,
// so that a key that is gone shows as a changed key. Certificates are left
// out: what is pinned is a key.
func algorithmsFor(pinned []ssh.PublicKey) []string {
	var algorithms []string
	for _, key := range pinned {
		if key.Type() == ssh.KeyAlgoRSA {
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		} else {
			algorithms = append(algorithms, key.Type())
		}
	}
	for _, name := range ssh.SupportedAlgorithms().HostKeys {
		if !strings.Contains(name, "-cert-") && !slices.Contains(algorithms, name) {
			algorithms = append(algorithms, name)
		}
	}
	return algorithms
}
