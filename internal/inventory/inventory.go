// Package inventory is what piket knows of the world before anything breaks:
// sites, racks, servers, their BMCs and services, customers, people and teams.
// It is the only source of addresses, identities and commands; an alert can
// look things up in it and nothing else.
//
//	inv, err := inventory.Load("inventory.yml")
//	server, ok := inv.Server("web-07")
//
// A mistake in the files is reported with its place, together with all others.
package inventory

import (
	"slices"
	"time"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/yamlpos"
)

// Inventory is read only once it is loaded, and replaced whole. Make one with
// [Load] or [New]; lookups on any other find nothing.
type Inventory struct {
	Sites     []Site     `yaml:"sites"`
	Servers   []Server   `yaml:"servers"`
	Customers []Customer `yaml:"customers"`
	People    []Person   `yaml:"people"`
	Teams     []Team     `yaml:"teams"`

	Vendors    []Vendor      `yaml:"vendors"`
	References []Reference   `yaml:"references"`
	Windows    []Maintenance `yaml:"maintenance"`

	lookup lookup
	worn   *worn // of one that [Inventory.On] made

	restated map[string]Restated // by server; of one that [Inventory.Restate] made
}

// Site is one datacenter.
type Site struct {
	Name        string       `yaml:"name,required"`
	Title       string       `yaml:"title"`
	Gateway     *Endpoint    `yaml:"gateway"`      // answers when the path to the site is there
	StatusPage  *StatusPage  `yaml:"status_page"`  // what the provider itself announces
	RemoteHands *RemoteHands `yaml:"remote_hands"` // who is sent when nothing else helps
	Feeds       []Feed       `yaml:"feeds"`
	Racks       []Rack       `yaml:"racks"`
}

// Feed is one supply of power. What hangs on it goes with it. Its name is
// unique in the whole inventory.
type Feed struct {
	Name  string `yaml:"name,required"`
	Title string `yaml:"title"`
}

// Reference is something that piket does not look after and that answers as
// long as piket itself can see: when references fail, what looks dead is not.
type Reference struct {
	Name  string   `yaml:"name,required"`
	Side  string   `yaml:"side,required"` // of piket's own uplink: [Near] or [Far]
	Probe Endpoint `yaml:"probe,required"`
}

// The sides of piket's own uplink. Near is its own network: a gateway, a
// resolver. Far is beyond: what others run.
const (
	Near = "near"
	Far  = "far"
)

// Rack stands on one site. Its name is unique in the whole inventory.
type Rack struct {
	Name string `yaml:"name,required"`
	Room string `yaml:"room"`

	Feeds []string `yaml:"feeds"` // that its servers hang on, each on all of them
}

// Endpoint is something a probe can ask, or, for a heartbeat, something that
// calls. Which keys go with which check stands in check_endpoint.go.
type Endpoint struct {
	Check   string `yaml:"check,required"` // one of Checks
	Address string `yaml:"address"`        // host, or host:port; a server's own address when empty
	URL     string `yaml:"url"`            // for http
	CAFile  string `yaml:"ca_file"`        // for https and tls: who vouches, instead of the system's list

	Status      []int  `yaml:"status"`       // for http: what counts as well; 200 to 299 when empty
	Expect      string `yaml:"expect"`       // for http: text that the page must contain; for dns: a record that must be among the answers
	ExpectRegex string `yaml:"expect_regex"` // for http: RE2 pattern that must match somewhere in the page
	Redirects   bool   `yaml:"redirects"`    // for http: follow them, on the same host
	CertWarn    int    `yaml:"cert_warn"`    // for https and tls: days left below which the reason says so; 0 means the probe's default
	ServerName  string `yaml:"server_name"`  // for tls: the name to ask for and to find in the certificate; the address's host when empty

	Query string `yaml:"query"` // for dns: the name to ask for
	Type  string `yaml:"type"`  // for dns: one of QueryTypes; A when empty

	Every time.Duration `yaml:"every"`        // for heartbeat: how often it calls
	Token secret.Ref    `yaml:"token,secret"` // for heartbeat: bearer token of the caller

	Command []string `yaml:"command"` // for exec: an absolute path and its arguments, with CommandPlaceholders
}

// StatusPage is the page on which a provider announces outages.
type StatusPage struct {
	URL        string              `yaml:"url,required"` // the page's address, or that of the document in which a machine reads it
	Format     string              `yaml:"format"`       // one of PageFormats; recognised when ""
	Component  string              `yaml:"component"`    // the component, group or location that stands for this site; "" means any
	Components map[string][]string `yaml:"components"`   // component → racks of this site that it stands for
	CAFile     string              `yaml:"ca_file"`
}

// Server is one machine. Serial and UUID are what its BMC must answer before
// anything that cuts power is sent.
type Server struct {
	Name      string    `yaml:"name,required"`
	Title     string    `yaml:"title"`
	Site      string    `yaml:"site"` // follows from rack when that is given
	Rack      string    `yaml:"rack"`
	Unit      int       `yaml:"unit"` // height unit in the rack, 0 when not known
	Address   string    `yaml:"address,required"`
	Aliases   []string  `yaml:"aliases"` // other values by which alerts name it, such as 192.0.2.17:9100
	Reachable *Endpoint `yaml:"reachable"`
	Serial    string    `yaml:"serial"`
	AssetTag  string    `yaml:"asset_tag"` // of the company's own books
	UUID      string    `yaml:"uuid"`
	BMC       *BMC      `yaml:"bmc"`
	SSH       *SSH      `yaml:"ssh"`
	Services  []Service `yaml:"services"`
	Customers []string  `yaml:"customers"`
	Model     string    `yaml:"model"`
	Feeds     []string  `yaml:"feeds"` // those of its rack when empty; one of them is enough to run

	Protected    bool   `yaml:"protected"`     // two people agree before piket touches it, whatever it has earned
	ProtectedWhy string `yaml:"protected_why"` // what hangs on it: piket's own host, its database, a gateway …

	Data string `yaml:"data"` // of customers on its own disks: [DataLocal], which is what "" means, or [DataNone]
}

