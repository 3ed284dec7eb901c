package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// A page is A4, upright, measured in millimetres.
const (
	pageMargin = 18.0
	pageTop    = 24.0
	lineHeight = 4.6
	textPoints = 9.5
	footer     = 16.0
	barsHeight = 30.0
)

// sheet is a PDF under construction.
type sheet struct {
	*fpdf.Fpdf
	width float64 // between the margins
	known *sfnt.Font
	buf   sfnt.Buffer
}

// PDF writes the document on A4 pages, each with its title at the top and its
// number at the bottom. made stands in the file as when it was made. The error
// is about writing, or about a font that cannot be used.
func (d Document) PDF(w io.Writer, made time.Time) error {
	known, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return fmt.Errorf("read the font: %w", err)
	}
	d = d.tidy()
	s := &sheet{Fpdf: fpdf.New("P", "mm", "A4", ""), known: known}
	s.SetCreationDate(made)
	s.SetModificationDate(made)
	s.AddUTF8FontFromBytes("go", "", goregular.TTF)
	s.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	s.SetTitle(s.clean(d.Title), true)
	s.SetMargins(pageMargin, pageTop, pageMargin)
	s.SetAutoPageBreak(true, footer+4)
	s.AliasNbPages("")
	page, _ := s.GetPageSize()
	s.width = page - 2*pageMargin
	s.frame(d)
	s.AddPage()
	s.head(d)
	for _, section := range d.Sections {
		s.section(section)
	}
	if err := s.Output(w); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	return nil
}

// clean keeps what the font can show. A letter that it has not would be left out
// without a word, and one beyond the first plane is more than the writer takes.
func (s *sheet) clean(words string) string {
	return strings.Map(func(r rune) rune {
		switch glyph, err := s.known.GlyphIndex(&s.buf, r); {
		case r > 0xffff || err != nil || glyph == 0:
			return '?'
		}
		return r
	}, words)
}

// frame has every page carry the title and its number.
func (s *sheet) frame(d Document) {
	title := s.clean(d.Title)
	s.SetHeaderFunc(func() {
		s.SetY(10)
		s.grey()
		s.SetFont("go", "", 8)
		s.CellFormat(s.width/2, 5, "piket", "", 0, "L", false, 0, "")
		s.CellFormat(s.width/2, 5, title, "", 0, "R", false, 0, "")
		s.SetDrawColor(201, 209, 220)
		s.Line(pageMargin, 16, pageMargin+s.width, 16)
		s.SetY(pageTop)
		s.black()
	})
	s.SetFooterFunc(func() {
		s.SetY(-footer)
		s.grey()
		s.SetFont("go", "", 8)
		s.CellFormat(s.width, 5, fmt.Sprintf("page %d of {nb}", s.PageNo()), "", 0, "R", false, 0, "")
		s.black()
	})
}

func (s *sheet) grey()  { s.SetTextColor(91, 102, 117) }
func (s *sheet) black() { s.SetTextColor(28, 36, 48) }

func (s *sheet) head(d Document) {
	s.SetFont("go", "B", 18)
	s.paragraph(d.Title, 8)
	s.SetFont("go", "", 11)
	s.paragraph(d.Subtitle, 6)
	s.Ln(2)
	for _, f := range d.Facts {
		s.row([]float64{26, s.width - 26}, []string{f[0], f[1]}, "")
	}
}

// paragraph writes words over the whole width. Nothing stands nowhere.
func (s *sheet) paragraph(words string, height float64) {
	if words != "" {
		s.MultiCell(s.width, height, s.clean(words), "", "L", false)
	}
}

func (s *sheet) section(section Section) {
	s.room(24)
	s.Ln(5)
	s.SetFont("go", "B", 12)
	s.paragraph(section.Title, 6)
	s.SetDrawColor(201, 209, 220)
	s.Line(pageMargin, s.GetY(), pageMargin+s.width, s.GetY())
	s.Ln(2)
	s.SetFont("go", "", textPoints)
	if section.bare() {
		s.grey()
		s.paragraph(section.Empty, lineHeight)
		s.black()
	}
	for _, words := range section.Words {
		s.paragraph(words, lineHeight)
		s.Ln(1)
	}
	s.bars(section.Bars)
	s.table(section.Table)
	if section.Note != "" {
		s.Ln(1)
		s.grey()
		s.SetFont("go", "", 8)
		s.paragraph(section.Note, 4)
		s.black()
	}
}

// room begins a new page when less than a height is left of this one.
func (s *sheet) room(height float64) {
	if _, page := s.GetPageSize(); s.GetY()+height > page-footer-4 {
		s.AddPage()
	}
}

// table writes rows whose cells break their lines; the head stands again on
// every page.
func (s *sheet) table(t Table) {
	if len(t.Rows) == 0 {
		return
	}
	widths := s.columns(t)
	s.row(widths, t.Head, "B")
	for _, cells := range t.Rows {
		before := s.PageNo()
		s.room(s.height(widths, cells, ""))
		if s.PageNo() != before {
			s.row(widths, t.Head, "B")
		}
		s.row(widths, cells, "")
	}
}

