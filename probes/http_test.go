package probes

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
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
	case "/busy":
		w.WriteHeader(http.StatusTooManyRequests)
	case "/sick":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/huge":
		io.WriteString(w, strings.Repeat("x", 2*maxPageBytes)+"fine")
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
		{"page that stops half way", server.URL + "/stalls", "a page", Down, "no answer within", 200},
		{"page that stops after the text", server.URL + "/stalls", "half", Up, "status 200", 200},
		{"redirect", server.URL + "/moved", "", Down, `redirects to "/well"`, 302},
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
	expect(t, HTTP(t.Context(), Target{URL: server.URL}), Down, "redirects to")
	if asked.Load() != 0 {
		t.Error("the probe followed a redirect to another server")
	}
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
		{"authority of the system's list", server.URL, "", Down, "certificate"},
		{"other name", elsewhere, right, Down, "localhost"},
		{"no TLS at all", "https://" + plain, right, Down, "HTTPS client"},
		{"file that is missing", server.URL, right + ".gone", Unknown, "read CA file"},
		{"file without a certificate", server.URL, empty, Unknown, "no certificate in"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			expect(t, HTTP(t.Context(), Target{URL: c.url + "/well", CAFile: c.ca}), c.state, c.reason)
		})
	}
}
