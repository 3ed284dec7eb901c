package yamlpos_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/yamlpos"
)

type colour string

func (c *colour) UnmarshalText(text []byte) error {
	if string(text) != "red" {
		return fmt.Errorf("%q is not a colour: red", text)
	}
	*c = colour(text)
	return nil
}

type engine struct {
	Model  string  `yaml:"model,required"`
	Litres float64 `yaml:"litres"`
	Spare  *engine `yaml:"spare"`
}

type car struct {
	Name     string                   `yaml:"name,required"`
	Doors    int                      `yaml:"doors"`
	Small    int8                     `yaml:"small"`
	Electric bool                     `yaml:"electric"`
	Colour   colour                   `yaml:"colour"`
	Range    time.Duration            `yaml:"range"`
	Tags     []string                 `yaml:"tags"`
	Engine   engine                   `yaml:"engine"`
	Second   *engine                  `yaml:"second"`
	Others   []engine                 `yaml:"others"`
	Service  map[string]time.Duration `yaml:"service"`
	Engines  map[string]engine        `yaml:"engines"`
	CAFile   string                   `yaml:"ca_file"`
	Data     []string                 `yaml:"data,path"`
	Password secret.Ref               `yaml:"password,secret"`

	Hash   string `yaml:"-"`
	Source string
}

const good = `name: 0123
doors: 4
electric: true
colour: red
range: 1h30m
tags: [on, "off", +31 20, 1.50]
engine: &v8
  model: v8
  litres: 4.5
second: *v8
others:
  - <<: *v8
    litres: 3
  - {model: v6, spare: {model: v4}}
service: {oil: 30d, tyres: 1w}
engines:
  left: {model: v2}
ca_file: certs/ca.pem
data: [a, /b]
password_file: secrets/key
`

