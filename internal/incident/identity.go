package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// Machine is what tells one machine from every other.
type Machine struct {
	Serial string `json:"serial"`
	UUID   string `json:"uuid"`
}

// IdentityClaimed says that a server's hardware was replaced, so that it is no
// longer the machine of the inventory. It is a claim and changes nothing but that
// no power command is sent to that server until an engineer has dealt with it.
// Like all that follows it stands on the server's own record, which is never
// closed.
type IdentityClaimed struct {
	Server   string `json:"server"`
	Serial   string `json:"serial"` // as read off the new machine
	Incident string `json:"incident,omitempty"`
	Order    string `json:"order,omitempty"`
	By       string `json:"by"`
}

func (IdentityClaimed) Kind() Kind { return "identity_claimed" }
func (p IdentityClaimed) Text() string {
	return sentence("%s says that %s is another machine now, serial %q (%s). Its power is not touched until engineers have settled that.", p.By, p.Server, p.Serial, p.Incident)
}

// IdentityProposed is the first of two eyes: an engineer's word that a server is
// another machine now, and what its BMC said of itself at that moment.
type IdentityProposed struct {
	Proposal string  `json:"proposal"`
	Server   string  `json:"server"`
	Was      Machine `json:"was"` // by the inventory's files
	Now      Machine `json:"now"`
	Seen     Machine `json:"seen"` // what the BMC said; the same as Now, or there is no proposal
	BMC      string  `json:"bmc"`  // its address
	By       string  `json:"by"`
}

func (IdentityProposed) Kind() Kind { return "identity_proposed" }
func (p IdentityProposed) Text() string {
	return sentence("%s proposes that %s is serial %s, UUID %s from now on (until now %s, %s); its BMC at %s says the same. Somebody else must confirm it (%s).",
		p.By, p.Server, p.Now.Serial, p.Now.UUID, p.Was.Serial, p.Was.UUID, p.BMC, p.Proposal)
}

// Hash is what a confirmation is bound to: every word of the proposal.
func (p IdentityProposed) Hash() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic("incident: plain data always encodes: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// IdentityConfirmed is the second of two eyes: another engineer's word, with what
// the BMC said when it was asked again.
type IdentityConfirmed struct {
	Proposal string  `json:"proposal"`
	Hash     string  `json:"hash"` // [IdentityProposed.Hash]
	Seen     Machine `json:"seen"`
	By       string  `json:"by"`
}

func (IdentityConfirmed) Kind() Kind { return "identity_confirmed" }
func (p IdentityConfirmed) Text() string {
	return sentence("%s confirms %s: the BMC says serial %s, UUID %s. The inventory's file must be changed.", p.By, p.Proposal, p.Seen.Serial, p.Seen.UUID)
}

// IdentityDropped ends a claim, a proposal, or what was confirmed: from then on
// the inventory's files alone say who the server is.
type IdentityDropped struct {
	By  string `json:"by"` // [Piket] when the file says the same by now
	Why string `json:"why"`
}

func (IdentityDropped) Kind() Kind { return "identity_dropped" }
func (p IdentityDropped) Text() string {
	return sentence("The inventory's files alone say who it is (%s): %s.", p.By, p.Why)
}

// Identity is what people have said of who a server is, apart from the
// inventory's files.
type Identity struct {
	Claims    []IdentityClaimed // that no engineer has dealt with
	Proposal  *IdentityProposed // nil when nothing was proposed
	Confirmed bool              // it is proposed and confirmed, and holds until the file says the same
	By        string            // who confirmed it
	At        time.Time         // when
	Since     time.Time         // when the first word came of what is open
}

// IdentityTopic, and the moment in seconds, calls for the engineers who settle
// what a server is.
const IdentityTopic = "identity-"

// Open reports whether people have not settled who the server is.
func (d *Identity) Open() bool {
	return d != nil && (len(d.Claims) > 0 || d.Proposal != nil && !d.Confirmed)
}

// Confirms reports whether two people have said that a server which was one machine
// is another now.
func (d *Identity) Confirms(was, now Machine) bool {
	return d != nil && d.Confirmed && d.Proposal.Was == was && d.Proposal.Now == now
}

// Involved reports whether a person has claimed or proposed what is open.
func (d *Identity) Involved(name string) bool {
	if d == nil {
		return false
	}
	claimed := slices.ContainsFunc(d.Claims, func(c IdentityClaimed) bool { return c.By == name })
	return claimed || d.Proposal != nil && d.Proposal.By == name
}

// identity books who a server is. Both eyes are asked for here as well: whatever
// was written by whom, one person alone changes nothing.
func (i *Incident) identity(e Event) {
	now := Identity{}
	if i.Identity != nil {
		now = *i.Identity
	}
	switch p := e.Payload.(type) {
	case IdentityClaimed:
		now.Claims = append(slices.Clone(now.Claims), p)
	case IdentityProposed:
		if p.By == "" || p.Seen != p.Now || now.claimedBy(p.By) {
			return
		}
		now.Proposal, now.Confirmed, now.By = &p, false, ""
	case IdentityConfirmed:
		d := now.Proposal
		if d == nil || now.Confirmed || p.By == "" || now.Involved(p.By) || p.Proposal != d.Proposal || p.Hash != d.Hash() || p.Seen != d.Now {
			return
		}
		now.Claims, now.Confirmed, now.By, now.At = nil, true, p.By, e.At
	case IdentityDropped:
		now = Identity{}
	}
	if !now.Open() {
		now.Since = time.Time{}
		maps.DeleteFunc(i.Attentions, func(topic string, _ time.Time) bool { return strings.HasPrefix(topic, IdentityTopic) })
	} else if now.Since.IsZero() {
		now.Since = e.At
	}
	i.Identity = &now
}

func (d *Identity) claimedBy(name string) bool {
	return slices.ContainsFunc(d.Claims, func(c IdentityClaimed) bool { return c.By == name })
}
