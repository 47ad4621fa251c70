package webpage

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/bursarhq/bursar/docspace"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed templates/page.css
var style string

// Page is a page that is being made. Set its fields before the first Add. Add it each
// portal as it comes, in any order; Finish writes it, by name. It keeps a row of each
// portal in memory and the rest in a temporary file, which Close removes.
type Page struct {
	// Now is what dates are counted from.
	Now time.Time
	// Many says that several portals are meant, whatever comes: an overview with totals
	// stands first then.
	Many bool
	// Overview leaves it at that, with nothing about each of them.
	Overview bool
	// FeatureName returns what to call a feature; nil takes the portal's word.
	FeatureName func(docspace.Feature) string

	templates *template.Template
	spool     spool
	rows      []*summary
	totals    []total // by currency
	// count is how many portals there are; unread are those of which nothing could be
	// read, unknown those of which at least the balance could not, and guessed those
	// whose spending is not all known.
	count, unread, unknown, guessed int
}

// MaxPortals is how many portals a page is about at most, before whoever makes it
// should ask whether the overview will do: one with 10,000 takes hundreds of megabytes,
// which few browsers show.
const MaxPortals = 200

// Add takes a portal. It fails as its temporary file does.
func (p *Page) Add(portal *Portal) error {
	if err := p.parse(); err != nil {
		return err
	}
	row := p.summarize(portal)
	if !p.Overview {
		row.part.from = p.spool.size
		if err := p.templates.ExecuteTemplate(&p.spool, "section", p.section(portal)); err != nil {
			return fmt.Errorf("make a page of %s: %w", row.Name, err)
		}
		row.part.long = p.spool.size - row.part.from
	}
	p.rows = append(p.rows, &row)
	return nil
}

func (p *Page) parse() (err error) {
	if p.templates == nil {
		p.templates, err = template.ParseFS(templateFiles, "templates/*.html")
	}
	return err
}

// cover is what stands around the portals.
type cover struct {
	Title, Made, Policy string
	Style               template.CSS
	Many, Overview      bool
	Count               string
	Totals              []card
	Rows                []*summary
	Notes               []string
}

// Finish writes the page: the portals by name, as many as were added. It fails as the
// writer does.
func (p *Page) Finish(out io.Writer) error {
	if err := p.parse(); err != nil {
		return err
	}
	slices.SortStableFunc(p.rows, func(a, b *summary) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address)) })
	for i, row := range p.rows {
		row.ID = "p" + strconv.Itoa(i+1)
	}
	sum := sha256.Sum256([]byte(style))
	c := cover{
		Title: "Billing of " + countText(p.count, "portal"), Made: minuteText(p.Now), Style: template.CSS(style), // our own
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Many:   p.Many, Overview: p.Overview, Count: countText(p.count, "portal"), Totals: p.cards(), Rows: p.rows, Notes: p.notes(),
	}
	if !p.Many && len(p.rows) == 1 {
		c.Title = "Billing of " + p.rows[0].Name
	}
	w := bufio.NewWriterSize(out, 64<<10)
	if err := p.templates.ExecuteTemplate(w, "head", c); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	for i := range p.rows {
		if p.Overview {
			break
		}
		if err := p.copy(w, p.rows[i]); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	if err := p.templates.ExecuteTemplate(w, "foot", c); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// copy writes the section of a portal, with what stands around it.
func (p *Page) copy(w io.Writer, row *summary) error {
	around := struct {
		*summary
		Many bool
	}{row, p.Many}
	if err := p.templates.ExecuteTemplate(w, "open", around); err != nil {
		return err
	}
	if err := p.spool.copy(w, row.part); err != nil {
		return err
	}
	return p.templates.ExecuteTemplate(w, "close", around)
}

// notes say what is missing in the totals.
func (p *Page) notes() (all []string) {
	if p.unread > 0 {
		all = append(all, "Could not be read, and in no total: "+countText(p.unread, "portal")+".")
	}
	if p.unknown > 0 {
		all = append(all, "Balance not known, and in no total: "+countText(p.unknown, "portal")+".")
	}
	if p.guessed > 0 {
		all = append(all, "Spending not wholly known: "+countText(p.guessed, "portal")+".")
	}
	return all
}

// Close removes what was kept beside. The page can't be used after it.
func (p *Page) Close() error { return p.spool.close() }
