package probes

import "strings"

// pluginOutput is what a plug-in printed, in its three parts.
type pluginOutput struct {
	status   string   // the first line, without what follows the bar
	more     []string // the lines after it
	perfdata string   // what follows a bar, in the first line and after the others
}

// readPluginOutput takes a plug-in's output apart:
//
//	status text | perfdata
//	more text
//	more text | more perfdata
//	still more perfdata
func readPluginOutput(text string) pluginOutput {
	first, rest, _ := strings.Cut(strings.TrimLeft(text, "\r\n"), "\n")
	status, perfdata, _ := strings.Cut(first, "|")
	more, morePerfdata, _ := strings.Cut(rest, "|")
	said := pluginOutput{
		status:   strings.TrimSpace(status),
		perfdata: strings.TrimSpace(perfdata + " " + morePerfdata),
	}
	for line := range strings.Lines(more) {
		if line = strings.TrimSpace(line); line != "" {
			said.more = append(said.more, line)
		}
	}
	return said
}

// measurement is one figure of a plug-in.
type measurement struct {
	label, value, unit string
	warning, critical  string // limits, as the plug-in writes them
}

// maxMeasurements bounds how many figures of one plug-in are shown.
const maxMeasurements = 32

// parsePerfdata reads figures as plug-ins write them:
//
//	'label'=value[unit];[warning];[critical];[min];[max] …
//
// A label may stand in quotes, and holds two of them for one. What is not such
// a figure is passed over.
func parsePerfdata(text string) []measurement {
	var list []measurement
	for len(list) < maxMeasurements {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			break
		}
		label, rest := cutLabel(text)
		var figure string
		figure, text = cutWord(rest)
		if m, ok := parseFigure(label, figure); ok {
			list = append(list, m)
		}
	}
	return list
}

// cutLabel returns a label, and what follows its equals sign. Without one, it
// returns no label and the text that it was given.
func cutLabel(text string) (label, rest string) {
	if !strings.HasPrefix(text, "'") {
		label, rest, found := strings.Cut(text, "=")
		if !found || strings.ContainsAny(label, " \t\r\n") {
			return "", text
		}
		return label, rest
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '\'':
			b.WriteByte(text[i])
		case strings.HasPrefix(text[i:], "''"):
			b.WriteByte('\'')
			i++
		default:
			if rest, ok := strings.CutPrefix(text[i:], "'="); ok {
				return b.String(), rest
			}
			return "", text
		}
	}
	return "", text
}

// cutWord cuts at the first white space.
func cutWord(text string) (word, rest string) {
	if i := strings.IndexAny(text, " \t\r\n"); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

func parseFigure(label, figure string) (measurement, bool) {
	fields := strings.Split(figure, ";")
	value := strings.TrimRight(fields[0], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%µ")
	m := measurement{label: label, value: value, unit: fields[0][len(value):]}
	if len(fields) > 1 {
		m.warning = fields[1]
	}
	if len(fields) > 2 {
		m.critical = fields[2]
	}
	return m, label != "" && isFigure(value)
}

// isFigure accepts 12, -0.5 and the comma of other languages; "U" (not
// measured) is no figure.
func isFigure(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return strings.ContainsAny(s, "0123456789") && strings.Trim(s, "0123456789.,eE+-") == ""
}
