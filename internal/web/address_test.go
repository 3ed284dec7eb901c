package web

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyOurOwnProxiesSayWhereARequestComesFrom(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32"), netip.MustParsePrefix("2001:db8::/64")}
	for name, c := range map[string]struct {
		from string
		said []string
		want string
	}{
		"nobody in between":              {"192.0.2.7:1", nil, "192.0.2.7"},
		"a stranger who says so":         {"192.0.2.7:1", []string{"198.51.100.9"}, "192.0.2.7"},
		"our proxy":                      {"192.0.2.10:1", []string{"198.51.100.9"}, "198.51.100.9"},
		"our proxy, mapped":              {"[::ffff:192.0.2.10]:1", []string{"198.51.100.9"}, "198.51.100.9"},
		"our proxy says nothing":         {"192.0.2.10:1", nil, "192.0.2.10"},
		"a guest writes the header":      {"192.0.2.10:1", []string{"203.0.113.1, 198.51.100.9"}, "198.51.100.9"},
		"in a line of its own":           {"192.0.2.10:1", []string{"203.0.113.1", "198.51.100.9"}, "198.51.100.9"},
		"two of ours":                    {"[2001:db8::1]:1", []string{"198.51.100.9, 192.0.2.10"}, "198.51.100.9"},
		"rubbish":                        {"192.0.2.10:1", []string{"198.51.100.9, <script>"}, "192.0.2.10"},
		"IPv6 behind ours":               {"192.0.2.10:1", []string{"2001:db8:5::1"}, "2001:db8:5::1"},
		"only our own, all the way down": {"192.0.2.10:1", []string{"192.0.2.10, 192.0.2.10"}, "192.0.2.10"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &app{Server: &Server{Config: func() Config { return Config{Proxies: proxies} }}}
			r := &http.Request{RemoteAddr: c.from, Header: http.Header{"X-Forwarded-For": c.said}}
			if got := a.address(r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
