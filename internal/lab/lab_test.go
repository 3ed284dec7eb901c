package lab_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/lab"
)

var night = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

const boot = lab.DefaultBoot

// world is a lab on a clock that the test moves.
type world struct {
	*lab.Datacenter
	t   *testing.T
	clk *clock.Clock
	inv *inventory.Inventory
	dir string
}

func start(t *testing.T) *world { return startWith(t, lab.Options{}) }

func startWith(t *testing.T, o lab.Options) *world {
	t.Helper()
	o.Clock, o.Dir = clock.Jumping(night), t.TempDir()
	d, err := lab.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	w := &world{Datacenter: d, t: t, clk: o.Clock, dir: o.Dir}
	if w.inv, err = inventory.Load(d.InventoryFile()); err != nil {
		t.Fatal(err)
	}
	return w
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	<-w.clk.Go(func() { w.clk.Wait(context.Background(), w.clk.Now().Add(d), nil) })
}

func (w *world) breaks(name string, f lab.Fault) {
	w.t.Helper()
	if err := w.Break(name, f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) server(name string) inventory.Server {
	w.t.Helper()
	at := slices.IndexFunc(w.inv.Servers, func(s inventory.Server) bool { return s.Name == name })
	if at < 0 {
		w.t.Fatalf("there is no server %s in the inventory", name)
	}
	return w.inv.Servers[at]
}

func (w *world) status(name string) lab.Status {
	w.t.Helper()
	all := w.Servers()
	at := slices.IndexFunc(all, func(s lab.Status) bool { return s.Name == name })
	if at < 0 {
		w.t.Fatalf("there is no server %s", name)
	}
	return all[at]
}

func (w *world) wantCondition(name string, want lab.Condition) {
	w.t.Helper()
	if got := w.status(name).Condition; got != want {
		w.t.Fatalf("%s is %q, want %q", name, got, want)
	}
}

func (w *world) wantSends(want int) {
	w.t.Helper()
	if got := w.PowerSends(); got != want {
		w.t.Fatalf("%d power commands arrived, want %d: %v", got, want, w.WireLog())
	}
}

func (w *world) pool() *x509.CertPool {
	w.t.Helper()
	text, err := os.ReadFile(w.CAFile())
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		w.t.Fatal("there is no certificate in the CA file")
	}
	return pool
}

// fetch gets a page over a new connection.
func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return string(body), err
}

func TestInventoryDescribesWhatAnswers(t *testing.T) {
	w := start(t)
	if len(w.inv.Sites) != 2 || len(w.inv.Servers) != 8 || len(w.inv.Customers) != 3 || len(w.inv.People) != 5 || len(w.inv.Teams) != 2 {
		t.Fatalf("the inventory is not complete: %d sites, %d servers, %d customers, %d people, %d teams",
			len(w.inv.Sites), len(w.inv.Servers), len(w.inv.Customers), len(w.inv.People), len(w.inv.Teams))
	}
	for _, site := range w.inv.Sites {
		if body, err := fetch(t.Context(), site.Gateway.URL); err != nil || !strings.Contains(body, site.Gateway.Expect) {
			t.Errorf("gateway of %s: %q, %v", site.Name, body, err)
		}
	}
	for _, s := range w.inv.Servers {
		probe := s.Services[0].Probe
		if body, err := fetch(t.Context(), probe.URL); err != nil || !strings.Contains(body, probe.Expect) {
			t.Errorf("service of %s: %q, %v", s.Name, body, err)
		}
		if _, err := s.BMC.Password.Read(); err != nil {
			t.Errorf("BMC password of %s: %v", s.Name, err)
		}
	}
}

