package remediation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/runbooks"
)

// plan is exactly what is to be done, to what, and on which facts. Its hash is
// what a person approves.
type plan struct {
	Incident string            `json:"incident"`
	Step     string            `json:"step"`
	Attempt  int               `json:"attempt"`
	Server   string            `json:"server"`
	Serial   string            `json:"serial"`
	UUID     string            `json:"uuid"`
	Action   string            `json:"action"`
	Verb     string            `json:"verb"`
	Boot     string            `json:"boot,omitempty"`
	ISO      string            `json:"iso,omitempty"`
	SHA256   string            `json:"sha256,omitempty"`
	Command  []string          `json:"command"`
	Facts    map[string]string `json:"facts"`
	Policy   string            `json:"policy"`
}

// newPlan fixes what a remedy means right now; why is set when it cannot be
// done.
func newPlan(f Facts, r runbooks.Remedy) (p plan, why string) {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	p = plan{
		Incident: f.Incident.ID, Step: r.ID, Attempt: f.Incident.StepOf(r.ID).Attempts + 1,
		Server: server.Name, Serial: server.Serial, UUID: server.UUID,
		Action: incident.ActionPower, Verb: r.Power, Boot: f.startsFrom(r), Facts: f.essence(), Policy: policyVersion(f),
	}
	switch {
	case r.Power != "":
		return p, ""
	case r.Boot != nil:
		p.Action, p.Verb = incident.ActionBoot, r.Boot.Device
		return p, ""
	case r.Media != nil && server.BMC != nil && server.BMC.Protocol == inventory.IPMI:
		return p, "its BMC speaks IPMI, which knows no virtual drive"
	case r.Media != nil:
		p.Action, p.Verb, p.ISO, p.SHA256 = incident.ActionMedia, incident.MediaInsert, r.Media.ISO, r.Media.SHA256
		return p, ""
	}
	if server.SSH == nil {
		return p, "the inventory has no SSH access for it"
	}
	p.Action = incident.ActionSSH
	command, missing := runbooks.Fill(r.SSH, f.placeholders(server))
	if missing != "" {
		return p, "no " + missing + " is known for what is down"
	}
	p.Command = command
	return p, ""
}

// hash is the SHA-256 of the plan.
func (p plan) hash() string { return digest(p) }

// binding is the plan in the parts that are named when one of them changes.
func (p plan) binding() incident.Binding {
	content := p
	content.Facts, content.Policy = nil, ""
	return incident.Binding{Content: digest(content), Evidence: digest(p.Facts), Policy: p.Policy}
}

// policyVersion is what an approval rests on beside the plan and the evidence:
// the limits, what the inventory says of the server, and the runbook.
func policyVersion(f Facts) string {
	server, _ := f.Inventory.Server(f.Incident.Subject.Name)
	return digest(struct {
		Limits  Limits
		Server  inventory.Server
		Runbook string
	}{f.Limits, server, f.Runbook.Hash})
}

// digest is the SHA-256 of plain data.
func digest(data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		panic("remediation: plain data always encodes: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// intent turns the plan into the event that is written before anything is
// sent.
func (p plan) intent(f Facts, r runbooks.Remedy) incident.Intended {
	server, _ := f.Inventory.Server(p.Server)
	i := incident.Intended{
		Intent: fmt.Sprintf("%s/I%d", f.Incident.ID, f.Incident.Version+1),
		Step:   p.Step, Attempt: p.Attempt, Server: p.Server, Action: p.Action, Verb: p.Verb, Command: p.Command,
		Boot: p.Boot, ISO: p.ISO, SHA256: p.SHA256,
		Runbook: f.Runbook.Name, Class: server.Model, Serial: p.Serial, UUID: p.UUID, PlanHash: p.hash(), Binding: p.binding(),
		NotAfter: f.Now.Add(f.Limits.NotAfter), VerifyBy: f.Now.Add(r.Verify),
		Among: circlesOf(server), Drill: f.Incident.IsDrill(),
	}
	if level := f.trust(r); level.Trust == runbooks.Auto {
		i.Unasked = level.Why
	}
	if a := f.Incident.Approval; a != nil && a.GrantedBy != "" && a.Step == p.Step && a.PlanHash == i.PlanHash {
		i.Approval, i.Agreed = a.Approval, a.Yes
		if a.Expires.Before(i.NotAfter) {
			i.NotAfter = a.Expires // a yes that has run out sends nothing
		}
	}
	return i
}

// words says the plan as a person is asked for it.
func (p plan) words() string {
	return incident.Intended{Action: p.Action, Verb: p.Verb, Boot: p.Boot, ISO: p.ISO, SHA256: p.SHA256, Command: p.Command, Server: p.Server}.What()
}

// essence is what an approval rests on: the states that were found and what
// the BMC and the status page said, without times and counts that never stand
// still.
func (f Facts) essence() map[string]string {
	facts := map[string]string{}
	for _, checks := range [][]incident.Check{f.Diagnosis.Checks, f.Goal.Checks} {
		for _, c := range checks {
			if facts[c.ID] = string(c.State); c.Kind == "vantages" { // who looks along changes; what they see is what counts
				facts[c.ID] = fmt.Sprint("silent for most: ", number(c.Facts["down"])*2 > number(c.Facts["voters"]))
			}
		}
	}
	if power, ok := f.finding("bmc"); ok {
		facts["power"] = fmt.Sprint(power.Facts["state"])
		if facts["starts from"] = "not told"; power.Facts["boot_override"] != nil {
			facts["starts from"] = fmt.Sprint(power.Facts["boot_override"])
		}
	}
	if status, ok := f.finding("statuspage"); ok {
		facts["announced"] = fmt.Sprint(status.Facts["incident"])
	}
	return facts
}

// placeholders are the inventory's values for a command. The service is the
// first of the server's that is down.
func (f Facts) placeholders(server inventory.Server) map[string]string {
	values := map[string]string{"server.name": server.Name}
	services, _ := check(f.Goal.Checks, "services")
	down, _ := services.Facts["down"].(string)
	for _, name := range strings.Split(down, ",") {
		for _, s := range server.Services {
			if s.Name == name && s.Unit != "" {
				values["service.name"], values["service.unit"] = s.Name, s.Unit
				return values
			}
		}
	}
	return values
}
