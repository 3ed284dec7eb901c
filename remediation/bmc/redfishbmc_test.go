package bmc_test

import (
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/spinware/piket/internal/inventory"
)

// redfishBMC is a management controller on loopback that speaks Redfish over
// TLS. It logs every write that arrives, and carries out what it accepts.
type redfishBMC struct {
	t      *testing.T
	server *httptest.Server
	mu     sync.Mutex
	state  string
	serial string
	uuid   string
	offers []string
	writes []string                    // reset types, as they arrived
	reply  func(w http.ResponseWriter) // instead of 204 to a reset
	before func(r *http.Request)       // sees each request first
	extra  map[string]map[string]any   // further systems, by path
	more   map[string]any              // what the systems have beside power and identity
	tree   map[string]http.HandlerFunc // further resources, by path
	pages  bool                        // takes $top and $skip
	root   map[string]any              // what the service root has beside systems
}

const systemPath = "/redfish/v1/Systems/1"

// startRedfish runs a BMC; without a certificate it has that of httptest.
func startRedfish(t *testing.T, certificates ...tls.Certificate) *redfishBMC {
	t.Helper()
	b := &redfishBMC{t: t, state: "On", serial: serial, uuid: uuid, offers: []string{"On", "ForceOff", "GracefulShutdown", "ForceRestart"}}
	b.server = httptest.NewUnstartedServer(b)
	b.server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are part of the tests
	b.server.TLS = &tls.Config{Certificates: certificates}
	b.server.StartTLS()
	t.Cleanup(b.server.Close)
	return b
}

// inventory returns b as an inventory has it.
func (b *redfishBMC) inventory() *inventory.BMC {
	b.t.Helper()
	host, port, err := net.SplitHostPort(b.server.Listener.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		b.t.Fatal(err)
	}
	return &inventory.BMC{
		Protocol: "redfish", Address: host, Port: number,
		Username: username, Password: secretFile(b.t, password), CAFile: b.caFile(),
	}
}

func (b *redfishBMC) caFile() string {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.server.Certificate().Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func (b *redfishBMC) received() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.writes...)
}

// set changes the BMC while it serves.
func (b *redfishBMC) set(change func(*redfishBMC)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// onRequest lets f see every request before it is answered.
func (b *redfishBMC) onRequest(f func(*http.Request)) { b.set(func(b *redfishBMC) { b.before = f }) }

// onReset lets f answer what arrives as a reset.
func (b *redfishBMC) onReset(f func(http.ResponseWriter)) { b.set(func(b *redfishBMC) { b.reply = f }) }

// addSystem puts a second system beside the first.
func (b *redfishBMC) addSystem(name string) {
	const path = "/redfish/v1/Systems/2"
	b.set(func(b *redfishBMC) { b.extra = map[string]map[string]any{path: b.system(path, name, "SN-2", uuid)} })
}

// services gives the service root what the JSON says.
func (b *redfishBMC) services(text string) {
	b.t.Helper()
	b.set(func(b *redfishBMC) {
		if err := json.Unmarshal([]byte(text), &b.root); err != nil {
			b.t.Fatal(err)
		}
	})
}

func (b *redfishBMC) setState(state string) { b.set(func(b *redfishBMC) { b.state = state }) }

func (b *redfishBMC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	before := b.before
	b.mu.Unlock()
	if before != nil {
		before(r)
	}
	if r.URL.Path == "/redfish/v1/" { // the service root is public
		root := map[string]any{"@odata.id": r.URL.Path, "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot", "Id": "RootService",
			"ProtocolFeaturesSupported": map[string]bool{"TopSkipQuery": b.pages},
			"RedfishVersion":            "1.17.0", "Systems": map[string]string{"@odata.id": "/redfish/v1/Systems"}}
		maps.Copy(root, b.root)
		b.send(w, root)
		return
	}
	if user, pass, _ := r.BasicAuth(); user != username || pass != password {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error": {"message": "no, %s"}}`, pass) // some controllers quote what they were sent
		return
	}
	if r.Method == http.MethodPost {
		b.reset(w, r)
		return
	}
	b.mu.Lock()
	serve := b.tree[r.URL.Path]
	b.mu.Unlock()
	if serve == nil {
		serve = b.read
	}
	serve(w, r)
}

func (b *redfishBMC) read(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	members := []map[string]string{{"@odata.id": systemPath}}
	for path := range b.extra {
		members = append(members, map[string]string{"@odata.id": path})
	}
	switch {
	case r.URL.Path == "/redfish/v1/Systems":
		b.send(w, map[string]any{"@odata.id": r.URL.Path, "@odata.type": "#ComputerSystemCollection.ComputerSystemCollection",
			"Members@odata.count": len(members), "Members": members})
	case r.URL.Path == systemPath:
		b.send(w, b.system(systemPath, "Server", b.serial, b.uuid))
	case b.extra[r.URL.Path] != nil:
		b.send(w, b.extra[r.URL.Path])
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (b *redfishBMC) system(path, name, serial, uuid string) map[string]any {
	sys := map[string]any{
		"@odata.id": path, "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem", "Id": "1", "Name": name,
		"SerialNumber": serial, "UUID": uuid, "PowerState": b.state,
		"Actions": map[string]any{"#ComputerSystem.Reset": map[string]any{
			"target": path + "/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": b.offers,
		}},
	}
	maps.Copy(sys, b.more)
	return sys
}

func (b *redfishBMC) reset(w http.ResponseWriter, r *http.Request) {
	var body struct{ ResetType string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		b.t.Errorf("body of a reset: %v", err)
	}
	b.mu.Lock()
	b.writes = append(b.writes, r.URL.Path+" "+body.ResetType)
	reply := b.reply
	b.mu.Unlock()
	if reply != nil {
		reply(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *redfishBMC) send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		b.t.Logf("answer: %v", err) // the client may have gone
	}
}
