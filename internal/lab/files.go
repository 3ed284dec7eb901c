package lab

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	_ "embed"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/ssh"
)

// Where the files lie, below Options.Dir.
const (
	inventoryFile = "inventory.yml"
	caFile        = "lab-ca.pem"
	sshKeyFile    = "secrets/ssh_key"
)

//go:embed inventory.yml.tmpl
var inventoryText string

// inventoryTemplate quotes the way Go does, not YAML: for the plain letters of
// the plan the two are the same.
var inventoryTemplate = template.Must(template.New("inventory").Funcs(template.FuncMap{
	"list": func(words []string) string { return "[" + strings.Join(words, ", ") + "]" },
}).Parse(inventoryText))

// InventoryFile is the path of the inventory that describes this datacenter.
func (d *Datacenter) InventoryFile() string { return filepath.Join(d.dir, inventoryFile) }

// CAFile is the path of the certificate that vouches for the controllers.
func (d *Datacenter) CAFile() string { return filepath.Join(d.dir, caFile) }

// PasswordFile is the path of the password with which a person of the plan signs
// in to the page.
func (d *Datacenter) PasswordFile(person string) string {
	return filepath.Join(d.dir, "secrets", person+".password")
}

// TokenFile is the path of the bearer token of a person of the plan.
func (d *Datacenter) TokenFile(person string) string {
	return filepath.Join(d.dir, "secrets", person+".token")
}

// writeFiles leaves everything that piket needs to know in the directory,
// readable by nobody else.
func (d *Datacenter) writeFiles() error {
	key, err := d.newUserKey()
	if err != nil {
		return err
	}
	files := map[string][]byte{caFile: d.ca.pem(), sshKeyFile: key}
	for _, s := range d.servers {
		files["secrets/"+s.Name+".bmc"] = []byte(s.password + "\n")
	}
	for _, p := range personPlans {
		password := newPassword()
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost) // a password of 80 random bits needs no stretching
		if err != nil {
			return fmt.Errorf("hash the password of %s: %w", p.Name, err)
		}
		files["secrets/"+p.Name+".password"] = []byte(password + "\n")
		files["secrets/"+p.Name+".hash"] = append(hash, '\n')
		files["secrets/"+p.Name+".token"] = []byte(rand.Text() + "\n")
	}
	if files[inventoryFile], err = d.inventory(); err != nil {
		return err
	}
	return d.write(files)
}

func (d *Datacenter) write(files map[string][]byte) error {
	if err := os.MkdirAll(filepath.Join(d.dir, "secrets"), 0o700); err != nil {
		return fmt.Errorf("make the lab's directory: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), content, 0o600); err != nil {
			return fmt.Errorf("write the lab's files: %w", err)
		}
	}
	return nil
}

// newUserKey makes the one key that may log in to the servers.
func (d *Datacenter) newUserKey() ([]byte, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the SSH key: %w", err)
	}
	if d.userKey, err = ssh.NewPublicKey(public); err != nil {
		return nil, fmt.Errorf("make the SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, sshUser)
	if err != nil {
		return nil, fmt.Errorf("write the SSH key: %w", err)
	}
	return pem.EncodeToMemory(block), nil
}

// inventory writes the plan as piket's inventory file.
func (d *Datacenter) inventory() ([]byte, error) {
	type described struct {
		serverPlan
		UUID, HostKey, Protocol           string
		BMCPort, SSHPort, ServicePort     int
		CAFile, KeyFile, BMCUser, SSHUser string
	}
	type place struct {
		sitePlan
		GatewayPort int
		PageAddress string
	}
	var world struct {
		References []reference

		Sites     []place
		Servers   []described
		Customers []customerPlan
		People    []personPlan
		Teams     []teamPlan
	}
	world.References = d.references
	world.Customers, world.People, world.Teams = customerPlans, personPlans, teamPlans
	for _, p := range d.plan.sites {
		world.Sites = append(world.Sites, place{p, d.sites[p.Name].gatewayPort, d.sites[p.Name].pageAddress})
	}
	for _, name := range d.order {
		s := d.servers[name]
		key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey())))
		world.Servers = append(world.Servers, described{
			serverPlan: s.serverPlan, UUID: s.uuid, HostKey: key, Protocol: s.protocol(),
			BMCPort: s.bmcPort, SSHPort: s.sshPort, ServicePort: s.servicePort,
			CAFile: caFile, KeyFile: sshKeyFile, BMCUser: bmcUser, SSHUser: sshUser,
		})
	}
	var out bytes.Buffer
	if err := inventoryTemplate.Execute(&out, world); err != nil {
		return nil, fmt.Errorf("write the lab's inventory: %w", err)
	}
	return out.Bytes(), nil
}
