//go:build e2e

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tab is one page in a browser that is told by its debugging pipe what a person
// would do: JSON, each message ended by a zero byte.
type tab struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	session string
	last    int
}

// open opens a page in a browser of its own.
func (b *browserOf) open(path string) *tab {
	b.t.Helper()
	toBrowser, in, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	var flags []string
	for _, flag := range browserFlags {
		if !strings.HasPrefix(flag, "--timeout") {
			flags = append(flags, flag)
		}
	}
	cmd := exec.Command(b.program, append([]string{"--user-data-dir=" + b.t.TempDir(), "--remote-debugging-pipe", "--window-size=1000,1400"}, flags...)...)
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	b.t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		out.Close()
	})
	p := &tab{t: b.t, in: in, out: bufio.NewReader(out)}
	var target struct{ TargetID string }
	p.do("Target.createTarget", map[string]any{"url": b.url + path}, &target)
	var attached struct{ SessionID string }
	p.do("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	until(b.t, path+" is loaded", func() bool { return p.js("location.href+document.readyState") == b.url+path+"complete" })
	return p
}

// do has the browser do one thing and waits until it has.
func (p *tab) do(method string, params any, into any) {
	p.t.Helper()
	p.last++
	message, err := json.Marshal(map[string]any{"id": p.last, "method": method, "params": params, "sessionId": p.session})
	if p.session == "" {
		message, err = json.Marshal(map[string]any{"id": p.last, "method": method, "params": params})
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(message, 0)); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
	for {
		text, err := p.out.ReadBytes(0)
		if err != nil {
			p.t.Fatalf("%s: the browser says nothing: %v", method, err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &answer); err != nil {
			p.t.Fatal(err)
		}
		if answer.ID != p.last {
			continue // news of the page
		}
		if answer.Error != nil {
			p.t.Fatalf("%s: %s", method, answer.Error.Message)
		}
		if into != nil {
			if err := json.Unmarshal(answer.Result, into); err != nil {
				p.t.Fatal(err)
			}
		}
		return
	}
}

// js returns what an expression is on the page.
func (p *tab) js(expression string) string {
	p.t.Helper()
	var got struct{ Result struct{ Value any } }
	p.do("Runtime.evaluate", map[string]any{"expression": expression}, &got)
	return fmt.Sprint(got.Result.Value)
}

// types writes into a field, letter by letter, as a keyboard does.
func (p *tab) types(field, text string) {
	p.t.Helper()
	p.js(fmt.Sprintf("document.getElementById(%q).focus()", field))
	for _, letter := range text {
		for _, kind := range []string{"keyDown", "keyUp"} {
			key := map[string]any{"type": kind, "key": string(letter)}
			if kind == "keyDown" {
				key["text"] = string(letter)
			}
			p.do("Input.dispatchKeyEvent", key, nil)
		}
	}
}

// picture keeps a picture of the page, for who wants to look.
func (p *tab) picture(file string) {
	p.t.Helper()
	var shot struct{ Data string }
	p.do("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// [2.1, 6.1] Support takes a report while the customer is on the line: what is
// known of them appears as their name is typed, and what to tell them after it.
func TestSupportTakesAReportInABrowser(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: apt-get install chromium")
	}
	b := &browserOf{t: t, program: browser, dir: t.TempDir()}
	b.demo()
	id := b.waitForQuestion()
	p := b.open("/report")
	p.types("summary", "the shop is gone")
	p.types("customer", "web-01")
	known := func() string { return p.js("document.getElementById('known').innerText") }
	until(t, "the customer of web-01 appears", func() bool { return strings.Contains(known(), id+" is open") })
	if text := known(); !strings.Contains(text, "We know since") || !strings.Contains(text, "web-01") {
		t.Errorf("what appears is %q", text)
	}
	if text := p.js("document.getElementById('summary').value"); text != "the shop is gone" {
		t.Errorf("what was typed before is %q", text)
	}
	file := filepath.Join(b.dir, "report.png")
	p.picture(file)
	if colours, _ := measure(b.picture(file)); colours < 20 {
		t.Errorf("%d colours only; it looks blank", colours)
	}
	p.js("document.querySelector('#known input[type=radio]').click()")
	p.js("document.querySelector('form[action=\"/report\"] button.main').click()")
	until(t, "the report is taken", func() bool { return strings.HasPrefix(p.js("location.pathname"), "/report/INC-") })
	until(t, "the page is there", func() bool { return p.js("document.readyState") == "complete" })
	text := p.js("document.body.innerText")
	for _, want := range []string{"it joins " + id, "We know since", "The next word comes"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page after it does not say %q: %s", want, text)
		}
	}
	b.looks("reported", p.js("location.pathname+location.search"))
}
