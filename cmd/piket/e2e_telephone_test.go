//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/diago/audio"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/telephone"
)

const telephoneConf = `inventory: [inventory.yml]
storage: {path: data}
probes: {interval: 1s, timeout: 900ms, failures: 2, successes: 2}
telephone:
  caller: "+31200000100"
  ring: 5s
  tries: 1
  sip: {server: "%s", username: trunk, password_file: trunk.password}
`

const telephoneInventory = `sites:
  - {name: ams1, gateway: {check: tcp, address: "%[1]s"}, racks: [{name: r1}]}
servers:
  - {name: web-01, rack: r1, address: %[2]s, reachable: {check: tcp, address: "%[2]s:9"}}
people:
  - {name: noor, email: noor@piket.example.net, telephone: "+31 20 000 0101", roles: [engineer], token_file: noor.token}
  - {name: daan, email: daan@piket.example.net, telephone: "+31 20 000 0102", roles: [engineer]}
  - {name: eva, email: eva@piket.example.net, telephone: "+31 20 000 0103", roles: [engineer]}
teams:
  - {name: network-and-server, members: [noor, daan, eva], on_duty: [noor, daan, eva], escalate_after: 1h}
`

// trunkPassword is looked for in everything that piket writes.
const trunkPassword = "canary-of-the-trunk"

// exchange is SIPp on loopback, at whose address the test itself takes down the
// voice that arrives.
type exchange struct {
	dir, host string
	recorder  *net.UDPConn

	mu      sync.Mutex
	packets []packet
}

// packet is 20 ms of voice.
type packet struct {
	at    time.Time
	voice telephone.PCM
}

func newExchange(t *testing.T, dir, host string) *exchange {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{dir: dir, host: host, recorder: conn}
	t.Cleanup(func() { conn.Close() })
	go x.record()
	return x
}

// record keeps the A-law (payload type 8) of RTP packets without extensions.
func (x *exchange) record() {
	data, pcm := make([]byte, 1500), make([]byte, 3000)
	for {
		n, err := x.recorder.Read(data)
		if err != nil {
			return
		}
		if n <= 12 || data[1]&0x7f != 8 {
			continue
		}
		size, err := audio.DecodeAlawTo(pcm, data[12:n])
		if err != nil {
			continue
		}
		p := packet{at: time.Now()}
		for k := 0; k+1 < size; k += 2 {
			p.voice = append(p.voice, int16(uint16(pcm[k])|uint16(pcm[k+1])<<8))
		}
		x.mu.Lock()
		x.packets = append(x.packets, p)
		x.mu.Unlock()
	}
}

// first is what was said in one go since the last time, up to the first pause.
func (x *exchange) first() telephone.PCM {
	x.mu.Lock()
	defer x.mu.Unlock()
	var said telephone.PCM
	for n, p := range x.packets {
		if n > 0 && p.at.Sub(x.packets[n-1].at) > 2*time.Second {
			break
		}
		said = append(said, p.voice...)
	}
	x.packets = nil
	return said
}

// answers has SIPp take one call by a scenario and waits for the end of it.
func (x *exchange) answers(t *testing.T, scenario string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata/sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	p := startProcess(t, x.dir, "sipp-"+scenario, "sipp", "-sf", path, "-i", x.host, "-p", "5060", "-mi", x.host, "-m", "1", "-nostdin", "-trace_err",
		"-set", "recorder", fmt.Sprint(x.recorder.LocalAddr().(*net.UDPAddr).Port))
	select {
	case <-p.end:
	case <-time.After(patience):
		t.Fatalf("nobody called, or the call did not end: %s\n%s", scenario, p.tail(t))
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("%s: SIPp says %d\n%s", scenario, code, p.tail(t))
	}
}

// [2.3] page, not acknowledged in time, next, everybody; with a telephone.
func TestTheTelephoneRingsUntilSomebodyHasIt(t *testing.T) {
	for _, part := range []string{"sipp", "espeak-ng"} {
		if _, err := exec.LookPath(part); err != nil {
			t.Fatalf("%s is not installed: .ci/parts does that", part)
		}
	}
	w, x := telephoneWorld(t)
	w.testRing(t, x)
	w.start(t)

	x.answers(t, "options") // is the trunk there?
	x.answers(t, "nobody")  // noor
	x.answers(t, "next")    // daan, who listens to all of it
	said := x.first()
	x.answers(t, "acknowledge") // eva

	inc := w.acknowledged(t, "eva")
	var story []string
	var script string
	for _, e := range inc.Timeline {
		if strings.Contains("ringing key_pressed rang acknowledged", string(e.Type)) {
			story = append(story, e.Text)
		}
		if e.Type == "ringing" && e.Data.Person == "daan" {
			script = e.Data.Script
		}
	}
	for n, want := range []string{
		"Telephoning noor at +31200000101", "no answer", "Telephoning daan at +31200000102", "daan pressed 3", "the next person", "answered",
		"Telephoning eva at +31200000103", "eva pressed 1", "eva has taken the incident, by telephone.", "answered",
	} {
		if !slices.ContainsFunc(story, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%d: nothing says %q in\n%s", n, want, strings.Join(story, "\n"))
		}
	}
	spokenAs(t, said, script)
	w.keepsNoSecret(t)
}

