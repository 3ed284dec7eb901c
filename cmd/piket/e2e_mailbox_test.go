//go:build e2e

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mailWorld is piket between two mail servers of Debian's: aiosmtpd, to which it
// sends, and Dovecot, whose mailbox it reads. There is one server, and it answers.
type mailWorld struct {
	*world
	imap      string // host:port
	spool     string // Dovecot's directory
	owner     int    // of the mails in it
	dovecot   *process
	delivered int
}

// imapPassword is looked for in everything that piket writes.
const imapPassword = "canary-b6d767d2"

// dovecotConf serves one mailbox, over TLS only. %s: directory, address, port,
// certificate, key, password, the accounts.
const dovecotConf = `base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = /dev/stderr
protocols = imap
listen = %[2]s
ssl = required
ssl_cert = <%[4]s
ssl_key = <%[5]s
auth_mechanisms = plain
mail_location = maildir:%[1]s/box
first_valid_uid = 1
default_internal_user = %[7]s
default_internal_group = %[8]s
default_login_user = %[9]s
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = %[3]s
    ssl = yes
  }
}
service anvil {
  chroot =
}
passdb {
  driver = static
  args = password=%[6]s
}
userdb {
  driver = static
  args = uid=%[10]s gid=%[11]s home=%[1]s/home
}
`

const mailWorldConf = `inventory: [inventory.yml]
storage: {path: data}
web: {external_url: "%s"}
mail: {from: piket@piket.example.net, smtp: "%s", tls: starttls, ca_file: "%s"}
mailbox: {address: "%s", username: piket, password_file: imap.password, ca_file: "%s", poll: 15m}
`

const mailWorldInventory = `sites: [{name: ams1, racks: [{name: r1}]}]
servers:
  - {name: web-01, rack: r1, address: 127.0.0.1, reachable: {check: tcp, address: "%s"}, customers: [bakery]}
customers:
  - {name: bakery, title: Bakkerij Voorbeeld, language: nl, email: [office@bakery.example.net]}
  - {name: bikes, title: Example Bikes, language: en, email: [ops@bikes.example.net]}
people:
  - {name: noor, email: noor@piket.example.net, roles: [engineer], token_file: noor.token}
  - {name: sem, email: sem@piket.example.net, roles: [support], token_file: sem.token}
teams:
  - {name: network-and-server, members: [noor], on_duty: [noor]}
`

// newMailWorld builds everything but piket, which can be killed at a point of its
// own.
func newMailWorld(t *testing.T) *mailWorld {
	t.Helper()
	for program, deb := range map[string]string{"/usr/sbin/dovecot": "dovecot-imapd", "aiosmtpd": "python3-aiosmtpd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed: apt-get install %s", program, deb)
		}
	}
	host := fmt.Sprintf("127.%d.%d.1", 64+rand.IntN(128), rand.IntN(256))
	w := &mailWorld{
		world: &world{t: t, dir: t.TempDir(), url: "http://" + host + ":9490", gateway: host + ":9701", mailAddress: host + ":2525"},
		imap:  host + ":2993",
	}
	w.binary = filepath.Join(w.dir, "piket")
	if out, err := exec.Command("go", "build", "-tags", "failpoints", "-o", w.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build piket: %v\n%s", err, out)
	}
	w.mailCert, w.mailKey = certificate(t, w.dir, host)
	w.startGateway()
	w.startMail(t)
	w.makeSpool(t)
	w.startDovecot(t)
	for name, text := range map[string]string{
		"piket.yml":     fmt.Sprintf(mailWorldConf, w.url, w.mailAddress, w.mailCert, w.imap, w.mailCert),
		"inventory.yml": fmt.Sprintf(mailWorldInventory, w.gateway), "imap.password": imapPassword,
		"noor.token": "token-of-noor-8d7d8ee0", "sem.token": "token-of-sem-73feffa4",
	} {
		put(t, filepath.Join(w.dir, name), text)
	}
	return w
}

// nobody owns the mailbox where the test is root, which Dovecot lets own none.
const nobody = 65534

