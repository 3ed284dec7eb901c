package simulate

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
)

// registry is how a replica looks at the world. A probe runs beside others, so
// that what it answers depends on the state of the world and on nothing else:
// not on chance, and not on who was asked before.
func (w *world) registry(r *replica) probes.Registry {
	host := func(service, shell bool) probes.Prober {
		return func(_ context.Context, t probes.Target) probes.Result { return w.askHost(r, t.Address, service, shell) }
	}
	return probes.Registry{
		"icmp": host(false, false), "tcp": host(true, false), "ssh": host(false, true),
		"bmc":        func(_ context.Context, t probes.Target) probes.Result { return w.askBMC(r, t.Address) },
		"statuspage": func(_ context.Context, t probes.Target) probes.Result { return w.askPage(r, t.URL) },
	}
}

// silence is what a probe takes that gets no answer.
const silence = 3 * time.Second

func answering() probes.Result {
	return probes.Result{State: probes.Up, Reason: "answers", Latency: time.Millisecond}
}

func (r *replica) unanswered() probes.Result {
	r.lag.Store(int64(silence)) // all are taken at once
	return probes.Result{State: probes.Down, Reason: "does not answer", Latency: silence}
}

func (w *world) askHost(r *replica, address string, service, shell bool) probes.Result {
	m, isMachine := w.byHost[address]
	site, isGateway := w.gateways[address]
	heard := false
	switch {
	case isMachine && !service && !shell:
		heard = m.answers(r, w.now)
		r.asked[m.number].Store(int64(w.now))
	case isMachine && shell:
		_, broken := m.wayDown(r)
		heard = m.answers(r, w.now) || m.hung && m.shell && m.on && m.powered() && !broken
	case isMachine:
		heard = m.answers(r, w.now) && !m.stopped
	case isGateway:
		heard = !site.state.down && !r.uplink.down
	case address == nearReference:
		heard = true
	case address == farReference:
		heard = !r.uplink.down
	}
	if !heard {
		return r.unanswered()
	}
	return answering()
}

func (w *world) askBMC(r *replica, address string) probes.Result {
	m := w.byRoute[address]
	if m == nil {
		return r.unanswered()
	}
	if _, broken := m.bmcDown(r); broken || m.lie == hangs || !m.powered() {
		return r.unanswered()
	}
	result := answering()
	result.Facts = map[string]any{"state": m.reported(), "boot_override": cmp.Or(m.override, "none")}
	if m.mute() {
		delete(result.Facts, "boot_override")
	}
	return result
}

// reported is the power as the BMC reports it.
func (m *machine) reported() string {
	if m.on == (m.lie != wrongState) {
		return "on"
	}
	return "off"
}

func (w *world) askPage(r *replica, url string) probes.Result {
	for page, site := range w.pages {
		if strings.HasPrefix(url, page) {
			if r.uplink.down {
				return r.unanswered()
			}
			trouble := w.now < site.announced
			result := answering()
			result.Facts = map[string]any{"incident": trouble, "indicator": "none", "title": "", "maintenance": false, "until": "", "information": ""}
			if trouble {
				result.Facts["indicator"], result.Facts["title"] = "major", "power trouble"
			}
			return result
		}
	}
	return r.unanswered()
}

// elsewhere is what the vantages see of a server. They have uplinks of their
// own.
func (w *world) elsewhere(key string) remediation.Vantages {
	m := w.byName[strings.TrimPrefix(key, "server/")]
	if m == nil || w.vantages == 0 {
		return remediation.Vantages{}
	}
	if !m.rack.site.state.down && !m.rack.state.down && m.up(w.now) {
		return remediation.Vantages{Up: w.vantages}
	}
	return remediation.Vantages{Down: w.vantages}
}
