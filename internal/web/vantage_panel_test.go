package web

import (
	"strings"
	"testing"
	"time"

	"github.com/spinware/piket/internal/vantage"
)

func TestBoardSaysHowEachVantageIs(t *testing.T) {
	for _, c := range []struct {
		standing vantage.Standing
		want     []string
	}{
		{vantage.Standing{State: vantage.Sees}, []string{`class="good"`, "<b>fra1</b> looks along"}},
		{vantage.Standing{State: vantage.Sees, Skew: -time.Hour}, []string{"looks along; its clock is off by 1h0m0s"}},
		{vantage.Standing{State: vantage.Blind}, []string{`class="bad"`, "cannot see by itself: it has no vote"}},
		{vantage.Standing{State: vantage.Behind}, []string{"does not have the list of targets yet: it has no vote"}},
		{vantage.Standing{State: vantage.Expected, Skew: time.Hour}, []string{"has not reported yet</li>"}},
		{vantage.Standing{State: vantage.Lost}, []string{`class="bad"`, "does not report: it has no vote"}},
		{vantage.Standing{State: vantage.Sees, Unwell: 3, Some: []vantage.Entry{{Key: "server/web-07", Reason: "<b>no answer</b>"}}},
			[]string{"3 not well from there", "<b>server/web-07</b> &lt;b&gt;no answer&lt;/b&gt;", "And 2 more."}},
	} {
		c.standing.Name = "fra1"
		got := fragment("vantages", vantagesOf([]vantage.Standing{c.standing}))
		for _, want := range c.want {
			if !strings.Contains(strings.ReplaceAll(got, "\n", ""), want) {
				t.Errorf("%s: the board says\n%s\nwithout %q", c.standing.State, got, want)
			}
		}
	}
}
