package remediation

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/runbooks"
)

func TestNobodyCutsPowerUnderSomebodyElsesWork(t *testing.T) {
	restart := runbooks.Remedy{ID: "restart-service", SSH: []string{"true"}}
	tests := map[string]struct {
		others Others
		facts  map[string]any
		remedy runbooks.Remedy
		why    string // "" when nothing is in the way
	}{
		"nobody":                        {Others{}, map[string]any{"state": "on", "task": "", "console": ""}, cycle, ""},
		"a BMC that cannot tell":        {Others{}, nil, cycle, ""},
		"maintenance":                   {Others{Maintenance: "new switches"}, nil, cycle, "new switches"},
		"maintenance, for a restart":    {Others{Maintenance: "new switches"}, nil, restart, "new switches"},
		"a silence":                     {Others{Silence: "migration"}, nil, cycle, "migration"},
		"hands in the rack":             {Others{Hands: "INC-2"}, nil, cycle, "INC-2"},
		"hands, for a restart":          {Others{Hands: "INC-2"}, nil, restart, ""},
		"a crash dump":                  {Others{Dumping: noon.Add(-time.Minute)}, nil, cycle, "crash dump"},
		"a crash dump that has ended":   {Others{Dumping: noon.Add(-3 * time.Minute)}, nil, cycle, ""},
		"one that began this moment":    {Others{Dumping: noon.Add(time.Second)}, nil, cycle, "crash dump"},
		"one before a clock was set":    {Others{Dumping: noon.Add(time.Hour)}, nil, cycle, ""},
		"a firmware job":                {Others{}, map[string]any{"task": "BIOS update, 40 %"}, cycle, "BIOS update"},
		"a firmware job, for a restart": {Others{}, map[string]any{"task": "BIOS update, 40 %"}, restart, ""},
		"somebody on the console":       {Others{}, map[string]any{"console": "kvm by ops"}, cycle, "kvm by ops"},
		"a panic just now":              {Others{}, map[string]any{"panic": "OS stop"}, cycle, "OS stop"},
		"a start just now":              {Others{}, map[string]any{"boot_event": noon.Add(-9 * time.Minute).Format(time.RFC3339)}, cycle, "may still be coming up"},
		"a start a while ago":           {Others{}, map[string]any{"boot_event": noon.Add(-11 * time.Minute).Format(time.RFC3339)}, cycle, ""},
		"a clock that is days ahead":    {Others{}, map[string]any{"boot_event": noon.AddDate(0, 0, 2).Format(time.RFC3339)}, cycle, ""},
		"no panic":                      {Others{}, map[string]any{"panic": ""}, cycle, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := about(t, "s0r0u0")
			f.Others = test.others
			f.Diagnosis.Checks = []incident.Check{{ID: "power", Kind: "bmc", State: incident.Up, Facts: test.facts}}
			no := nobodyElseAtWork(f, test.remedy)
			switch {
			case (no != nil) != (test.why != ""):
				t.Errorf("%+v, want a refusal: %q", no, test.why)
			case no != nil && (!strings.Contains(no.Why, test.why) || !no.Until.After(noon)):
				t.Errorf("%+v, want it to say %q and a time to look again", no, test.why)
			}
		})
	}
}
