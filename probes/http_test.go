package probes

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// site serves pages that are well and pages that are not.
func site(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/well":
		io.WriteString(w, "<html>everything is fine</html>")
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/moved":
		http.Redirect(w, r, "/well", http.StatusFound)
	case "/round":
		http.Redirect(w, r, "/round", http.StatusFound)
	case "/inside":
		http.Redirect(w, r, "http://10.0.0.1/admin", http.StatusFound)
	case "/packed":
		w.Header().Set("Content-Encoding", "gzip")
		bomb(w)
	case "/busy":
		w.WriteHeader(http.StatusTooManyRequests)
	case "/sick":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/huge":
		io.WriteString(w, strings.Repeat("x", 2*maxPageBytes)+"fine")
	case "/flood":
		for range 50 {
			w.Write(make([]byte, 1<<20))
		}
	case "/stalls":
		io.WriteString(w, "half a ")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/header":
		w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
	default:
		http.NotFound(w, r)
	}
}

const hints = "HTTP/1.1 103 Early Hints\r\n\r\n"

func TestHTTPBelievesOnlyAGoodAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(site))
	defer server.Close()
	cases := []struct {
		name, url, expect string
		state             State
		reason            string
		status            any
	}{
		{"well", server.URL + "/well", "", Up, "status 200 in", 200},
		{"no content", server.URL + "/empty", "", Up, "status 204", 204},
		{"expected text", server.URL + "/well", "is fine", Up, "status 200", 200},
		{"other text", server.URL + "/well", "is broken", Down, `lacks the text "is broken"`, 200},
		{"text too far away", server.URL + "/huge", "fine", Down, "first 1024 KiB", 200},
		{"text behind 50 MB", server.URL + "/flood", "fine", Down, "first 1024 KiB", 200},
		{"50 MB that nobody reads", server.URL + "/flood", "", Up, "status 200", 200},
		{"page that stops half way", server.URL + "/stalls", "a page", Down, "no answer within", 200},
		{"page that stops after the text", server.URL + "/stalls", "half", Up, "status 200", 200},
		{"redirect", server.URL + "/moved", "", Unknown, `redirects to "/well", which is not followed`, 302},
		{"packed page", server.URL + "/packed", "fine", Unknown, "comes packed (gzip)", 200},
		{"packed page that nobody reads", server.URL + "/packed", "", Up, "status 200", 200},
		{"not found", server.URL + "/nothing", "", Down, "status 404 Not Found", 404},
		{"server error", server.URL + "/sick", "", Down, "status 503 Service Unavailable", 503},
		{"asked too often", server.URL + "/busy", "", Unknown, "status 429", 429},
		{"endless header", server.URL + "/header", "", Down, "header is larger than 64 KiB", nil},
		{"refused", "http://" + refused(t), "", Down, "connection refused", nil},
		{"silent", "http://" + listener(t, nil), "", Down, "no answer within", nil},
		{"hangs up", "http://" + listener(t, hangsUp("")), "", Down, "conn", nil},
		{"not HTTP", "http://" + listener(t, says("220 mail.example.net ESMTP\r\n")), "", Down, "malformed", nil},
		{"early hints first", "http://" + listener(t, says(hints+"HTTP/1.1 200 OK\r\n\r\n")), "", Up, "status 200", 200},
		{"hints for ever", "http://" + listener(t, says(strings.Repeat(hints, 9))), "", Down, "status of 1xx", nil},
		{"no such name", "http://shop.invalid/", "", Unknown, "look up shop.invalid", nil},
		{"other scheme", "ftp://192.0.2.1/", "", Unknown, "not an http or https address", nil},
		{"no URL", "", "", Unknown, "not an http or https address", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			timeout := waitsFor(c.name, "silent", "no such name", "page that stops half way", "page that stops after the text")
			result := HTTP(t.Context(), Target{URL: c.url, Expect: c.expect, Timeout: timeout})
			expect(t, result, c.state, c.reason)
			if got := result.Facts["status"]; got != c.status {
				t.Errorf("fact status is %v, want %v", got, c.status)
			}
		})
	}
}

func TestHTTPAsksNobodyButItsTarget(t *testing.T) {
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusMovedPermanently))
	defer server.Close()
	for _, follow := range []bool{false, true} {
		expect(t, HTTP(t.Context(), Target{URL: server.URL, Redirects: follow}), Unknown, "redirects to")
	}
	if asked.Load() != 0 {
		t.Error("the probe followed a redirect to another server")
	}
}

// bomb writes 50 MB of zeros, packed into 50 kB.
func bomb(w io.Writer) {
	packer := gzip.NewWriter(w)
	defer packer.Close()
	for range 50 {
		packer.Write(make([]byte, 1<<20))
	}
}

