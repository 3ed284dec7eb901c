package mailbox

import (
	"net/netip"
	"time"

	"github.com/spinware/piket/internal/secret"
)

// Config says where mail comes in. The zero Config takes none.
type Config struct {
	Address  string        `yaml:"address"` // host:port of the IMAP server
	Username string        `yaml:"username"`
	Password secret.Ref    `yaml:"password,secret"`
	TLS      string        `yaml:"tls"` // "tls", "starttls" or "none"
	CAFile   string        `yaml:"ca_file,path"`
	Folder   string        `yaml:"folder"`
	Done     string        `yaml:"done"` // the folder to which a mail is moved once it is taken; "" to mark it where it is
	Poll     time.Duration `yaml:"poll"` // how often is looked, also while the server tells of new mail by itself
	Listen   Listen        `yaml:"listen"`
}

// Listen says where mail is taken by SMTP. The zero Listen takes none.
type Listen struct {
	Address    string         `yaml:"address"`    // ADDRESS:PORT
	Recipients []string       `yaml:"recipients"` // who is written to; nobody else's mail is taken
	Networks   []netip.Prefix `yaml:"networks"`   // who may connect
}

// Default is what a configuration that says nothing means.
var Default = Config{
	TLS: "tls", Folder: "INBOX", Poll: time.Minute,
	Listen: Listen{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}},
}

// Reads reports whether there is a mailbox to read.
func (c Config) Reads() bool { return c.Address != "" }

// same reports whether two configurations lead to the same mailbox.
func (c Config) same(d Config) bool {
	return c.Address == d.Address && c.Username == d.Username && c.Password == d.Password && c.TLS == d.TLS && c.CAFile == d.CAFile &&
		c.Folder == d.Folder && c.Done == d.Done && c.Poll == d.Poll
}