func TestPeopleSignInWithTheFilesOfTheLab(t *testing.T) {
	w := start(t)
	for _, p := range w.inv.People {
		hash, hashErr := p.Password.Read()
		token, tokenErr := p.Token.Read()
		password, passwordErr := os.ReadFile(w.PasswordFile(p.Name))
		written, writtenErr := os.ReadFile(w.TokenFile(p.Name))
		if err := errors.Join(hashErr, tokenErr, passwordErr, writtenErr); err != nil {
			t.Fatal(err)
		}
		if err := bcrypt.CompareHashAndPassword([]byte(hash.Reveal()), bytes.TrimSpace(password)); err != nil {
			t.Errorf("password of %s: %v", p.Name, err)
		}
		if token.Reveal() != string(bytes.TrimSpace(written)) {
			t.Errorf("the token of %s is another one", p.Name)
		}
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	w := start(t)
	err := filepath.WalkDir(w.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestServiceAnswersOnlyWhenTheMachineServes(t *testing.T) {
	for _, fault := range []lab.Fault{lab.Hung, lab.Off, lab.Dead, lab.Crashed, lab.BMCLies} {
		t.Run(string(fault), func(t *testing.T) {
			w := start(t)
			url := w.server("web-01").Services[0].Probe.URL
			w.breaks("web-01", fault)
			if body, err := fetch(t.Context(), url); err == nil {
				t.Fatalf("answered %q", body)
			}
			if err := w.Heal("web-01"); err != nil {
				t.Fatal(err)
			}
			if _, err := fetch(t.Context(), url); err != nil {
				t.Fatalf("after heal: %v", err)
			}
			w.wantSends(0)
		})
	}
}

// A prober that keeps its connection open must not see a hung machine as well.
func TestOldConnectionIsBrokenOffWhenTheMachineHangs(t *testing.T) {
	w := start(t)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	url := w.server("web-01").Services[0].Probe.URL
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	w.breaks("web-01", lab.Hung)
	if response, err := client.Get(url); err == nil {
		response.Body.Close()
		t.Fatalf("answered %s over the old connection", response.Status)
	}
}

func TestRepairBootsADeadMachineWithoutAPowerCommand(t *testing.T) {
	w := start(t)
	before := w.status("web-01").BootID
	w.breaks("web-01", lab.Dead)
	if err := w.Repair("web-01"); err != nil {
		t.Fatal(err)
	}
	w.wantCondition("web-01", lab.IsBooting)
	w.pass(boot)
	w.wantCondition("web-01", lab.IsRunning)
	if w.status("web-01").BootID == before {
		t.Error("the boot id is the old one")
	}
	w.wantSends(0)
}

func TestCutSiteIsSilentAndItsMachinesGoOn(t *testing.T) {
	w := start(t)
	if err := w.BreakSite("ams1", lab.Cut); err != nil {
		t.Fatal(err)
	}
	site, server := w.inv.Sites[0], w.server("web-01")
	for _, url := range []string{site.Gateway.URL, server.Services[0].Probe.URL} {
		if body, err := fetch(t.Context(), url); err == nil {
			t.Errorf("%s answered %q", url, body)
		}
	}
	if _, err := w.bmc("web-01").state(); err == nil {
		t.Error("the BMC answered")
	}
	if _, err := w.runSSH("web-01", "uptime"); err == nil {
		t.Error("SSH answered")
	}
	if _, err := fetch(t.Context(), site.StatusPage.URL+"/api/v2/summary.json"); err != nil {
		t.Errorf("the status page stands elsewhere, but: %v", err)
	}
	if _, err := fetch(t.Context(), w.server("web-03").Services[0].Probe.URL); err != nil {
		t.Errorf("the other site: %v", err)
	}
	w.wantCondition("web-01", lab.IsRunning)
	if err := w.HealSite("ams1"); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(t.Context(), site.Gateway.URL); err != nil {
		t.Errorf("after heal: %v", err)
	}
}

func TestUnknownWordsNameTheNearest(t *testing.T) {
	w := start(t)
	for _, c := range []struct {
		err  error
		want string
	}{
		{w.Break("web-1", lab.Hung), `unknown server "web-1": did you mean "web-01"?`},
		{w.Break("web-01", "hnug"), `unknown fault "hnug": did you mean "hung"?`},
		{w.Break("web-01", ""), `unknown fault "": there are bmc-bad-certificate`},
		{w.Heal("db01"), `unknown server "db01": did you mean "db-01"?`},
		{w.Repair("nowhere"), `unknown server "nowhere": there are app-01`},
		{w.BreakSite("ams2", lab.Cut), `unknown site "ams2": did you mean "ams1"?`},
		{w.BreakSite("ams1", "anounced"), `unknown fault of a site "anounced": did you mean "announced"?`},
		{w.HealSite("rtm"), `unknown site "rtm": did you mean "rtm1"?`},
	} {
		if !errors.Is(c.err, lab.ErrUnknown) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want it to say %q", c.err, c.want)
		}
	}
}

func TestCloseEndsEveryGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	d, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), IPMI: hasIPMITool()})
	if err != nil {
		t.Fatal(err)
	}
	leaveConnectionsOpen(t, d)
	d.Close()
	d.Close() // twice does no harm
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for runtime.NumGoroutine() > before && ctx.Err() == nil {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		stacks := make([]byte, 1<<20)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
	}
}

// leaveConnectionsOpen connects to everything in the inventory that speaks TCP
// and hangs up only after the test.
func leaveConnectionsOpen(t *testing.T, d *lab.Datacenter) {
	t.Helper()
	inv, err := inventory.Load(d.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	addresses := []string{d.SMTPAddress()}
	for _, s := range inv.Servers {
		addresses = append(addresses, s.Reachable.Address)
		if s.BMC.Protocol == "redfish" {
			addresses = append(addresses, net.JoinHostPort(s.BMC.Address, strconv.Itoa(s.BMC.Port)))
		}
	}
	for _, address := range addresses {
		conn, err := net.DialTimeout("tcp", address, patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

func TestLabStopsWithTheContextOfStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d, err := lab.Start(ctx, lab.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	page := d.Sites()[0].StatusPage
	cancel()
	d.Close()
	if body, err := fetch(t.Context(), page); err == nil {
		t.Fatalf("answered %q", body)
	}
}

func TestRealClockBootsAMachine(t *testing.T) {
	const moment = 200 * time.Millisecond
	clk := clock.Real()
	d, err := lab.Start(t.Context(), lab.Options{Dir: t.TempDir(), Clock: clk, Boot: moment})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Repair("web-01"); err != nil {
		t.Fatal(err)
	}
	<-clk.Go(func() { clk.Wait(t.Context(), d.Servers()[0].Ready, nil) })
	if got := d.Servers()[0]; got.Name != "web-01" || got.Condition != lab.IsRunning {
		t.Fatalf("%s is %q when its boot should be over", got.Name, got.Condition)
	}
}

func TestUnwritableDirectoryIsAClearError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := lab.Start(t.Context(), lab.Options{Dir: file})
	if err == nil || !strings.Contains(err.Error(), "make the lab's directory") {
		t.Fatalf("got %v", err)
	}
}
