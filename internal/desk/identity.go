package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// Who says which machine a server is. The guard "identity" believes the inventory's
// files, and beside them only what stands here: an engineer's word, the word of
// another engineer, and twice that of the BMC itself. Whoever has replaced the
// hardware is neither of the two.

// maxClaims bounds what a link may add to a server's record.
const maxClaims = 10

// ProposeIdentity is an engineer's word that a server is another machine now. The
// serial number is the one that was read off the machine, and seen is what its BMC
// says of itself at this moment: they must be the same, and so must the UUID, if one
// was given. filed is the server by the inventory's files alone.
func ProposeIdentity(record *incident.Incident, inv *inventory.Inventory, filed inventory.Server, by inventory.Person, read, seen inventory.Machine) ([]incident.Payload, error) {
	d := record.Identity
	now := inventory.Machine{Serial: strings.TrimSpace(seen.Serial), UUID: strings.ToLower(strings.TrimSpace(seen.UUID))}
	if read.UUID == "" {
		read.UUID = now.UUID
	}
	switch {
	case !by.Has(inventory.Engineer):
		return nil, ErrRole
	case claimedBy(d, by.Name):
		return nil, fmt.Errorf("identity: %w: you say that it was replaced, so two others must agree", ErrRole)
	case filed.BMC == nil:
		return nil, fmt.Errorf("identity: %w: it has no BMC that could say which machine it is", ErrIncomplete)
	case serial(read.Serial) == "":
		return nil, fmt.Errorf("identity: %w: the serial number, as it was read off the machine", ErrIncomplete)
	case !read.Same(now):
		return nil, fmt.Errorf("identity: %w: its BMC says serial %s, UUID %s", ErrNotNow, now.Serial, now.UUID)
	case !claimsFit(d, now.Serial):
		return nil, fmt.Errorf("identity: %w: on site another serial number was read, %s; settle that first", ErrNotNow, d.Claims[len(d.Claims)-1].Serial)
	case filed.Machine().Same(now):
		return nil, fmt.Errorf("identity: %w: that is the machine which the inventory's files name", ErrNotNow)
	case inv.Unusable(filed.Name, now) != "":
		return nil, fmt.Errorf("identity: %w: %s", ErrNotNow, inv.Unusable(filed.Name, now))
	case d != nil && d.Proposal != nil && !d.Confirmed:
		return nil, fmt.Errorf("identity: %w: %s has proposed something already; confirm it or drop it", ErrNotNow, d.Proposal.By)
	}
	return []incident.Payload{incident.IdentityProposed{
		Proposal: fmt.Sprintf("%s/P%d", record.ID, record.Version+1), Server: filed.Name, Was: incident.Machine(filed.Machine()), Now: incident.Machine(now),
		Seen: incident.Machine(now), BMC: filed.BMC.Address, By: by.Name,
	}}, nil
}

func claimedBy(d *incident.Identity, name string) bool {
	if d != nil {
		for _, c := range d.Claims {
			if c.By == name {
				return true
			}
		}
	}
	return false
}

func claimsFit(d *incident.Identity, number string) bool {
	return d == nil || len(d.Claims) == 0 || strings.EqualFold(strings.TrimSpace(d.Claims[len(d.Claims)-1].Serial), number)
}

// ConfirmIdentity is the second word: another engineer's, to the very proposal that
// they read, while the BMC, asked once more, says the same.
func ConfirmIdentity(record *incident.Incident, inv *inventory.Inventory, filed inventory.Server, by inventory.Person, proposal, hash string, seen inventory.Machine) ([]incident.Payload, error) {
	d := record.Identity
	if !by.Has(inventory.Engineer) {
		return nil, ErrRole
	}
	if d == nil || d.Proposal == nil || d.Confirmed || d.Proposal.Proposal != proposal || d.Proposal.Hash() != hash {
		return nil, fmt.Errorf("identity: %w: that is not what is proposed; look again", ErrNotNow)
	}
	now := inventory.Machine(d.Proposal.Now)
	switch {
	case d.Involved(by.Name):
		return nil, fmt.Errorf("identity: %w: you have said so yourself, so somebody else must confirm it", ErrRole)
	case filed.Machine() != inventory.Machine(d.Proposal.Was) || filed.BMC == nil || filed.BMC.Address != d.Proposal.BMC:
		return nil, fmt.Errorf("identity: %w: the inventory's files have changed since; drop the proposal", ErrNotNow)
	case !seen.Same(now):
		return nil, fmt.Errorf("identity: %w: its BMC now says serial %s, UUID %s", ErrNotNow, seen.Serial, seen.UUID)
	case inv.Unusable(filed.Name, now) != "":
		return nil, fmt.Errorf("identity: %w: %s", ErrNotNow, inv.Unusable(filed.Name, now))
	}
	return []incident.Payload{incident.IdentityConfirmed{Proposal: proposal, Hash: hash, Seen: incident.Machine(now), By: by.Name}}, nil
}

// DropIdentity ends whatever was said of which machine a server is: the files alone
// count again. One engineer or manager may, since nothing is accepted by it that the
// files do not name.
func DropIdentity(record *incident.Incident, by inventory.Person, why string) ([]incident.Payload, error) {
	switch {
	case !leads(by):
		return nil, ErrRole
	case !record.Identity.Open() && (record.Identity == nil || !record.Identity.Confirmed):
		return nil, fmt.Errorf("identity: %w: nothing is said of it", ErrNotNow)
	}
	why, err := said(why, "why")
	if err != nil {
		return nil, err
	}
	return []incident.Payload{incident.IdentityDropped{By: by.Name, Why: why}}, nil
}

// ClaimIdentity adds a claim to a server's record, unless it stands there.
func ClaimIdentity(record *incident.Incident, c incident.IdentityClaimed) ([]incident.Payload, error) {
	if d := record.Identity; d != nil {
		for _, other := range d.Claims {
			if other == c {
				return nil, nil
			}
		}
		if len(d.Claims) >= maxClaims {
			return nil, fmt.Errorf("identity: %w", ErrEnough)
		}
	}
	return []incident.Payload{c}, nil
}

// identityOpen calls the engineers while nobody has settled which machine a server
// is: until then its power is left alone.
func (b *batch) identityOpen() {
	d := b.facts.Incident.Identity
	if !d.Open() {
		return
	}
	topic := fmt.Sprintf("%s%d", incident.IdentityTopic, d.Since.Unix())
	b.attention(topic, "it is not settled which machine "+b.facts.Incident.Subject.Name+" is, and its power is not touched; see /servers/"+b.facts.Incident.Subject.Name)
	again := d.Since.Add(settleWithin)
	if b.facts.Now.Before(again) {
		b.later(again)
		return
	}
	b.attention(topic+"-late", fmt.Sprintf("for %v nobody has settled which machine %s is", settleWithin, b.facts.Incident.Subject.Name))
}

// settleWithin is how long two engineers may take before the managers hear of it.
const settleWithin = time.Hour