// makeSpool makes the mailbox, where its owner can come to it.
func (w *mailWorld) makeSpool(t *testing.T) {
	t.Helper()
	spool, err := os.MkdirTemp("", "piket-mailbox-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(spool) })
	if w.spool, w.owner = spool, os.Getuid(); w.owner == 0 {
		w.owner = nobody
	}
	if err := os.Chmod(spool, 0o711); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"home", "box", "box/cur", "box/new", "box/tmp"} {
		if err := os.Mkdir(filepath.Join(spool, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		w.give(t, filepath.Join(spool, folder))
	}
}

// give makes a file the mailbox's owner's.
func (w *mailWorld) give(t *testing.T, path string) {
	t.Helper()
	if w.owner != os.Getuid() {
		if err := os.Chown(path, w.owner, w.owner); err != nil {
			t.Fatal(err)
		}
	}
}

// startDovecot runs Dovecot as whoever runs the test.
func (w *mailWorld) startDovecot(t *testing.T) {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	internal, internalGroup, login, gid := me.Username, group.Name, me.Username, me.Gid
	if os.Geteuid() == 0 { // its login processes refuse to be root
		internal, internalGroup, login, gid = "dovecot", "dovecot", "dovenull", strconv.Itoa(nobody)
	}
	host, port, err := net.SplitHostPort(w.imap)
	if err != nil {
		t.Fatal(err)
	}
	conf := put(t, filepath.Join(w.dir, "dovecot.conf"), fmt.Sprintf(dovecotConf, w.spool, host, port,
		w.mailCert, w.mailKey, imapPassword, internal, internalGroup, login, strconv.Itoa(w.owner), gid))
	w.dovecot = startProcess(t, w.dir, "dovecot", "/usr/sbin/dovecot", "-F", "-c", conf)
	until(t, "Dovecot listens", func() bool { return listens(w.imap) })
}

// gets delivers a mail into the mailbox, as a mail server does.
func (w *mailWorld) gets(t *testing.T, fields, body string) {
	t.Helper()
	w.delivered++
	name := fmt.Sprintf("%d.M%d.mx", 1000000000+w.delivered, w.delivered)
	text := fmt.Sprintf("To: piket@piket.example.net\nMessage-ID: <%d@customers.example.net>\nDate: Mon, 05 Jan 2026 03:00:00 +0000\n%s\n%s\n", w.delivered, fields, body)
	from := put(t, filepath.Join(w.spool, "box", "tmp", name), text)
	w.give(t, from)
	if err := os.Rename(from, filepath.Join(w.spool, "box", "new", name)); err != nil {
		t.Fatal(err)
	}
}

// reading waits until piket has read the mailbox to its end.
func (w *mailWorld) reading(t *testing.T) {
	t.Helper()
	until(t, "piket reads the mailbox", func() bool {
		return !w.asks(t, w.url+"/metrics", "\npiket_mailbox_last_read_timestamp_seconds 0\n")
	})
}

// counted waits until piket has taken a mail for what it is.
func (w *mailWorld) counted(t *testing.T, kind, result string) {
	t.Helper()
	until(t, "a mail is "+kind+", "+result, func() bool {
		return w.asks(t, w.url+"/metrics", fmt.Sprintf("piket_mails_received_total{kind=%q,result=%q}", kind, result))
	})
}

// titled returns the numbers of the incidents whose titles hold some words.
func (w *mailWorld) titled(t *testing.T, words string) (ids []string) {
	t.Helper()
	for _, m := range w.list(t) {
		if strings.Contains(m.Title, words) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// headers reads the header of the one mail to somebody whose subject holds some
// words.
func (w *mailWorld) headers(t *testing.T, to, words string) mail.Header {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.maildir(), "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		l := readLetter(t, path)
		if !strings.Contains(l.to, to) || !strings.Contains(l.subject, words) {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		message, err := mail.ReadMessage(file)
		if err != nil {
			t.Fatal(err)
		}
		return message.Header
	}
	t.Fatalf("no mail %q to %s", words, to)
	return nil
}
