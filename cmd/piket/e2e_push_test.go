//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// The page, its script and its service worker in a real browser, as far as they
// go without a push service: it is Google's, and there is no way to it here. What
// it would deliver is handed to the worker by the browser's own tools.
func TestABrowserShowsWhatIsPushed(t *testing.T) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: apt-get install chromium")
	}
	b := &browserOf{t: t, program: program, dir: t.TempDir()}
	b.demo()
	if dom := string(b.see("/me", "--dump-dom")); !strings.Contains(dom, "This browser hears of pages") || strings.Contains(dom, `id="subscribe" data-key="" hidden`) {
		t.Errorf("the page shows\n%s", dom)
	}
	page := b.debug("/me")
	until(t, "the script offers its button", func() bool { return page.eval(`document.getElementById('subscribe')?.hidden === false`) == "true" })
	worker := page.eval(`(async () => {
		await navigator.serviceWorker.register('/static/push-worker.js');
		const all = await navigator.serviceWorker.getRegistrations();
		const worker = all[0].installing || all[0].waiting || all[0].active;
		await new Promise((done) => { const look = () => worker.state === 'activated' && done(); worker.addEventListener('statechange', look); look(); });
		return all.length + ' ' + new URL(all[0].scope).pathname + ' ' + Notification.permission;
	})()`)
	if worker != `"1 /static/ granted"` {
		t.Fatalf("the worker is %s", worker)
	}
	page.deliver(`{"title":"[INC-2026-0001] P1 web-01","path":"/incidents/INC-2026-0001","tag":"INC-2026-0001/M4"}`)
	shown := `(async () => {
		const r = await navigator.serviceWorker.getRegistration('/static/');
		return (await r.getNotifications()).map((n) => n.title + ' ' + n.tag + ' ' + n.data.path).join('; ');
	})()`
	until(t, "the browser shows it", func() bool {
		return page.eval(shown) == `"[INC-2026-0001] P1 web-01 INC-2026-0001/M4 /incidents/INC-2026-0001"`
	})
	page.deliver(`{"title":"again","path":"/incidents/INC-2026-0001","tag":"INC-2026-0001/M4"}`)
	until(t, "what arrives twice is shown once", func() bool {
		return page.eval(shown) == `"again INC-2026-0001/M4 /incidents/INC-2026-0001"`
	})
	page.eval(`document.getElementById('subscribe').click()`)
	until(t, "the page says what came of subscribing", func() bool {
		words := page.eval(`document.getElementById('subscribing').textContent`)
		if !strings.HasPrefix(words, `"It was not added: `) {
			return false
		}
		t.Logf("without a push service: %s", words)
		return true
	})
}

// debugged is a page that is looked at through the browser's own tools.
type debugged struct {
	t    *testing.T
	conn *websocket.Conn
	next int
	seen []map[string]json.RawMessage // events that came meanwhile
}

// debug opens a page in a browser that stays.
func (b *browserOf) debug(path string) *debugged {
	b.t.Helper()
	dir := b.t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	argv := []string{"--user-data-dir=" + dir, "--remote-debugging-port=0", "--remote-allow-origins=*"}
	for _, flag := range browserFlags {
		if !strings.HasPrefix(flag, "--timeout") {
			argv = append(argv, flag)
		}
	}
	cmd := exec.CommandContext(ctx, b.program, append(argv, b.url+path)...)
	cmd.WaitDelay = 5 * time.Second
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	var pages []struct{ Type, URL, WebSocketDebuggerURL string }
	until(b.t, "the browser lets itself be looked at", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "DevToolsActivePort"))
		port, _, ok := strings.Cut(string(text), "\n")
		if err != nil || !ok {
			return false
		}
		answer, err := http.Get("http://127.0.0.1:" + port + "/json/list")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return json.NewDecoder(answer.Body).Decode(&pages) == nil && len(pages) > 0 && strings.HasSuffix(pages[0].URL, path)
	})
	conn, err := websocket.Dial(pages[0].WebSocketDebuggerURL, "", "http://127.0.0.1")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	d := &debugged{t: b.t, conn: conn}
	d.call("Browser.grantPermissions", map[string]any{"origin": b.url, "permissions": []string{"notifications"}})
	d.call("ServiceWorker.enable", nil)
	return d
}

// call asks the browser for something and waits for its answer.
func (d *debugged) call(method string, params map[string]any) json.RawMessage {
	d.t.Helper()
	d.next++
	if params == nil {
		params = map[string]any{}
	}
	if err := websocket.JSON.Send(d.conn, map[string]any{"id": d.next, "method": method, "params": params}); err != nil {
		d.t.Fatal(err)
	}
	for {
		if err := d.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			d.t.Fatal(err)
		}
		var said map[string]json.RawMessage
		if err := websocket.JSON.Receive(d.conn, &said); err != nil {
			d.t.Fatalf("%s: %v", method, err)
		}
		switch {
		case said["id"] == nil:
			d.seen = append(d.seen, said)
		case string(said["id"]) == fmt.Sprint(d.next):
			if said["error"] != nil {
				d.t.Fatalf("%s: %s", method, said["error"])
			}
			return said["result"]
		}
	}
}

// eval runs a script on the page and returns what it comes to, as JSON.
func (d *debugged) eval(script string) string {
	d.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *json.RawMessage
	}
	result := d.call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true})
	if err := json.Unmarshal(result, &answer); err != nil || answer.ExceptionDetails != nil {
		d.t.Fatalf("%s: %v\n%s", script, err, result)
	}
	return string(answer.Result.Value)
}

// deliver hands the worker what a push service would.
func (d *debugged) deliver(data string) {
	d.t.Helper()
	var registration string
	for _, e := range d.seen {
		var update struct {
			Registrations []struct{ RegistrationID, ScopeURL string }
		}
		if string(e["method"]) != `"ServiceWorker.workerRegistrationUpdated"` || json.Unmarshal(e["params"], &update) != nil {
			continue
		}
		for _, r := range update.Registrations {
			registration = r.RegistrationID
		}
	}
	origin := strings.Trim(d.eval(`location.origin`), `"`)
	d.call("ServiceWorker.deliverPushMessage", map[string]any{"origin": origin, "registrationId": registration, "data": data})
}
