package incident_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/incident"
)

// fill gives every field of a payload a value that is not zero; words are the
// text that its strings hold.
func fill(v reflect.Value, words string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(start))
		return
	case alerts.Alert:
		v.Set(reflect.ValueOf(alerts.Alert{Source: "probe", Status: alerts.Firing, Labels: alerts.Labels{"alertname": words},
			Annotations: alerts.Labels{"summary": words}, StartsAt: start, Fingerprint: "f"}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), words)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), words)
		fill(v.Index(1), words)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, words)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(words), value)
	case reflect.Interface:
		v.Set(reflect.ValueOf(words))
	case reflect.String:
		v.SetString(words)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(2)
	case reflect.Uint64:
		v.SetUint(2)
	default:
		panic("fill: no value for a " + v.Type().String())
	}
}

// payloads returns each kind of event, zero and with every field filled.
func payloads(t *testing.T, words string) map[incident.Kind][]incident.Payload {
	t.Helper()
	all := map[incident.Kind][]incident.Payload{}
	for kind, read := range incident.Kinds {
		zero, err := read([]byte("{}"))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		full := reflect.New(reflect.TypeOf(zero)).Elem()
		fill(full, words)
		// Levels and the like check their words when read.
		if c, ok := full.Interface().(incident.Classified); ok {
			c.Impact, c.Urgency, c.Priority = incident.High, incident.Low, incident.P2
			full.Set(reflect.ValueOf(c))
		}
		all[kind] = []incident.Payload{zero, full.Interface().(incident.Payload)}
	}
	return all
}

func TestEveryKindComesBackFromStorageAsItWas(t *testing.T) {
	for kind, list := range payloads(t, "some words") {
		want := list[1]
		if want.Kind() != kind {
			t.Errorf("%T is listed as %q and calls itself %q", want, kind, want.Kind())
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		got, err := incident.Decode(kind, data)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as\n%+v, was\n%+v", kind, got, want)
		}
	}
}

func TestEveryKindSaysOneCleanSentence(t *testing.T) {
	for _, words := range []string{"some words", "it says so.", "two\nlines\r\n", "is it? ", "\tmore…", "450 4.3.0 busy\n450 4.3.0 later."} {
		for kind, list := range payloads(t, words) {
			text := list[1].Text()
			last := []rune(text)[len([]rune(text))-1]
			switch {
			case strings.ContainsAny(text, "\n\r\t"):
				t.Errorf("%s breaks the line: %q", kind, text)
			case !strings.ContainsRune(".!?…", last):
				t.Errorf("%s does not end with a mark: %q", kind, text)
			case strings.HasSuffix(text, "..") || strings.HasSuffix(text, " ."):
				t.Errorf("%s ends untidily: %q", kind, text)
			case strings.Contains(text, "%!") || strings.Contains(text, "0001-01-01"):
				t.Errorf("%s is garbled: %q", kind, text)
			}
		}
	}
}

// A payload type that the list lacks would be written and never read again; the
// compiler cannot say so.
func TestEveryPayloadTypeIsListed(t *testing.T) {
	types := 0
	for _, name := range []string{"payloads.go", "machine.go", "approval.go", "grade.go", "people.go", "confirmation.go", "telling.go", "review.go", "duty.go", "roster.go", "roles.go", "push.go", "order.go", "order_try.go", "on_site.go", "identity.go", "ring.go", "mail.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Kind" {
				types++
			}
		}
	}
	if types == 0 || types != len(incident.Kinds) {
		t.Errorf("%d types have a kind, %d kinds are listed", types, len(incident.Kinds))
	}
}

func TestKindOfANewerVersionIsRefusedAndNotForgotten(t *testing.T) {
	if _, err := incident.Decode("from_the_future", []byte("{}")); err == nil || !strings.Contains(err.Error(), "not known to this version") {
		t.Errorf("got %v", err)
	}
	if _, err := incident.Decode("opened", []byte("{")); err == nil || !strings.Contains(err.Error(), "decode opened") {
		t.Errorf("got %v", err)
	}
}

func TestEventReadsTheSameInJSON(t *testing.T) {
	e, err := timeline(at{0, incident.Note{By: "noor", Words: "the fan is loud"}})[0].Seal("")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"incident":"INC-2026-0001","seq":1,"at":"2026-01-05T03:00:00Z","recorded":"2026-01-05T03:00:00Z","type":"note",` +
		`"actor":"piket","text":"noor notes: the fan is loud.","data":{"by":"noor","words":"the fan is loud"},"hash":"` + e.Hash + `"}`
	if string(data) != want {
		t.Errorf("got\n%s\nwant\n%s", data, want)
	}
}
