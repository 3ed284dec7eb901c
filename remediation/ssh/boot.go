package ssh

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
)

// The commands of a look. They are fixed, and change nothing. "who -b" tells
// when the machine booted, by which one knows that it keeps a list of who is
// logged in at all: a list that is not kept looks like one that is empty. The
// words are those of the C locale, whatever the account's is.
const (
	askBoot  = "cat /proc/sys/kernel/random/boot_id /proc/uptime"
	askUsers = "env LC_ALL=C who -b -u"
)

// Bounds of what a look takes.
const (
	maxLookBytes = 16 << 10
	maxUsers     = 100
	maxNamed     = 5 // users in the fact "who"
)

// Boot asks the server of t, over one connection and with its pinned host key,
// which boot it runs in and who is logged in. It only reads. Fact "id" is the
// kernel's boot id, which is new with every boot; "uptime" how many seconds ago
// it began; "users" how many are logged
// in, and "who" names them. Facts of users are absent where the machine keeps
// no list of them (no utmp) or does not show it.
//
// Up means that the boot id was read; anything else is Unknown, because a look
// that did not succeed is no evidence of anything. Trying again makes sense.
func Boot(ctx context.Context, t probes.Target) probes.Result {
	timeout := t.Timeout
	if timeout == 0 {
		timeout = probes.DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client, err := dial(ctx, inventory.Server{Name: t.Name, Address: t.Address, SSH: t.SSH})
	if err != nil {
		return unsure(err)
	}
	defer func() { _ = client.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // see execute
	defer stop()
	said, err := read(ctx, client, askBoot)
	if err != nil {
		return unsure(fmt.Errorf("the boot id was not read: %w", err))
	}
	id, uptime, err := parseBoot(said)
	if err != nil {
		return unsure(err)
	}
	result := probes.Result{State: probes.Up, Reason: "runs in boot " + id, Facts: map[string]any{"id": id, "uptime": uptime}}
	users, err := loggedIn(ctx, client)
	if err != nil {
		result.Evidence = []string{remediation.Clause("who is logged in is not known: "+err.Error(), maxReason)}
		return result
	}
	result.Facts["users"], result.Facts["who"] = len(users), named(users)
	if len(users) > 0 {
		result.Reason += "; logged in: " + named(users)
	}
	return result
}

func unsure(err error) probes.Result {
	return probes.Result{State: probes.Unknown, Reason: remediation.Clause(err.Error(), maxReason)}
}

func loggedIn(ctx context.Context, client *ssh.Client) ([]string, error) {
	said, err := read(ctx, client, askUsers)
	if err != nil {
		return nil, err
	}
	return parseWho(said)
}

// read returns what a command printed that ended well.
func read(ctx context.Context, client *ssh.Client, command string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", errors.New("the server opens no session for a command")
	}
	defer func() { _ = session.Close() }()
	out := &beginning{}
	session.Stdout = out
	err = session.Run(command)
	var exit *ssh.ExitError
	switch {
	case ctx.Err() != nil:
		return "", errors.New("no answer in time")
	case errors.As(err, &exit):
		return "", fmt.Errorf("the command ended with status %d", exit.ExitStatus())
	case err != nil:
		return "", errors.New("the connection broke off")
	case out.over:
		return "", fmt.Errorf("the answer is larger than %d kB", maxLookBytes>>10)
	}
	return string(out.kept), nil
}

// beginning keeps the first maxLookBytes of what is written to it.
type beginning struct {
	kept []byte
	over bool
}

// Write never holds the command up.
func (b *beginning) Write(p []byte) (int, error) {
	room := maxLookBytes - len(b.kept)
	b.over = b.over || len(p) > room
	b.kept = append(b.kept, p[:min(len(p), room)]...)
	return len(p), nil
}

var bootForm = regexp.MustCompile(`\A([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n([0-9]{1,10}\.[0-9]{2}) [0-9.]{1,20}\n?\z`)

// parseBoot takes one UUID, the seconds since the start and nothing else: an
// account with a command forced upon it, or a shell that greets, answers
// something else.
func parseBoot(said string) (id string, uptime float64, err error) {
	found := bootForm.FindStringSubmatch(said)
	if found == nil {
		return "", 0, errors.New("what the server answers is no boot id: its account may be bound to another command")
	}
	uptime, err = strconv.ParseFloat(found[2], 64)
	return found[1], uptime, err
}

var (
	userForm = regexp.MustCompile(`\A[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}\z`)
	lineForm = regexp.MustCompile(`\A[A-Za-z0-9_/:.?-]{1,32}\z`)
)

// parseWho reads what "who -b -u" prints:
//
//	         system boot  Nov 23 02:10
//	anna     pts/0        Nov 23 02:40 00:01        1204 (192.0.2.40)
func parseWho(said string) (users []string, err error) {
	kept := false
	for line := range strings.Lines(said) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case len(words) > 2 && strings.HasPrefix(line, " ") && words[0] == "system" && words[1] == "boot":
			kept = true
			continue
		}
		user, ok := parseUser(words)
		if !ok || len(users) == maxUsers {
			return nil, errors.New("what the server answers is no list of who is logged in")
		}
		users = append(users, user)
	}
	if !kept {
		return nil, errors.New("the server keeps no list of who is logged in")
	}
	return users, nil
}

// parseUser reads one line: a name, a terminal, when, how long idle, a process
// and perhaps from where.
func parseUser(words []string) (string, bool) {
	const least = 6
	from := ""
	if last := len(words) - 1; last > 0 && strings.HasPrefix(words[last], "(") && strings.HasSuffix(words[last], ")") {
		from, words = strings.Trim(words[last], "()"), words[:last]
	}
	if len(words) < least || !userForm.MatchString(words[0]) || !lineForm.MatchString(words[1]) {
		return "", false
	}
	if _, err := strconv.ParseUint(words[len(words)-1], 10, 32); err != nil {
		return "", false
	}
	user := words[0] + " on " + words[1]
	if from != "" {
		user += " from " + from
	}
	return remediation.Clause(user, maxTail), true
}

// named lists who is logged in, for a person.
func named(users []string) string {
	shown := slices.Clone(users[:min(len(users), maxNamed)])
	if rest := len(users) - len(shown); rest > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", rest))
	}
	return remediation.Clause(strings.Join(shown, ", "), maxReason)
}