func TestEverythingThatIsWrittenIsRead(t *testing.T) {
	var got car
	if _, err := yamlpos.Decode("conf/car.yml", []byte(good), &got); err != nil {
		t.Fatal(err)
	}
	v8 := engine{Model: "v8", Litres: 4.5}
	want := car{
		Name: "0123", Doors: 4, Electric: true, Colour: "red", Range: 90 * time.Minute,
		Tags:   []string{"on", "off", "+31 20", "1.50"},
		Engine: v8, Second: &v8,
		Others:   []engine{{Model: "v8", Litres: 3}, {Model: "v6", Spare: &engine{Model: "v4"}}},
		Service:  map[string]time.Duration{"oil": 720 * time.Hour, "tyres": 168 * time.Hour},
		Engines:  map[string]engine{"left": {Model: "v2"}},
		CAFile:   "conf/certs/ca.pem",
		Data:     []string{"conf/a", "/b"},
		Password: secret.Ref{File: "conf/secrets/key"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPositionsAreThoseOfTheFile(t *testing.T) {
	var c car
	doc, err := yamlpos.Decode("car.yml", []byte(good), &c)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		got  yamlpos.Pos
		want string
	}{
		{"a value", doc.At(&c.Doors), "car.yml:2:8"},
		{"a struct", doc.At(&c.Engine), "car.yml:7:9"},
		{"its first field, at the same address", doc.At(&c.Engine.Model), "car.yml:8:10"},
		{"an entry of a list", doc.At(&c.Tags[2]), "car.yml:6:19"},
		{"a struct in a list", doc.At(&c.Others[1]), "car.yml:14:5"},
		{"a field behind a pointer", doc.At(&c.Others[1].Spare.Model), "car.yml:14:32"},
		{"what a merge brought", doc.At(&c.Others[0].Model), "car.yml:8:10"},
		{"what stands for an alias", doc.At(c.Second), "car.yml:10:9"},
		{"a key of a map", doc.Key(&c.Service, "tyres"), "car.yml:15:21"},
		{"a secret", doc.At(&c.Password), "car.yml:20:16"},
		{"a field that is not there, at what surrounds it", doc.At(&c.Others[1].Litres), "car.yml:14:5"},
		{"a pointer that is not there", doc.At(&c.Others[0].Spare), "car.yml:12:5"},
		{"a key that is not there, at the map", doc.Key(&c.Service, "brakes"), "car.yml:15:10"},
		{"what never was in a file", doc.At(new(int)), ""},
	} {
		if test.got.String() != test.want {
			t.Errorf("%s: got %q, want %q", test.name, test.got, test.want)
		}
	}
	if !doc.Given(&c.Doors) || doc.Given(&c.Small) {
		t.Error("what is given and what is not are confused")
	}
}

func TestDefaultsStayUntilTheyAreGiven(t *testing.T) {
	c := car{Doors: 5, Range: time.Hour, Tags: []string{"x"}, Service: map[string]time.Duration{"oil": 1, "tyres": 2}}
	if _, err := yamlpos.Decode("car.yml", []byte("name: a\nrange:\ntags: [y]\nservice: {oil: 3ms}\n"), &c); err != nil {
		t.Fatal(err)
	}
	want := car{Name: "a", Doors: 5, Range: time.Hour, Tags: []string{"y"},
		Service: map[string]time.Duration{"oil": 3 * time.Millisecond, "tyres": 2}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
}

var mistakes = []struct{ name, in, want string }{
	{"empty", "", "f.yml:1:1: the file is empty"},
	{"only comments", "# nothing\n", "f.yml:1:1: the file is empty"},
	{"null", "---\n", "f.yml:2:1: the file is empty"},
	{"not a mapping", "- a\n", "f.yml:1:1: the file: want a mapping, found a list"},
	{"not UTF-8", "name: é\nname: \xff\n", "f.yml:2:7: the file is not UTF-8 text"},
	{"control character", "name: a\ndoors: \x01\n", "f.yml:2:1: not valid YAML: control characters are not allowed"},
	{"two documents", "name: a\n---\nname: b\n", "f.yml:3:1: the file holds more than one document; remove the line ---"},
	{"wrong indent", "name: a\nengine:\n    model: b\n   litres: 1\ntags: []\n", "f.yml:4:4: not valid YAML: did not find expected key"},
	{"wrong indent after a list over lines", "name: a\ntags: [b,\n  c]\nengine:\n    model: b\n   litres: 1\n", "f.yml:6:4: not valid YAML: did not find expected key"},
	{"tab", "name: a\nengine:\n\tmodel: b\n", "f.yml:3:1: not valid YAML: a tab stands in the indentation; indent with spaces"},
	{"no colon", "name: a\ndoors 4\ntags: []\n", "f.yml:2:1: not valid YAML: could not find expected ':'"},
	{"open bracket", "name: a\ntags: [b\ndoors: 4\n", "f.yml:2:1: not valid YAML: did not find expected ',' or ']'"},
	{"unknown anchor", "name: *a\n", "f.yml:1:1: not valid YAML: unknown anchor 'a' referenced"},
	{"text after the end", "name: a\n...\nfoo: [\n", "f.yml:3:1: not valid YAML: did not find expected <document start>"},
	{"unknown key", "name: a\ndors: 4\n", `f.yml:2:1: unknown key "dors"; did you mean "doors"?`},
	{"unknown key, few valid ones", "name: a\nengine: {model: b, zzz: 1}\n", `f.yml:2:20: unknown key "zzz"; want one of model, litres, spare`},
	{"field without a tag", "name: a\nSource: b\n", `f.yml:2:1: unknown key "Source"`},
	{"missing key", "doors: 4\n", `f.yml:1:1: missing key "name"`},
	{"required and null", "name:\n", "f.yml:1:6: name is empty"},
	{"required and blank", `name: ""`, "f.yml:1:7: name is empty"},
	{"empty entry", "name: a\ntags:\n  - b\n  -\n", "f.yml:4:4: tags is empty"},
	{"duplicate key", "name: a\ndoors: 4\ndoors: 5\n", `f.yml:3:1: key "doors" is given twice, first on line 2`},
	{"key that is no word", "name: a\n? [b]\n: c\n", "f.yml:2:3: a key must be a word"},
	{"list for text", "name: [a]\n", "f.yml:1:7: name: want text, found a list"},
	{"text for list", "name: a\ntags: b\n", `f.yml:2:7: tags: want a list, found "b"; put it in brackets: tags: […]`},
	{"mapping for list", "name: a\ntags: {b: c}\n", "f.yml:2:7: tags: want a list, found a mapping"},
	{"text for struct", "name: a\nengine: b\n", `f.yml:2:9: engine: want a mapping, found "b"`},
	{"text for map", "name: a\nservice: b\n", `f.yml:2:10: service: want a mapping, found "b"`},
	{"text for number", "name: a\ndoors: four\n", `f.yml:2:8: doors: want a whole number, found "four"`},
	{"quoted number", "name: a\ndoors: \"4\"\n", `f.yml:2:8: doors: want a whole number, found "4"`},
	{"octal number", "name: a\ndoors: 010\n", `f.yml:2:8: doors: want a whole number, found "010"`},
	{"number too large", "name: a\nsmall: 128\n", `f.yml:2:8: small: want a whole number, found "128"`},
	{"infinity", "name: a\nengine: {model: b, litres: .inf}\n", `f.yml:2:28: litres: want a number, found ".inf"`},
	{"yes", "name: a\nelectric: yes\n", `f.yml:2:11: electric: want true or false, found "yes"`},
	{"number for duration", "name: a\nrange: 5\n", `f.yml:2:8: range: want a duration such as 30s, 5m or 1h30m, found "5"`},
	{"duration in a map", "name: a\nservice: {oil: soon}\n", `f.yml:2:16: service.oil: want a duration such as 30s, 5m or 1h30m, found "soon"`},
	{"text that a type refuses", "name: a\ncolour: blue\n", `f.yml:2:9: colour: "blue" is not a colour: red`},
	{"list for such a type", "name: a\ncolour: [red]\n", "f.yml:2:9: colour: want text, found a list"},
	{"tag", "name: !vault a\n", `f.yml:1:7: name: the tag "!vault" means nothing here`},
	{"binary", "name: !!binary YQ==\n", `f.yml:1:7: name: the tag "!!binary" means nothing here`},
	{"merge of text", "name: a\nengine: {<<: b, model: c}\n", `f.yml:2:14: <<: want a mapping, found "b"`},
	{"anchor in itself", "name: a\nengine: &e\n  model: b\n  spare: *e\n", `f.yml:4:10: the anchor "e" contains itself`},
	{"anchor merged into itself", "name: a\nengine: &e {model: b, <<: *e}\n", `f.yml:2:27: the anchor "e" contains itself`},
	{"literal secret", "name: a\npassword: opensesame\n",
		"f.yml:2:1: password: a secret may not stand in this file; put it in a file that only piket can read and write password_file: PATH"},
	{"two places for a secret", "name: a\npassword_file: b\npassword_env: C\n",
		"f.yml:3:1: password: more than one place is given for one secret; keep one"},
	{"path for a credential", "name: a\npassword_credential: ../b\n", "f.yml:2:22: password_credential: want the name of a systemd credential"},
	{"no variable", "name: a\npassword_env: open sesame\n", "f.yml:2:15: password_env: want the name of an environment variable"},
	{"no path", "name: a\npassword_file: {b: c}\n", "f.yml:2:16: password_file: want the path of a file"},
	{"all at once, in order", "zzzz: 1\ndoors: x\nengine: {litres: y}\n",
		"f.yml:1:1: unknown key \"zzzz\"\nf.yml:1:1: missing key \"name\"\nf.yml:2:8: doors: want a whole number, found \"x\"\n" +
			"f.yml:3:9: missing key \"model\"\nf.yml:3:18: litres: want a number, found \"y\""},
	{"a mistake behind two aliases is one mistake", "name: a\nothers: [&e {model: b, litres: x}, *e, *e]\n", `f.yml:2:32: litres: want a number, found "x"`},
}

func TestEachMistakeIsSaidAtItsPlace(t *testing.T) {
	for _, test := range mistakes {
		t.Run(test.name, func(t *testing.T) {
			var c car
			_, err := yamlpos.Decode("f.yml", []byte(test.in), &c)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if err.Error() != test.want {
				t.Errorf("got\n%s\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestWhatIsRightIsReadBesideMistakes(t *testing.T) {
	var c car
	_, err := yamlpos.Decode("f.yml", []byte("name: a\ndoors: x\ncolor: red\ntags: [b]\n"), &c)
	var problems yamlpos.Problems
	if !errors.As(err, &problems) || len(problems) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	if c.Name != "a" || len(c.Tags) != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestAnAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: a\nothers:\n  - &a0 {model: x}\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "  - &a%d {model: x, spare: {model: y, spare: *a%d}, <<: [%s]}\n", i, i-1,
			strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	var c car
	_, err := yamlpos.Decode("f.yml", []byte(b.String()), &c)
	if err == nil || !strings.Contains(err.Error(), "aliases stand for more than 100000 values") {
		t.Fatalf("got %v", err)
	}
	if n := strings.Count(err.Error(), "aliases stand for"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

func TestAFileThatIsTooLargeIsRefused(t *testing.T) {
	var c car
	_, err := yamlpos.Decode("f.yml", make([]byte, yamlpos.MaxFileBytes+1), &c)
	if err == nil || err.Error() != "f.yml:1:1: the file is larger than 10 MiB" {
		t.Fatalf("got %v", err)
	}
}

func TestAFileThatIsNotThereIsAProblem(t *testing.T) {
	var doc yamlpos.Document
	err := doc.DecodeFile("testdata/none.yml", new(car))
	if err == nil || err.Error() != "testdata/none.yml: read file: no such file or directory" {
		t.Fatalf("got %v", err)
	}
}

func TestOneDocumentRemembersSeveralFiles(t *testing.T) {
	var doc yamlpos.Document
	var a, b car
	if err := errors.Join(doc.Decode("a.yml", []byte("name: x"), &a), doc.Decode("b.yml", []byte("\nname: y"), &b)); err != nil {
		t.Fatal(err)
	}
	if got := doc.At(&a.Name).String() + " " + doc.At(&b.Name).String(); got != "a.yml:1:7 b.yml:2:7" {
		t.Errorf("got %s", got)
	}
}

func TestAMistakeInTheProgramPanics(t *testing.T) {
	for name, out := range map[string]any{
		"not a pointer": car{},
		"unknown option": &struct {
			A string `yaml:"a,requierd"`
		}{},
		"secret without its type": &struct {
			A string `yaml:"a,secret"`
		}{},
		"type without its option": &struct {
			A secret.Ref `yaml:"a"`
		}{},
		"type that cannot be read": &struct {
			A chan int `yaml:"a"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it did not panic")
				}
			}()
			yamlpos.Decode("f.yml", []byte("a: b"), out)
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: &a [*a]\nothers: [{<<: [*a]}]\n"))
	f.Add([]byte("name: a\n---\nb\n"))
	f.Add([]byte("\xef\xbb\xbfname: a\nengine: !!int {model: 2}\npassword: b\n"))
	f.Add([]byte("? ? a\n: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c car
		_, err := yamlpos.Decode("f.yml", data, &c)
		if err == nil {
			return
		}
		var problems yamlpos.Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("the error is a %T", err)
		}
		for _, p := range problems {
			if p.Pos.File != "f.yml" || p.Pos.Line < 1 || p.Pos.Col < 1 {
				t.Errorf("no position: %+v", p)
			}
			if strings.ContainsAny(p.String(), "\n\r") {
				t.Errorf("more than one line: %q", p)
			}
		}
	})
}