// columns shares the width out: each column what its longest cell takes, and
// where that is too much the wide ones give way.
func (s *sheet) columns(t Table) []float64 {
	const gap = 3.0
	s.SetFont("go", "B", textPoints) // the wider of both
	wants := make([]float64, len(t.Head))
	for _, cells := range append([][]string{t.Head}, t.Rows...) {
		for n, cell := range cells {
			wants[n] = max(wants[n], s.GetStringWidth(s.clean(cell))+gap)
		}
	}
	left, share := s.width, make([]float64, len(wants))
	open := len(wants)
	for open > 0 { // who wants less than an even part gets it all, the others share the rest
		even, settled := left/float64(open), false
		for n, want := range wants {
			if share[n] == 0 && want <= even {
				share[n], left, open, settled = want, left-want, open-1, true
			}
		}
		if !settled {
			for n := range wants {
				if share[n] == 0 {
					share[n] = even
				}
			}
			break
		}
	}
	return share
}

// lines breaks a cell. A word that is wider than the column is cut into pieces,
// so that nothing of it is lost.
func (s *sheet) lines(cell string, width float64) []string {
	var lines []string
	line := ""
	fits := func(words string) bool { return s.GetStringWidth(words) <= width-2 }
	for _, word := range strings.Fields(s.clean(cell)) {
		if next := strings.TrimLeft(line+" "+word, " "); fits(next) {
			line = next
			continue
		}
		if line != "" {
			lines, line = append(lines, line), ""
		}
		for _, letter := range word {
			if line != "" && !fits(line+string(letter)) {
				lines, line = append(lines, line), ""
			}
			line += string(letter)
		}
	}
	return append(lines, line)
}

func (s *sheet) height(widths []float64, cells []string, style string) float64 {
	s.SetFont("go", style, textPoints)
	most := 1
	for n, cell := range cells {
		most = max(most, len(s.lines(cell, widths[n])))
	}
	return float64(most)*lineHeight + 1
}

// row writes one row. One that is higher than a page goes on over the next.
func (s *sheet) row(widths []float64, cells []string, style string) {
	s.SetFont("go", style, textPoints)
	columns, most := make([][]string, len(cells)), 1
	for n, cell := range cells {
		columns[n] = s.lines(cell, widths[n])
		most = max(most, len(columns[n]))
	}
	for i := range most {
		s.room(lineHeight)
		s.SetFont("go", style, textPoints)
		x, y := pageMargin, s.GetY()
		for n := range cells {
			if i < len(columns[n]) {
				s.SetXY(x, y)
				s.CellFormat(widths[n], lineHeight, columns[n][i], "", 0, "L", false, 0, "")
			}
			x += widths[n]
		}
		s.SetXY(pageMargin, y+lineHeight)
	}
	s.Ln(1)
}

// bars draws the plot with its highest value, its first and its last label.
func (s *sheet) bars(b Bars) {
	if len(b.Labels) == 0 {
		return
	}
	s.room(barsHeight + 16)
	top, width, highest := s.GetY()+2, s.width/float64(len(b.Labels)), float64(b.Highest())
	for n, values := range b.Values {
		x, y := pageMargin+(float64(n)+0.15)*width, top+barsHeight
		for part, value := range values {
			if height := barsHeight * float64(value) / highest; height > 0 {
				y -= height
				s.fill(colours[part%len(colours)])
				s.Rect(x, y, 0.7*width, height, "F")
			}
		}
	}
	s.SetDrawColor(91, 102, 117)
	s.Line(pageMargin, top+barsHeight, pageMargin+s.width, top+barsHeight)
	s.SetY(top + barsHeight + 1)
	s.SetFont("go", "", 8)
	s.grey()
	s.CellFormat(s.width/2, 4, b.Labels[0], "", 0, "L", false, 0, "")
	s.CellFormat(s.width/2, 4, b.Labels[len(b.Labels)-1], "", 1, "R", false, 0, "")
	s.legend(b)
	s.black()
	s.Ln(2)
}

func (s *sheet) legend(b Bars) {
	for n, name := range b.Parts {
		s.fill(colours[n%len(colours)])
		s.Rect(s.GetX()+1, s.GetY()+0.8, 2.4, 2.4, "F")
		s.SetX(s.GetX() + 4)
		s.CellFormat(10, 4, name, "", 0, "L", false, 0, "")
	}
	s.CellFormat(0, 4, fmt.Sprintf("the highest bar is %d", b.Highest()), "", 1, "R", false, 0, "")
}

// fill sets a colour that is written as #rrggbb.
func (s *sheet) fill(colour string) {
	rgb, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		panic("report: a colour of this package is not written as #rrggbb: " + colour)
	}
	s.SetFillColor(int(rgb>>16), int(rgb>>8&0xff), int(rgb&0xff))
}