// telephoneWorld is a datacenter of one server, which is gone, with an exchange.
func telephoneWorld(t *testing.T) (*world, *exchange) {
	t.Helper()
	net24 := fmt.Sprintf("127.%d.%d.", 64+rand.IntN(128), rand.IntN(256))
	w := &world{t: t, dir: t.TempDir(), url: "http://" + net24 + "1:9490", gateway: net24 + "2:9701"}
	w.binary = filepath.Join(w.dir, "piket")
	if out, err := exec.Command("go", "build", "-o", w.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build piket: %v\n%s", err, out)
	}
	w.startGateway()
	x := newExchange(t, w.dir, net24+"3")
	for name, text := range map[string]string{
		"piket.yml": fmt.Sprintf(telephoneConf, x.host), "inventory.yml": fmt.Sprintf(telephoneInventory, w.gateway, net24+"11"),
		"trunk.password": trunkPassword, "noor.token": "token-of-noor-8d7d8ee0",
	} {
		put(t, filepath.Join(w.dir, name), text)
	}
	return w, x
}

// testRing tries the trunk before the night, by the command.
func (w *world) testRing(t *testing.T, x *exchange) {
	t.Helper()
	type answer struct {
		out, errs string
		ok        bool
	}
	done := make(chan answer, 1)
	go func() {
		out, errs, ok := w.cli("noor", "telephone", "ring", "noor", "--config.file="+filepath.Join(w.dir, "piket.yml"), "--output", "json")
		done <- answer{out, errs, ok}
	}()
	x.answers(t, "acknowledge")
	got := <-done
	var said testRing
	if err := json.Unmarshal([]byte(got.out), &said); err != nil || !got.ok || said.Outcome != incident.RingAnswered || said.Keys != "1" || said.Spoken < 2 {
		t.Fatalf("piket telephone ring says %s %s (%v)", got.out, got.errs, err)
	}
	if loud := loudness(x.first()); loud < 500 {
		t.Errorf("the test call was as loud as %.0f", loud)
	}
}

// storyOf is what the API shows of an incident.
type storyOf struct {
	Incident struct {
		Owner string `json:"owner"`
	} `json:"incident"`
	Timeline []struct {
		Type incident.Kind `json:"type"`
		Text string        `json:"text"`
		Data struct {
			Person string `json:"person"`
			Script string `json:"script"`
		} `json:"data"`
	} `json:"events"`
}

// rang counts the calls that are over.
func (s storyOf) rang() (n int) {
	for _, e := range s.Timeline {
		if e.Type == "rang" {
			n++
		}
	}
	return n
}

// acknowledged waits until somebody has the one incident there is.
func (w *world) acknowledged(t *testing.T, by string) (inc storyOf) {
	t.Helper()
	until(t, by+" has it", func() bool {
		inc = storyOf{}
		out, _, ok := w.cli("noor", "incident", "show", fmt.Sprintf("INC-%d-0001", time.Now().Year()), "--output", "json")
		return ok && json.Unmarshal([]byte(out), &inc) == nil && inc.Incident.Owner == by && inc.rang() == 3
	})
	return inc
}

// spokenAs checks that the voice that arrived is as long as the text takes, and
// can be heard.
func spokenAs(t *testing.T, said telephone.PCM, script string) {
	t.Helper()
	speech, err := (telephone.Speaker{Command: telephone.Default().Speech}).Speak(t.Context(), "en", script+" Press 1 to acknowledge, 2 to hear this again, 3 for the next person.")
	if err != nil {
		t.Fatal(err)
	}
	const breath = 800 * time.Millisecond
	if more := said.Length() - breath - speech.Length(); more < -300*time.Millisecond || more > 300*time.Millisecond {
		t.Errorf("%v of voice arrived for %v of text %q", said.Length(), speech.Length(), script)
	}
	if loud, was := loudness(said), loudness(speech); loud < was/2 {
		t.Errorf("the voice was as loud as %.0f and arrived as loud as %.0f", was, loud)
	}
	t.Logf("%v of voice arrived for %v of text %q, as loud as %.0f", said.Length(), speech.Length(), script, loudness(said))
}

func loudness(p telephone.PCM) float64 {
	sum := 0.0
	for _, v := range p {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(1, len(p))))
}

// keepsNoSecret looks for the trunk's password in what piket wrote.
func (w *world) keepsNoSecret(t *testing.T) {
	t.Helper()
	out, err := exec.Command("grep", "-rlF", trunkPassword, filepath.Join(w.dir, "data"), filepath.Join(w.dir, "piket.log")).Output()
	if err == nil || len(out) > 0 {
		t.Errorf("the trunk's password stands in %s", out)
	}
}
