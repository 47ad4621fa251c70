package notice

import (
	"embed"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"unicode/utf8"
)

// letter is a notice in words, before it is laid out.
type letter struct {
	Subject string
	// Tone is how bad it is: "bad", "warn" or "good".
	Tone  string
	Title string
	// Lead is what happened, Next what comes of it and what to do: a paragraph each.
	Lead  string
	Facts []fact
	Next  []string
	// Portal is which portal it is about; "" for none. Footer is why it was written.
	Portal, Footer string
}

// fact is a line of a table.
type fact struct{ Label, Value string }

// add adds a line, unless there is nothing to say in it.
func (l *letter) add(label, value string) {
	if value != "" {
		l.Facts = append(l.Facts, fact{label, value})
	}
}

// next adds a paragraph on what comes of it.
func (l *letter) next(text string) {
	if text != "" {
		l.Next = append(l.Next, text)
	}
}

//go:embed templates
var templates embed.FS

// render lays a letter out as text and as HTML.
func (l letter) render() (text, html string, err error) {
	plain, err := texttemplate.New("letter.txt").Funcs(texttemplate.FuncMap{"wrap": wrap, "column": l.column}).ParseFS(templates, "templates/letter.txt")
	if err != nil {
		return "", "", err
	}
	marked, err := htmltemplate.ParseFS(templates, "templates/letter.html")
	if err != nil {
		return "", "", err
	}
	var a, b strings.Builder
	if err := plain.Execute(&a, l); err != nil {
		return "", "", err
	}
	if err := marked.Execute(&b, l); err != nil {
		return "", "", err
	}
	return a.String(), b.String(), nil
}

// column returns a label of the table with its colon, as wide as the widest.
func (l letter) column(label string) string {
	width := 0
	for _, f := range l.Facts {
		width = max(width, utf8.RuneCountInString(f.Label))
	}
	return label + ":" + strings.Repeat(" ", width-utf8.RuneCountInString(label))
}

// lineWidth is how many characters a line of text has at most, unless a word has more.
const lineWidth = 72

// wrap breaks a paragraph into lines.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case width == 0:
		case width+1+n > lineWidth:
			b.WriteByte('\n')
			width = 0
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String()
}
