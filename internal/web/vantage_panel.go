package web

import (
	"fmt"
	"time"

	"github.com/spinware/piket/internal/vantage"
)

// vantageView is one vantage on the board.
type vantageView struct {
	Name, Tone, Words string
	Unwell            int
	Some              []vantage.Entry
	More              int // not well, and not named
}

// maxSkew is how far a vantage's clock may be off before it is worth a word.
// Nothing rests on it; its owner will want to know.
const maxSkew = 5 * time.Second

// vantagesOf says how the vantages are; nil when there are none.
func vantagesOf(list []vantage.Standing) []vantageView {
	var views []vantageView
	for _, s := range list {
		v := vantageView{Name: s.Name, Unwell: s.Unwell, Some: s.Some, More: s.Unwell - len(s.Some)}
		v.Tone, v.Words = vantageWords(s)
		if s.Reports() && s.Skew.Abs() > maxSkew {
			v.Words += fmt.Sprintf("; its clock is off by %v", s.Skew.Round(time.Second).Abs())
		}
		views = append(views, v)
	}
	return views
}

// vantageWords says what the state of a vantage means for those who rely on it.
func vantageWords(s vantage.Standing) (tone, words string) {
	switch s.State {
	case vantage.Sees:
		return toneGood, "looks along"
	case vantage.Blind:
		return toneBad, "reports, and cannot see by itself: it has no vote"
	case vantage.Behind:
		return toneAct, "reports, and does not have the list of targets yet: it has no vote"
	case vantage.Expected:
		return toneAct, "has not reported yet"
	}
	return toneBad, "does not report: it has no vote"
}
