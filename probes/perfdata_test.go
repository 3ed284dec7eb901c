package probes

import (
	"reflect"
	"testing"
)

func TestPerfdataIsReadAsPluginsWriteIt(t *testing.T) {
	cases := []struct {
		name, text string
		want       []measurement
	}{
		{"one", "time=0.012s;1.0;3.0;0.0;10.0", []measurement{{"time", "0.012", "s", "1.0", "3.0"}}},
		{"several", "a=1 b=2%;80", []measurement{{"a", "1", "", "", ""}, {"b", "2", "%", "80", ""}}},
		{"quoted label", "'C:\\ used'=12MB;;90", []measurement{{"C:\\ used", "12", "MB", "", "90"}}},
		{"quote in a label", "'it''s'=1", []measurement{{"it's", "1", "", "", ""}}},
		{"ranges as limits", "t=-5.5C;@10:20;~:30", []measurement{{"t", "-5.5", "C", "@10:20", "~:30"}}},
		{"comma of other languages", "t=0,5", []measurement{{"t", "0,5", "", "", ""}}},
		{"exponent", "n=1.5e6c", []measurement{{"n", "1.5e6", "c", "", ""}}},
		{"not measured", "a=U b=1", []measurement{{"b", "1", "", "", ""}}},
		{"no figure at all", "nothing to see here", nil},
		{"no label", "=5 a=1", []measurement{{"a", "1", "", "", ""}}},
		{"open quote", "'a=1", nil},
		{"words before", "and then a=1", []measurement{{"a", "1", "", "", ""}}},
		{"nothing", " \n ", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := parsePerfdata(c.text); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%q: got %+v, want %+v", c.text, got, c.want)
			}
		})
	}
}

func TestPluginOutputIsTakenApart(t *testing.T) {
	cases := []struct {
		text string
		want pluginOutput
	}{
		{"OK", pluginOutput{status: "OK"}},
		{"OK|a=1", pluginOutput{status: "OK", perfdata: "a=1"}},
		{"OK | a=1\nmore\n\nwords | b=2\nc=3\n", pluginOutput{status: "OK", more: []string{"more", "words"}, perfdata: "a=1\n b=2\nc=3"}},
		{"|a=1", pluginOutput{perfdata: "a=1"}},
		{"", pluginOutput{}},
	}
	for _, c := range cases {
		got := readPluginOutput(c.text)
		if !reflect.DeepEqual(parsePerfdata(got.perfdata), parsePerfdata(c.want.perfdata)) {
			t.Errorf("%q: perfdata %q, want %q", c.text, got.perfdata, c.want.perfdata)
		}
		got.perfdata, c.want.perfdata = "", ""
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, want %+v", c.text, got, c.want)
		}
	}
}

func FuzzPerfdata(f *testing.F) {
	for _, seed := range []string{"time=0.012s;1;3;0;10", "'it''s'=1 b=2%", "'open", "a==;;;=", "OK | a=1\nmore | b=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		said := readPluginOutput(text)
		list := parsePerfdata(said.perfdata)
		if len(list) > maxMeasurements {
			t.Fatalf("%d figures", len(list))
		}
		for _, m := range append(list, parsePerfdata(text)...) {
			if m.label == "" || !isFigure(m.value) {
				t.Errorf("%q became %+v", text, m)
			}
			if again := parsePerfdata("x=" + m.value + m.unit); len(again) != 1 || again[0].value != m.value {
				t.Errorf("%q: %+v reads as %+v", text, m, again)
			}
		}
	})
}
