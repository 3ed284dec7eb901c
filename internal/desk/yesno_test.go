package desk

import "testing"

// A word that is taken wrongly either closes on a customer's trouble, or calls an
// engineer at night for none [6.6].
func TestYesAndNoAreTheFirstWordAndNothingTakesItBack(t *testing.T) {
	for words, want := range map[string]string{
		"yes": "yes", "YES": "yes", "Ja!": "yes", "ja, alles werkt weer": "yes", "Yes.\nBut the till was slow yesterday": "yes", "\n\n  Yes, thanks": "yes",
		"no": "no", "Nee.": "no", "NEE, niets werkt": "no", "No, the till does not": "no", "no\nyes": "no",
		"Yes, but the till does not": "", "ja maar": "", "Ja, alleen de kassa niet": "", "yes and no": "", "Yes, it still doesn't": "", "ja, nog niet": "", "Yes, it isn’t": "",
		"No problem": "", "nee hoor": "", "No worries, all is well": "", "no issues": "",
		"": "", "...": "", "yesterday": "", "nope": "", "jawel": "", "not yet": "", "Dear all, yes": "", "We say: no": "",
	} {
		got := ""
		if yes, clear := yesOrNo(words); clear {
			got = map[bool]string{true: "yes", false: "no"}[yes]
		}
		if got != want {
			t.Errorf("%q was read as %q, want %q", words, got, want)
		}
	}
}