// What customers have on a server's own disks. Whoever says nothing has said that
// there is something: a disk that was wiped does not come back.
const (
	DataLocal = "local"
	DataNone  = "none" // its disks may be wiped; what customers have is elsewhere
)

// Wipeable reports whether the server's disks may be wiped at all: the inventory
// says that no data of customers is on them, and nothing else protects it.
func (s Server) Wipeable() bool { return s.Data == DataNone && !s.Protected }

// BMC is the management controller of one server.
type BMC struct {
	Protocol    string     `yaml:"protocol,required"` // "redfish" or "ipmi"
	Address     string     `yaml:"address,required"`
	Port        int        `yaml:"port"` // 443 for redfish, 623 for ipmi when 0
	Username    string     `yaml:"username,required"`
	Password    secret.Ref `yaml:"password,secret,required"`
	CAFile      string     `yaml:"ca_file"`      // for redfish: who vouches, instead of the system's list
	CipherSuite int        `yaml:"cipher_suite"` // for ipmi: exactly one, 17 when 0
	System      string     `yaml:"system"`       // for redfish: name of the system on a BMC that has several
}

// SSH is how to run a command on the server.
type SSH struct {
	Address  string     `yaml:"address"` // the server's own when empty
	Port     int        `yaml:"port"`    // 22 when 0
	User     string     `yaml:"user,required"`
	Key      secret.Ref `yaml:"key,secret,required"`
	HostKeys []string   `yaml:"host_keys,required"` // "ssh-ed25519 AAAA…": any other key is refused
}

// Service is what the server is there for.
type Service struct {
	Name  string   `yaml:"name,required"`
	Unit  string   `yaml:"unit"` // systemd unit, for ${service.unit}
	Probe Endpoint `yaml:"probe,required"`
}

// Customer is told when a service of theirs is gone.
type Customer struct {
	Name      string   `yaml:"name,required"`
	Title     string   `yaml:"title"`
	Language  string   `yaml:"language"` // "nl" or "en"; "en" when empty
	Email     []string `yaml:"email"`
	Telephone string   `yaml:"telephone"`
	Notify    Notify   `yaml:"notify"`
}

// Person may be on duty, approve, take reports, or read.
type Person struct {
	Name      string     `yaml:"name,required"`
	Title     string     `yaml:"title"`
	Email     string     `yaml:"email"`
	Telephone string     `yaml:"telephone"`
	Roles     []Role     `yaml:"roles"`
	Password  secret.Ref `yaml:"password_hash,secret"` // bcrypt, for the page
	Token     secret.Ref `yaml:"token,secret"`         // bearer token, for the CLI and API
	Calendar  int        `yaml:"calendar"`             // edition of the links to their calendars: another number ends the old ones
}

// Role says what a person may do. Everybody who is signed in may read.
type Role string

// The roles.
const (
	Engineer Role = "engineer" // may do everything: acknowledge, approve, close, freeze
	Manager  Role = "manager"  // the incident manager [4.1]: may report, note, judge and close, and freeze and thaw
	Support  Role = "support"  // may report, note and judge, and say what came of calls and work orders

	Communications Role = "communications" // the communications manager [4.3]: lets updates go, and telephones
)

// Roles lists every role.
var Roles = []Role{Engineer, Manager, Support, Communications}

func roleWords() []string {
	words := make([]string, len(Roles))
	for i, role := range Roles {
		words[i] = string(role)
	}
	return words
}

// Has reports whether a person has one of some roles.
func (p Person) Has(roles ...Role) bool {
	return slices.ContainsFunc(p.Roles, func(r Role) bool { return slices.Contains(roles, r) })
}

// OnDutyPeople is the word by which a runbook asks whoever is on duty in the
// incident's team. No person and no team can be called so.
const OnDutyPeople = "on-duty"

// Team is who an incident is assigned to. Whose turn it is by the Rotation is
// asked first, then those OnDuty one after the other, in their order; then
// everybody else of the team.
type Team struct {
	Name     string    `yaml:"name,required"`
	Title    string    `yaml:"title"`
	Members  []string  `yaml:"members,required"`
	OnDuty   []string  `yaml:"on_duty"`
	Rotation *Rotation `yaml:"rotation"`

	// Receivers are told what the team is paged about, beside its people: names
	// of the configuration's receivers, which the inventory does not know.
	Receivers []string `yaml:"receivers"`

	receiversAt []yamlpos.Pos

	EscalateAfter time.Duration `yaml:"escalate_after"` // from asking one to asking the next; DefaultEscalateAfter when 0
}

// What an empty field means.
const (
	// DefaultRedfishPort and DefaultIPMIPort are the registered ports.
	DefaultRedfishPort = 443
	DefaultIPMIPort    = 623
	DefaultSSHPort     = 22
	DefaultDNSPort     = 53
	// DefaultCipherSuite is RAKP-HMAC-SHA256 with AES-CBC-128; suite 3 (SHA-1)
	// must be asked for, and 0 is refused.
	DefaultCipherSuite = 17
	DefaultLanguage    = "en"
	// DefaultEscalateAfter is what a pager leaves somebody to wake up and answer.
	DefaultEscalateAfter = 5 * time.Minute
)
