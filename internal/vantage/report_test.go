package vantage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/spinware/piket/probes"
)

const leastReport = `{"run":"a","number":1,"unwell":[]}`

func TestReportIsReadWithinBounds(t *testing.T) {
	large := fmt.Sprintf(`{"run":"a","number":1,"list":"%s"}`, strings.Repeat("x", MaxReportBytes))
	many := make([]string, MaxEntries+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"key":"server/%d"}`, i)
	}
	for _, c := range []struct {
		name, encoding, body, want string // want: what the error says, "" for none
		is                         error
	}{
		{name: "the least", body: leastReport},
		{name: "more than this version knows", body: `{"run":"a","number":1,"weather":{"rain":true}}`},
		{name: "compressed", encoding: "gzip", body: string(pack([]byte(leastReport)))},
		{name: "compressed and cut off", encoding: "gzip", body: string(pack([]byte(leastReport))[:20]), want: "read the report: unexpected EOF"},
		{name: "not compressed, and said to be", encoding: "gzip", body: leastReport, want: "unpack the report: gzip: invalid header"},
		{name: "another compression", encoding: "br", body: leastReport, want: "neither gzip nor none", is: ErrEncoding},
		{name: "large", body: large, want: "larger than 8 MiB", is: ErrTooLarge},
		{name: "large once it is unpacked", encoding: "gzip", body: string(pack([]byte(large))), want: "larger than 8 MiB", is: ErrTooLarge},
		{name: "empty", want: "unexpected end of JSON input"},
		{name: "two of them", body: leastReport + leastReport, want: "after top-level value"},
		{name: "another form", body: `[]`, want: "cannot unmarshal"},
		{name: "no run", body: `{"number":1}`, want: "lacks its run"},
		{name: "no number", body: `{"run":"a"}`, want: "number is 0"},
		{name: "from the future", body: `{"run":"a","number":1,"age":-1}`, want: "age is -1ns"},
		{name: "from long ago", body: `{"run":"a","number":1,"age":3600000000001}`, want: "age is 1h0m0.000000001s"},
		{name: "a target without a key", body: `{"run":"a","number":1,"unwell":[{}]}`, want: "without a sensible key"},
		{name: "fewer misses than none", body: `{"run":"a","number":1,"unwell":[{"key":"server/a","misses":-1}]}`, want: "without a sensible key or count"},
		{name: "many targets", body: `{"run":"a","number":1,"unwell":[` + strings.Join(many, ",") + `]}`, want: "lists more than 20000 targets"},
		{name: "no list of targets", body: `{"run":"a","number":1,"unwell":{}}`, want: "want a list of targets"},
		{name: "a list that is null", body: `{"run":"a","number":1,"unwell":null}`},
		{name: "two lists that are too long together", body: `{"run":"a","number":1,"unwell":[` + strings.Join(many[:MaxEntries], ",") + `],"unwell":[{}]}`, want: "lists more than 20000 targets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := ReadReport(strings.NewReader(c.body), c.encoding)
			switch {
			case c.want == "" && (err != nil || r.Run != "a"):
				t.Errorf("got %+v, %v", r, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestReasonOfAVantageIsOnePlainLine(t *testing.T) {
	body, err := json.Marshal(Report{Run: "a", Number: 1, Unwell: []Entry{{Key: "server/a", Reason: "\x1b[2Jno\nanswer\u202e" + strings.Repeat("é", 300)}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReadReport(bytes.NewReader(body), "")
	if err != nil {
		t.Fatal(err)
	}
	if want := " [2Jno answer " + strings.Repeat("é", maxReason-14) + "…"; r.Unwell[0].Reason != want {
		t.Errorf("got %q", r.Unwell[0].Reason)
	}
}

// FuzzReport holds that what comes out of any bytes is within bounds, can be
// printed, and can be booked.
func FuzzReport(f *testing.F) {
	full, err := json.Marshal(Report{
		Run: "a", Number: 7, At: start, Age: time.Millisecond, List: "0123", Sighted: start, Cut: true,
		Unwell: []Entry{{Key: "server/web-01", State: probes.Down, Misses: 3, Alarm: true, Since: start.Add(-time.Minute), Reason: "no reply"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, plain := range [][]byte{full, []byte(leastReport), []byte(`{"run":"a","number":1,"unwell":[{"key":"server/web-01","state":"down","misses":9999999999}]}`), nil} {
		f.Add(plain, "")
		f.Add(pack(plain), "gzip")
	}
	list := listOf(twoServers(&testing.T{}))
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		r, err := ReadReport(bytes.NewReader(body), encoding)
		if err != nil {
			if r.Run != "" || r.Unwell != nil {
				t.Fatalf("something comes beside the error: %+v", r)
			}
			return
		}
		if r.Number < 1 || r.Age < 0 || r.Age > maxAge || len(r.Unwell) > MaxEntries {
			t.Fatalf("out of bounds: %+v", r)
		}
		for _, e := range r.Unwell {
			if e.Misses < 0 || len(e.Key) > maxKey || strings.ContainsFunc(e.Reason, unicode.IsControl) {
				t.Fatalf("entry %+v", e)
			}
		}
		w := &witness{name: "v0", since: start}
		w.book(r, list, start)
		if len(w.unwell) > len(list.keys) {
			t.Fatalf("kept %d targets of %d", len(w.unwell), len(list.keys))
		}
		w.standing(list.Version, start)
		if w.opinion("server/web-01") == misses && !r.Unwell[0].Since.Before(r.Sighted) && len(r.Unwell) == 1 {
			t.Fatalf("a miss counts that may be its own trouble: %+v", r)
		}
	})
}
