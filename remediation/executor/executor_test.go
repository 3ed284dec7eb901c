package executor_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/freeze"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/internal/lab"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/remediation/bmc"
	"github.com/spinware/piket/remediation/executor"
	"github.com/spinware/piket/remediation/ssh"
	"github.com/spinware/piket/runbooks"
)

// world is an executor in front of the pretend datacenter.
type world struct {
	*executor.Executor
	lab    *lab.Datacenter
	dir    string
	freeze freeze.Switch
	pass   func(time.Duration) // on the executor's watch, where a test sets it
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	d, err := lab.Start(t.Context(), lab.Options{Dir: filepath.Join(dir, "lab")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	inv, err := inventory.Load(d.InventoryFile())
	if err != nil {
		t.Fatal(err)
	}
	library, err := runbooks.Load()
	if err != nil {
		t.Fatal(err)
	}
	clk := clock.Real()
	witness := bmc.NewWitness(clk.Now)
	w := &world{lab: d, dir: dir, freeze: freeze.In(dir), Executor: &executor.Executor{
		Inventory: func() *inventory.Inventory { return inv }, Runbooks: func() *runbooks.Library { return library },
		Actions: map[string]remediation.Action{"power": bmc.Power, "ssh": ssh.Run, "boot": bmc.Boot, "media": bmc.Images{CAFile: d.CAFile}.Action},
		Images:  func() []string { return []string{d.ImagesHost()} },
		Look:    map[string]probes.Prober{executor.Probe: witness.Probe, executor.Watch: witness.Watch},
		Frozen:  freeze.In(dir).Why, Caps: func() executor.Caps { return executor.DefaultCaps },
		Clock: clk, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
	w.reopen(t)
	return w
}

// reopen gives the executor its journal as a new process would find it.
func (w *world) reopen(t *testing.T) {
	t.Helper()
	if w.Journal != nil {
		_ = w.Journal.Close()
	}
	j, err := journal.Open(filepath.Join(w.dir, "executor.journal"), executor.Kept, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	w.Journal = j
}

func (w *world) intent(name, server string) incident.Intended {
	s, _ := w.Inventory().Server(server)
	return incident.Intended{Intent: name, Step: "cycle", Server: server, Action: "power", Verb: "cycle", Serial: s.Serial, UUID: s.UUID, NotAfter: time.Now().Add(30 * time.Second)}
}

func order(i incident.Intended) remediation.Order {
	return remediation.Order{Intent: i, Last: func() error { return nil }}
}

// serve puts the executor behind a socket.
func (w *world) serve(t *testing.T, uids ...int) string {
	t.Helper()
	path := filepath.Join(w.dir, "x.sock")
	l, err := executor.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- (&executor.Server{Executor: w.Executor, UIDs: uids}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return path
}

func TestOneIntentIsSentOnceHoweverOftenItIsOrdered(t *testing.T) {
	w := newWorld(t)
	client := executor.Dial(w.serve(t, os.Getuid()))
	i := w.intent("INC-1/I4", "web-01")
	var mu sync.Mutex
	outcomes := map[incident.Outcome]int{}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				got := client.Do(t.Context(), order(i))
				mu.Lock()
				outcomes[got.Outcome]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if w.lab.PowerSends() != 1 || outcomes[incident.OutcomeDone] != 1 || outcomes[incident.OutcomeUnknown] != 999 {
		t.Errorf("%d commands on the wire, outcomes %v", w.lab.PowerSends(), outcomes)
	}
	w.reopen(t)
	if got := w.Do(t.Context(), order(i)); got.Outcome != incident.OutcomeUnknown || w.lab.PowerSends() != 1 {
		t.Errorf("after a restart: %+v, %d commands on the wire", got, w.lab.PowerSends())
	}
}

// A daemon that has gone wrong orders everything it can think of.
func TestTenThousandOrdersStayBelowTheCaps(t *testing.T) {
	w := newWorld(t)
	servers := w.Inventory().Servers
	perServer, perSite := map[string]int{}, map[string]int{}
	var sent []string
	w.Actions = map[string]remediation.Action{"power": func(_ context.Context, o remediation.Order) remediation.Result {
		if err := o.Last(); err != nil {
			return remediation.Result{Outcome: incident.OutcomeRefused}
		}
		sent = append(sent, o.Server.Name)
		perServer[o.Server.Name]++
		perSite[o.Server.Site]++
		return remediation.Result{Outcome: incident.OutcomeDone}
	}}
	c := executor.DefaultCaps
	for n := 0; n < 10_000 && len(sent) <= c.PowerPerDay; n++ {
		i := w.intent(fmt.Sprintf("INC-%d/I4", n), servers[n%len(servers)].Name)
		i.Verb = []string{"off", "cycle", "soft", "on"}[n/len(servers)%4]
		w.Do(t.Context(), order(i))
	}
	for name, n := range perServer {
		if n > c.PowerPerServerDay {
			t.Errorf("%s: %d commands", name, n)
		}
	}
	for name, n := range perSite {
		if n != c.PowerPerSiteHour {
			t.Errorf("site %s: %d commands, want %d", name, n, c.PowerPerSiteHour)
		}
	}
	if len(sent) > c.PowerPerDay || len(sent) == 0 {
		t.Errorf("%d commands", len(sent))
	}
	// What piket cut itself comes back all the same.
	i := w.intent("INC-1/duty", sent[0])
	i.Verb, i.Duty = "on", 1
	if got := w.Do(t.Context(), order(i)); got.Outcome != incident.OutcomeDone {
		t.Errorf("a duty after all caps: %+v", got)
	}
}

func TestNoMoreThanTheCapIsUnderWay(t *testing.T) {
	w := newWorld(t)
	var underWay atomic.Int32
	begun, release := make(chan struct{}), make(chan struct{})
	w.Actions["ssh"] = nil
	w.Actions["power"] = func(context.Context, remediation.Order) remediation.Result {
		if underWay.Add(1) > 2 {
			return remediation.Result{Outcome: incident.OutcomeDone} // one too many
		}
		begun <- struct{}{}
		<-release
		return remediation.Result{Outcome: incident.OutcomeUnknown}
	}
	caps := executor.DefaultCaps
	caps.InFlight, caps.PowerPerSiteHour = 2, 100
	w.Caps = func() executor.Caps { return caps }
	var wg sync.WaitGroup
	for n := range 2 {
		wg.Go(func() { w.Do(t.Context(), order(w.intent(fmt.Sprint("A/", n), w.Inventory().Servers[n].Name))) })
		<-begun
	}
	got := w.Do(t.Context(), order(w.intent("A/2", w.Inventory().Servers[2].Name)))
	close(release)
	wg.Wait()
	if got.Outcome != incident.OutcomeRefused || !strings.Contains(got.Detail, "2 under way") {
		t.Errorf("got %+v", got)
	}
}

func TestAnOrderThatDoesNotFitWhatTheExecutorKnowsIsRefused(t *testing.T) {
	w := newWorld(t)
	for name := range w.Actions { // a driver would compare the machine once more
		w.Actions[name] = func(_ context.Context, o remediation.Order) remediation.Result {
			t.Errorf("%s was handed to a driver", o.Intent.Intent)
			return remediation.Result{Outcome: incident.OutcomeDone}
		}
	}
	for name, change := range map[string]func(*incident.Intended){
		"another serial number": func(i *incident.Intended) { i.Serial = "X" },
		"another UUID":          func(i *incident.Intended) { i.UUID = "X" },
		"identity of another": func(i *incident.Intended) {
			i.Serial, i.UUID = w.intent("", "web-02").Serial, w.intent("", "web-02").UUID
		},
		"no such server":        func(i *incident.Intended) { i.Server = "web-99" },
		"no name":               func(i *incident.Intended) { i.Intent = "" },
		"no such action":        func(i *incident.Intended) { i.Action = "format" },
		"no such verb":          func(i *incident.Intended) { i.Verb = "reset" },
		"a duty to switch off":  func(i *incident.Intended) { i.Verb, i.Duty = "off", 1 },
		"of a drill":            func(i *incident.Intended) { i.Drill = true },
		"too late":              func(i *incident.Intended) { i.NotAfter = time.Now().Add(-time.Second) },
		"good for too long":     func(i *incident.Intended) { i.NotAfter = time.Now().Add(time.Hour) },
		"a command of nobody's": func(i *incident.Intended) { i.Action, i.Verb, i.Command = "ssh", "", []string{"rm", "-rf", "/"} },
		"a command of no runbook": func(i *incident.Intended) {
			i.Action, i.Verb, i.Runbook, i.Step, i.Command = "ssh", "", "server-unreachable", "cycle", []string{"true"}
		},
	} {
		i := w.intent("INC-1/"+name, "web-01")
		change(&i)
		if got := w.Do(t.Context(), order(i)); got.Outcome != incident.OutcomeRefused || got.Detail == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if log := w.lab.WireLog(); len(log) != 0 {
		t.Errorf("on the wire: %+v", log)
	}
}

func TestACommandIsThatOfARunbookOrIsNotRun(t *testing.T) {
	w := newWorld(t)
	book, step := commandStep(t, w.Runbooks())
	server, _ := w.Inventory().Server("web-01")
	values := map[string]string{"server.name": server.Name}
	for _, s := range server.Services {
		if s.Unit != "" {
			values["service.name"], values["service.unit"] = s.Name, s.Unit
		}
	}
	command, missing := runbooks.Fill(step.SSH, values)
	if missing != "" {
		t.Fatalf("no %s", missing)
	}
	i := w.intent("INC-1/I1", "web-01")
	i.Action, i.Verb, i.Runbook, i.Step, i.Command = "ssh", "", book, step.ID, command
	if got := w.Do(t.Context(), order(i)); got.Outcome != incident.OutcomeDone {
		t.Errorf("the runbook's own command: %+v", got)
	}
	i.Intent, i.Command = "INC-1/I2", append(command[:len(command)-1:len(command)-1], "sshd.service")
	if got := w.Do(t.Context(), order(i)); got.Outcome != incident.OutcomeRefused {
		t.Errorf("for a unit that the inventory does not have: %+v", got)
	}
	if log := w.lab.WireLog(); len(log) != 1 {
		t.Errorf("on the wire: %+v", log)
	}
}

func commandStep(t *testing.T, l *runbooks.Library) (string, runbooks.Remedy) {
	t.Helper()
	for _, book := range l.Books {
		for _, r := range book.Remedies {
			if len(r.SSH) > 0 {
				return book.Name, r
			}
		}
	}
	t.Fatal("no shipped runbook has a command")
	return "", runbooks.Remedy{}
}

// The button is pressed after the executor took the order and opened its
// session: the engine's last check passes, the executor's own does not.
func TestAFreezeWhileTheSessionIsOpenStopsTheSend(t *testing.T) {
	w := newWorld(t)
	o := order(w.intent("INC-1/I4", "web-01"))
	o.Last = func() error { return w.freeze.Freeze("noor", "network work") }
	if got := w.Do(t.Context(), o); got.Outcome != incident.OutcomeRefused || !strings.Contains(got.Detail, "noor") || w.lab.PowerSends() != 0 {
		t.Errorf("got %+v, %d commands on the wire", got, w.lab.PowerSends())
	}
}

func TestASessionThatTookTooLongSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.Clock = clock.Jumping(time.Now())
	i := w.intent("INC-1/I4", "web-01")
	o := order(i)
	o.Last = func() error {
		<-w.Clock.Go(func() { w.Clock.Wait(context.Background(), i.NotAfter.Add(time.Second), nil) })
		return nil
	}
	if got := w.Do(t.Context(), o); got.Outcome != incident.OutcomeRefused || !strings.Contains(got.Detail, "time") || w.lab.PowerSends() != 0 {
		t.Errorf("got %+v, %d commands on the wire", got, w.lab.PowerSends())
	}
}

func TestAJournalThatCannotWriteSendsNothing(t *testing.T) {
	w := newWorld(t)
	_ = w.Journal.Close()
	if got := w.Do(t.Context(), order(w.intent("INC-1/I4", "web-01"))); got.Outcome != incident.OutcomeRefused || w.lab.PowerSends() != 0 {
		t.Errorf("got %+v, %d commands on the wire", got, w.lab.PowerSends())
	}
}

// The database alone knows of a freeze at another replica, and only the daemon
// can ask it. So it is asked once more when the executor has its session open.
func TestAFreezeThatOnlyTheDaemonHearsOfStopsTheExecutorApart(t *testing.T) {
	for name, tt := range map[string]struct {
		then  func(*world) error
		wants string
	}{
		"frozen elsewhere":                          {func(*world) error { return errors.New("frozen: fire in ams1") }, "frozen: fire in ams1"},
		"not this daemon's any more":                {func(*world) error { return errors.New("others have its work") }, "others have"},
		"a leave that is too old":                   {func(w *world) error { w.pass(3 * time.Second); return nil }, "too late"},
		"a freeze of the executor's own, meanwhile": {func(w *world) error { return w.freeze.Freeze("noor", "smoke") }, "noor: smoke"},
		"nothing": {func(*world) error { return nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w, asked := newWorld(t), 0
			var passed atomic.Int64
			w.pass = func(d time.Duration) { passed.Add(int64(d)) }
			w.Clock = clock.Following(time.Now, func() time.Duration { return time.Duration(passed.Load()) })
			o := order(w.intent("INC-1/I4", "web-01"))
			o.Last = func() error {
				if asked++; asked == 1 {
					return nil // when it is handed over all is well
				}
				if n, records := w.lab.PowerSends(), w.Journal.All(); n != 0 || records[len(records)-1].Intent != "INC-1/I4" {
					t.Errorf("it is asked with %d commands sent and %+v written down", n, records)
				}
				return tt.then(w)
			}
			want, sends := incident.OutcomeRefused, 0
			if tt.wants == "" {
				want, sends = incident.OutcomeDone, 1
			}
			got := executor.Dial(w.serve(t, os.Getuid())).Do(t.Context(), o)
			if got.Outcome != want || !strings.Contains(got.Detail, tt.wants) || w.lab.PowerSends() != sends || asked != 2 {
				t.Errorf("asked %d times: %+v, %d commands on the wire", asked, got, w.lab.PowerSends())
			}
		})
	}
}

// A daemon that was killed, or taken over, has nobody left who could say that
// its order still holds.
func TestADaemonThatIsGoneWhenItIsAskedSendsNothing(t *testing.T) {
	w := newWorld(t)
	conn, err := net.Dial("unix", w.serve(t, os.Getuid()))
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"intent": w.intent("INC-1/I4", "web-01"), "timeout": 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v2/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
	from := bufio.NewReader(conn)
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatalf("it does not ask: %v", err)
		}
		if strings.Contains(line, `{"ask":true}`) {
			break
		}
	}
	_ = conn.Close()
	for records := w.Journal.All(); len(records) < 3; records = w.Journal.All() { // until it is over
		runtime.Gosched()
	}
	if end := w.Journal.All()[2]; end.What != string(incident.OutcomeRefused) || w.lab.PowerSends() != 0 {
		t.Errorf("%+v, %d commands on the wire", end, w.lab.PowerSends())
	}
}

// Nobody could tell later what was sent: also a duty waits, and whoever is asked
// says why, until a person has looked at the disk.
func TestAnExecutorWhoseJournalFailedRefusesEverythingAndSaysSo(t *testing.T) {
	w := newWorld(t)
	client := executor.Dial(w.serve(t, os.Getuid()))
	begun := order(w.intent("INC-1/I1", "web-01"))
	if got := client.Do(t.Context(), begun); got.Outcome != incident.OutcomeDone || client.Err(t.Context()) != nil {
		t.Fatalf("at first: %+v, %v", got, client.Err(t.Context()))
	}
	_ = w.Journal.Close() // as after a write that failed
	if err := client.Err(t.Context()); err == nil || !strings.Contains(err.Error(), "journal is broken") {
		t.Errorf("it says %v", err)
	}
	caps := executor.Caps{DutyPerServerDay: 20} // every other cap is reached
	w.Caps = func() executor.Caps { return caps }
	duty := w.intent("INC-1/I2", "web-01")
	duty.Verb, duty.Duty = "on", 1
	for name, i := range map[string]incident.Intended{"a duty": duty, "an order": w.intent("INC-1/I3", "web-02")} {
		if got := client.Do(t.Context(), order(i)); got.Outcome != incident.OutcomeRefused || !strings.Contains(got.Detail, "cannot write down") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := client.Do(t.Context(), begun); got.Outcome != incident.OutcomeUnknown {
		t.Errorf("what was begun before is %+v: it was sent", got)
	}
	if n := w.lab.PowerSends(); n != 1 {
		t.Errorf("%d commands on the wire", n)
	}
	if err := executor.Dial(filepath.Join(w.dir, "nobody")).Err(t.Context()); err == nil {
		t.Error("an executor that is not there is well")
	}
}

func TestAStrangerIsRefused(t *testing.T) {
	w := newWorld(t)
	client := executor.Dial(w.serve(t, os.Getuid()+1))
	if got := client.Do(t.Context(), order(w.intent("INC-1/I4", "web-01"))); got.Outcome != incident.OutcomeRefused || w.lab.PowerSends() != 0 {
		t.Errorf("got %+v, %d commands on the wire", got, w.lab.PowerSends())
	}
	look := client.Prober(executor.Probe, func(probes.Target) (string, bool) { return "web-01", true })
	if got := look(t.Context(), probes.Target{}); got.State != probes.Unknown {
		t.Errorf("a stranger sees %+v", got)
	}
}

func TestGarbageOnTheSocketIsNoOrder(t *testing.T) {
	w := newWorld(t)
	path := w.serve(t, os.Getuid())
	for _, text := range []string{
		"\x00\xff\n\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", post(`{` + strings.Repeat(" ", 1<<20) + `}`), post(`{"intent":{},"bogus":1}`),
		post(`{"intent":["A"]}`), post(`[`), post(`{"intent":{"intent":"A","address":"192.0.2.1"}}`),
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text) // may be cut off
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if strings.Contains(string(answer), " 200 ") {
			t.Errorf("%.60q is answered with %s", text, answer)
		}
	}
	if len(w.lab.WireLog()) != 0 || len(w.Journal.All()) != 1 {
		t.Errorf("garbage got to the journal or the wire: %+v", w.Journal.All())
	}
}

func post(body string) string {
	return fmt.Sprintf("POST /v2/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// lost is an executor that takes what it is sent and answers with a fixed text.
func lost(t *testing.T, answer string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1<<16))
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		}
	}()
	return path
}

func TestALostReplyIsUnknownAndNobodyThereIsRefused(t *testing.T) {
	reply := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for name, tt := range map[string]struct {
		path string
		want incident.Outcome
	}{
		"nobody there":        {filepath.Join(t.TempDir(), "none"), incident.OutcomeRefused},
		"hangs up":            {lost(t, ""), incident.OutcomeUnknown},
		"hangs up in between": {lost(t, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"out"), incident.OutcomeUnknown},
		"makes no sense":      {lost(t, reply(`{"outcome":"perhaps","detail":""}`)), incident.OutcomeUnknown},
		"fails":               {lost(t, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), incident.OutcomeUnknown},
		"is done":             {lost(t, reply(`{"outcome":"done","detail":"accepted"}`)), incident.OutcomeDone},
	} {
		got := executor.Dial(tt.path).Do(t.Context(), order(incident.Intended{Intent: "A"}))
		if got.Outcome != tt.want {
			t.Errorf("%s: %+v, want %s", name, got, tt.want)
		}
	}
	o := order(incident.Intended{Intent: "A"})
	o.Last = func() error { return errors.New("frozen") }
	if got := executor.Dial(lost(t, "")).Do(t.Context(), o); got.Outcome != incident.OutcomeRefused || got.Detail != "frozen" {
		t.Errorf("the engine's own last check: %+v", got)
	}
}

func TestLooksAtBMCsGoThroughTheExecutor(t *testing.T) {
	w := newWorld(t)
	client := executor.Dial(w.serve(t, os.Getuid()))
	look := client.Prober(executor.Probe, func(probes.Target) (string, bool) { return "web-01", true })
	if got := look(t.Context(), probes.Target{Timeout: 10 * time.Second}); got.State != probes.Up || got.Facts["state"] != "on" {
		t.Errorf("got %+v", got)
	}
}