func TestHTTPWantsWhatTheInventorySays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(site))
	defer server.Close()
	cases := []struct {
		name, path string
		target     Target
		state      State
		reason     string
	}{
		{"one of several", "/empty", Target{Status: []int{200, 204}}, Up, "status 204"},
		{"none of them", "/well", Target{Status: []int{201, 204}}, Down, "status 200 OK, want 201 or 204"},
		{"not found is wanted", "/nothing", Target{Status: []int{404}}, Up, "status 404"},
		{"the redirect is wanted", "/moved", Target{Status: []int{302}}, Up, "status 302"},
		{"a redirect in place of the page", "/moved", Target{Status: []int{200}}, Down, "status 302 Found, want 200"},
		{"pattern", "/well", Target{ExpectRegex: `every\w+ is (fine|well)`}, Up, "status 200"},
		{"pattern that is nowhere", "/well", Target{ExpectRegex: `^fine`}, Down, "anything that matches \"^fine\""},
		{"text and pattern", "/well", Target{Expect: "html", ExpectRegex: "broken"}, Down, "anything that matches"},
		{"no pattern", "/well", Target{ExpectRegex: `a(b`}, Unknown, "expect_regex in the inventory"},
		{"redirect on the same host", "/moved", Target{Redirects: true, Expect: "fine"}, Up, "status 200"},
		{"redirect in a circle", "/round", Target{Redirects: true}, Unknown, "one redirect too many"},
		{"redirect to a private address", "/inside", Target{Redirects: true}, Unknown, "another host"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.target.URL = server.URL + c.path
			result := HTTP(t.Context(), c.target)
			expect(t, result, c.state, c.reason)
			if !strings.Contains(strings.Join(result.Evidence, "\n"), "GET "+server.URL) {
				t.Errorf("the evidence does not say what was asked: %q", result.Evidence)
			}
		})
	}
}

func TestOnlyTheSameSiteIsFollowed(t *testing.T) {
	cases := []struct {
		first, next string
		want        bool
	}{
		{"http://shop.example.net/", "http://shop.example.net/nl", true},
		{"http://shop.example.net/", "https://shop.example.net/", true},
		{"https://shop.example.net/", "http://shop.example.net/", false},
		{"https://shop.example.net/", "https://www.example.net/", false},
		{"http://shop.example.net/", "http://shop.example.net:8080/", false},
		{"http://shop.example.net/", "https://shop.example.net:8443/", false},
		{"http://shop.example.net/", "http://user@shop.example.net/", false},
		{"http://shop.example.net/", "http://[::1]/", false},
	}
	for _, c := range cases {
		first, err := url.Parse(c.first)
		if err != nil {
			t.Fatal(err)
		}
		next, err := url.Parse(c.next)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameSite(next, first); got != c.want {
			t.Errorf("from %s to %s: %t, want %t", first, next, got, c.want)
		}
	}
}

// wire is a connection on which everything has been said already.
type wire struct {
	net.Conn
	io.Reader
}

func (w wire) Read(p []byte) (int, error)  { return w.Reader.Read(p) }
func (w wire) Write(p []byte) (int, error) { return len(p), nil }

func FuzzHTTPAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
		hints + "HTTP/1.0 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b", "220 mail\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		request := httptest.NewRequest(http.MethodGet, "http://www.example.net/", nil)
		target := Target{URL: "http://www.example.net/", Expect: "fine", ExpectRegex: "f.n"}
		response, err := exchange(wire{Reader: bytes.NewReader(sent)}, request)
		if err != nil {
			expect(t, target.webBroke(t.Context(), err), Down, "")
			return
		}
		result := target.judgeResponse(t.Context(), response, 0)
		if result.State == Up && !bytes.Contains(sent, []byte("f")) {
			t.Errorf("up (%s) by %q", result.Reason, sent)
		}
		for _, text := range append(result.Evidence, result.Reason) {
			if text == "" || clause(text) != text {
				t.Errorf("shows %q", text)
			}
		}
	})
}

func TestHTTPSTrustsOnlyTheNamedAuthority(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(site))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of every client that hangs up
	server.StartTLS()
	defer server.Close()
	right := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(right, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := listener(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 1))
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	cases := []struct {
		name, url, ca string
		state         State
		reason        string
	}{
		{"right authority", server.URL, right, Up, "status 200"},
		{"authority of the system's list", server.URL, "", Unknown, "is signed by"},
		{"other name", elsewhere, right, Unknown, "and not for localhost"},
		{"no TLS at all", "https://" + plain, right, Down, "plain HTTP and not in TLS"},
		{"file that is missing", server.URL, right + ".gone", Unknown, "read certificates"},
		{"file without a certificate", server.URL, empty, Unknown, "holds no certificate"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, HTTP(t.Context(), Target{URL: c.url + "/well", CAFile: c.ca}), c.state, c.reason)
		})
	}
}
