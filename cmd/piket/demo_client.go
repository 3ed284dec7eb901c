package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/spinware/piket/internal/lab"
)

type kingpinClause = kingpin.CmdClause

// faultNames lists what can be broken, servers' faults first.
func faultNames() []string {
	var names []string
	for _, f := range slices.Sorted(maps.Keys(lab.Faults)) {
		names = append(names, string(f))
	}
	for _, f := range slices.Sorted(maps.Keys(lab.SiteFaults)) {
		names = append(names, string(f))
	}
	return append(names, lab.SwitchGone, lab.UplinkCut)
}

// kindOf says what can have a fault.
func kindOf(fault string) string {
	switch _, err := lab.ParseSiteFault(fault); {
	case err == nil:
		return "sites"
	case fault == lab.SwitchGone:
		return "racks"
	case fault == lab.UplinkCut:
		return "piket"
	}
	return "servers"
}

// changeLab breaks, heals or repairs something in a running demo.
func changeLab(ctx context.Context, out console, base, target, verb, fault string) error {
	kind := kindOf(fault)
	if target == "piket" {
		kind = "piket"
	}
	body, err := json.Marshal(map[string]string{"fault": fault})
	if err != nil {
		return err
	}
	status, answer, err := postJSON(ctx, fmt.Sprintf("%s/lab/api/%s/%s/%s", base, kind, target, verb), body)
	for _, wider := range []string{"sites", "racks"} {
		if err == nil && status/100 == 4 && verb == "heal" && kind == "servers" {
			status, answer, err = postJSON(ctx, fmt.Sprintf("%s/lab/api/%s/%s/heal", base, wider, target), body)
		}
	}
	if err != nil {
		return withHint(fmt.Errorf("reach the demo: %w", err), "start it with: piket demo")
	}
	if status/100 != 2 {
		var problem struct{ Error, Hint string }
		if json.Unmarshal(answer, &problem) != nil || problem.Error == "" {
			problem.Error = fmt.Sprintf("the demo answered with status %d", status)
		}
		if problem.Hint == "" {
			return fmt.Errorf("%s", problem.Error)
		}
		return withHint(fmt.Errorf("%s", problem.Error), problem.Hint)
	}
	fmt.Fprintln(out.out, strings.TrimSpace(fmt.Sprintf("%s: %s %s", target, verb, fault)))
	return nil
}

func postJSON(ctx context.Context, url string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, answer, err
}
