package yamlpos

import "strings"

// maxWord bounds the words that are compared; longer ones have no neighbours.
const maxWord = 64

// Nearest returns the valid word that somebody who wrote word most likely
// meant. It forgives one slip (a letter missing, added, wrong, or swapped with
// its neighbour) for every three letters, differences of case, and an
// abbreviation of at least three letters that fits a single word.
func Nearest(word string, valid []string) (string, bool) {
	if word == "" || len(word) > maxWord {
		return "", false
	}
	lower := strings.ToLower(word)
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, candidate := range valid {
		if len(candidate) > maxWord {
			continue
		}
		if d := distance([]rune(lower), []rune(strings.ToLower(candidate))); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		best = abbreviated(lower, valid)
	}
	return best, best != ""
}

// abbreviated returns the only valid word that begins with prefix.
func abbreviated(prefix string, valid []string) string {
	if len(prefix) < 3 {
		return ""
	}
	found := ""
	for _, candidate := range valid {
		if !strings.HasPrefix(strings.ToLower(candidate), prefix) {
			continue
		}
		if found != "" {
			return ""
		}
		found = candidate
	}
	return found
}

// distance counts the slips between a and b: the optimal string alignment
// distance, of which three rows are enough.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			slip := 1
			if a[i-1] == b[j-1] {
				slip = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+slip)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
