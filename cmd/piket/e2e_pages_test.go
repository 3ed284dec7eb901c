//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/spinware/piket/internal/store"
)

// The demo's pages in a real browser: what stands on them once their scripts
// have run, and that they look like something in light and dark, on a
// telephone and on a desk.
func TestThePagesInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: apt-get install chromium")
	}
	b := &browserOf{t: t, program: browser, dir: t.TempDir()}
	b.demo()
	id := b.waitForQuestion()
	pages := []struct {
		path  string
		words []string
	}{
		{"/", []string{"Waits for a person", "power cycle web-01", "Open now", `in \d+ (min|s)`}},
		{"/incidents/" + id, []string{"May piket do this\\?", "power cycle web-01", "<form", `in \d+ (min|s)`}},
		{"/servers/web-01", []string{"Reachable", ">down<", "Open incidents", "What is on it|Nothing was measured yet|not measured"}},
		{"/report", []string{"Report trouble", "web-01"}},
		{"/lab/", []string{"Pretend datacenter", "hung"}},
		{"/lab/mail", []string{"May piket power cycle web-01\\?"}},
	}
	for _, page := range pages {
		dom := b.see(page.path, "--dump-dom")
		for _, words := range page.words {
			if !regexp.MustCompile(words).Match(dom) {
				t.Errorf("%s does not show %q; it shows\n%.2000s", page.path, words, dom)
			}
		}
	}
	for n, page := range pages {
		b.looks(fmt.Sprintf("page-%d", n), page.path)
	}
	b.printed("month", "/reports/month/"+time.Now().UTC().Format("2006-01")+"?format=pdf")
	b.printed("review", "/incidents/"+id+"/review?format=pdf")
}

// printed turns a document that a page offers as PDF into pictures, as a printer
// would, and looks at each: paper is light, and something stands on it.
func (b *browserOf) printed(name, path string) {
	b.t.Helper()
	answer, err := http.Get(b.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
	file := filepath.Join(b.dir, name+".pdf")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		b.t.Fatal(err)
	}
	if out, err := exec.Command("pdftoppm", "-png", "-r", "60", file, filepath.Join(b.dir, name)).CombinedOutput(); err != nil {
		b.t.Fatalf("draw %s: %v\n%s", path, err, out)
	}
	pages, err := filepath.Glob(filepath.Join(b.dir, name+"-*.png"))
	if err != nil || len(pages) == 0 {
		b.t.Fatalf("%s has no pages (%v)", path, err)
	}
	for _, page := range pages {
		picture := b.picture(page)
		if size := picture.Bounds().Size(); size.Y <= size.X {
			b.t.Errorf("%s: a page is %v, and not upright", path, size)
		}
		if colours, mean := measure(picture); colours < 20 || mean < 0.7 || mean > 0.998 {
			b.t.Errorf("%s: %s has %d colours and brightness %.3f; it looks blank, or black", path, filepath.Base(page), colours, mean)
		}
	}
}

// browserOf shows pages of one demo.
type browserOf struct {
	t            *testing.T
	program, dir string
	url          string
}

// demo starts the demo, with a server that hangs.
func (b *browserOf) demo() {
	b.t.Helper()
	binary := filepath.Join(b.dir, "piket")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.t.Fatalf("build piket: %v\n%s", err, out)
	}
	address := fmt.Sprintf("127.%d.%d.1:9490", 64+rand.IntN(128), rand.IntN(256))
	b.url = "http://" + address
	startProcess(b.t, b.dir, "demo", binary, "demo", "--listen", address, "--speed", "20")
	until(b.t, "the demo listens", func() bool { return listens(address) })
	if out, err := exec.Command(binary, "demo", "break", "web-01", "hung", "--demo.url", b.url).CombinedOutput(); err != nil {
		b.t.Fatalf("break web-01: %v\n%s", err, out)
	}
}

// waitForQuestion waits until a person is asked.
func (b *browserOf) waitForQuestion() (id string) {
	b.t.Helper()
	until(b.t, "the demo asks a person", func() bool {
		var list struct{ Incidents []store.Summary }
		b.read("/api/incidents?ongoing=true", &list)
		if len(list.Incidents) == 0 {
			return false
		}
		id = list.Incidents[0].ID
		var s seen
		b.read("/api/incidents/"+id, &s)
		return s.Incident.Approval != nil
	})
	return id
}

func (b *browserOf) read(path string, into any) {
	b.t.Helper()
	answer, err := http.Get(b.url + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		b.t.Fatalf("%s: %v", path, err)
	}
}

// browserFlags let Chromium run as root in a container, alone with itself.
// --timeout is when it takes the picture at the latest: a page that follows its
// timeline never stops loading.
var browserFlags = []string{
	"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
	"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--timeout=5000",
}

// see opens a page and returns what the browser prints.
func (b *browserOf) see(path string, flags ...string) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	argv := append(append([]string{"--user-data-dir=" + b.t.TempDir()}, browserFlags...), flags...)
	cmd := exec.CommandContext(ctx, b.program, append(argv, b.url+path)...)
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.t.Fatalf("open %s: %v\n%s", path, err, errs.String())
	}
	return out.Bytes()
}

// looks takes pictures of a page. None may be blank, and dark must be darker
// than light.
func (b *browserOf) looks(name, path string) {
	b.t.Helper()
	for _, size := range []struct{ width, height int }{{390, 844}, {1440, 900}} {
		brightness := map[string]float64{}
		for scheme, setting := range map[string]string{"light": "1", "dark": "0"} {
			file := filepath.Join(b.dir, fmt.Sprintf("%s-%s-%d.png", name, scheme, size.width))
			b.see(path, "--screenshot="+file, fmt.Sprintf("--window-size=%d,%d", size.width, size.height),
				"--blink-settings=preferredColorScheme="+setting)
			picture := b.picture(file)
			if got := picture.Bounds().Size(); got != image.Pt(size.width, size.height) {
				b.t.Errorf("%s: the picture is %v", file, got)
			}
			colours, mean := measure(picture)
			if colours < 20 {
				b.t.Errorf("%s in %s at %d: %d colours only; it looks blank", path, scheme, size.width, colours)
			}
			brightness[scheme] = mean
		}
		if brightness["dark"] > brightness["light"]-0.4 {
			b.t.Errorf("%s at %d: brightness %.2f in dark, %.2f in light", path, size.width, brightness["dark"], brightness["light"])
		}
	}
}

func (b *browserOf) picture(file string) image.Image {
	b.t.Helper()
	picture, err := png.Decode(bytes.NewReader(read(b.t, file)))
	if err != nil {
		b.t.Fatalf("%s: %v", file, err)
	}
	return picture
}

// measure counts the colours of a picture and returns its mean brightness, 0
// to 1.
func measure(picture image.Image) (colours int, mean float64) {
	seen := map[[3]uint32]bool{}
	box := picture.Bounds()
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			seen[[3]uint32{r, g, b}] = true
			mean += float64(r+g+b) / (3 * 0xffff)
		}
	}
	return len(seen), mean / float64(box.Dx()*box.Dy())
}
