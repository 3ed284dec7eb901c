package telephone

import (
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/secret"
)

// Config says how piket telephones. The zero Config telephones nobody.
type Config struct {
	Caller     string              `yaml:"caller"`     // the number that people see
	After      time.Duration       `yaml:"after"`      // from the mail to the first call
	Ring       time.Duration       `yaml:"ring"`       // how long it rings before nobody is there
	Tries      int                 `yaml:"tries"`      // calls to one person about one matter
	Pause      time.Duration       `yaml:"pause"`      // from one to the next
	Lines      int                 `yaml:"lines"`      // calls at the same time
	Priorities []incident.Priority `yaml:"priorities"` // of what rings while nobody has it
	Customers  bool                `yaml:"customers"`  // whether call tasks are tried before people do them
	Speech     []string            `yaml:"speech"`     // the command that speaks; ${language} is filled in
	SIP        SIPConfig           `yaml:"sip"`
	Twilio     TwilioConfig        `yaml:"twilio"`
}

// SIPConfig is a SIP trunk.
type SIPConfig struct {
	Server    string     `yaml:"server,required"` // HOST or HOST:PORT
	Transport string     `yaml:"transport"`       // one of Transports
	CAFile    string     `yaml:"ca_file,path"`
	Domain    string     `yaml:"domain"` // of the addresses; the server's host when empty
	Username  string     `yaml:"username"`
	Password  secret.Ref `yaml:"password,secret"`
	Register  bool       `yaml:"register"` // before each call, for a trunk that wants it
	Address   string     `yaml:"address"`  // of this machine for voice; the one that leads to the server when empty
	Public    string     `yaml:"public_address"`
}

// TwilioConfig is an account with Twilio.
type TwilioConfig struct {
	Account string     `yaml:"account,required"` // AC…
	Token   secret.Ref `yaml:"token,secret,required"`
	URL     string     `yaml:"url"` // of the API
}

// Transports lists how SIP travels.
var Transports = []string{"udp", "tcp", "tls"}

// Default is what a file that says nothing means.
func Default() Config {
	return Config{
		Ring: 30 * time.Second, Tries: 2, Pause: time.Minute, Lines: 4, Priorities: []incident.Priority{incident.P1},
		Speech: []string{"espeak-ng", "--stdin", "--stdout", "-s", "150", "-v", "${language}"},
		SIP:    SIPConfig{Transport: "udp"}, Twilio: TwilioConfig{URL: "https://api.twilio.com"},
	}
}

// Enabled reports whether there is any way to telephone.
func (c Config) Enabled() bool { return c.SIP.Server != "" || c.Twilio.Account != "" }

// policy is what decides who is rung.
func (c Config) policy() Policy {
	return Policy{After: c.After, Pause: c.Pause, Tries: c.Tries, Priorities: c.Priorities, Customers: c.Customers}
}

// maxTalk bounds a conversation, and margin what comes about it afterwards.
const (
	maxTalk = 3 * time.Minute
	margin  = 30 * time.Second
)

// until is when a call that begins now is over, whatever becomes of it.
func (c Config) until(now time.Time) time.Time { return now.Add(c.Ring + maxTalk + margin) }
