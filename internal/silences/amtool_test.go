package silences_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/silences"
)

// startAlertmanager runs Debian's Alertmanager; ok is false where it or amtool
// is not installed.
func startAlertmanager(t *testing.T) (url string, ok bool) {
	t.Helper()
	for _, program := range []string{"prometheus-alertmanager", "amtool"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("PIKET_REQUIRE_PEERS") != "" {
				t.Fatalf("%s is not installed, and PIKET_REQUIRE_PEERS asks for it", program)
			}
			return "", false
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, []byte("route: {receiver: none}\nreceivers: [{name: none}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	process := exec.CommandContext(ctx, "prometheus-alertmanager", "--config.file="+config, "--storage.path="+dir,
		"--web.listen-address="+address, "--web.route-prefix=/am", "--cluster.listen-address=")
	if err := process.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = process.Wait() })
	url = "http://" + address + "/am"
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		if resp, err := http.Get(url + "/-/ready"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return url, true
			}
		}
		<-tick.C
	}
	t.Fatal("Alertmanager does not answer")
	return "", false
}

func TestWhatAmtoolSilencesIsSilenced(t *testing.T) {
	url, ok := startAlertmanager(t)
	if !ok {
		if os.Getenv("PIKET_REQUIRE_PEERS") != "" {
			t.Fatal("prometheus-alertmanager is not installed, and PIKET_REQUIRE_PEERS asks for it")
		}
		t.Skip("prometheus-alertmanager is not installed: the other tests have its answers")
	}
	amtool := func(words ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "amtool", append([]string{"--alertmanager.url=" + url}, words...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("amtool %v: %v\n%s", words, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	p := silences.New(clock.Real(), quiet, func() silences.Config { return silences.Config{URL: []string{url}} })
	for _, matchers := range [][]string{
		{"server=web-01"}, {"alertname=ServerUnreachable", "rack=~r[12]"}, {"instance=web-01:9100"}, {"site=ams1", "server!=web-02"},
	} {
		p.Poll(t.Context())
		if got, known := p.Of(web01); got.ID != "" || !known {
			t.Fatalf("before %v: %+v, known %v", matchers, got, known)
		}
		id := amtool(append([]string{"silence", "add", "--author=anna", "--comment=new disks", "--duration=1h"}, matchers...)...)
		p.Poll(t.Context())
		got, known := p.Of(web01)
		if got.ID != id || got.By != "anna" || got.Comment != "new disks" || !known || time.Until(got.Ends) < 50*time.Minute {
			t.Fatalf("%v: %+v, known %v; want %s", matchers, got, known, id)
		}
		amtool("silence", "expire", id)
	}
}
