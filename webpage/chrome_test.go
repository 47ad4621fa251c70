package webpage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bursarhq/bursar/testenv"
	"github.com/bursarhq/bursar/webpage"
)

// chromium runs the browser without a window, and returns what it printed and said.
func chromium(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	browser := testenv.Program(t, "Debian's chromium", "chromium", "chromium-browser", "google-chrome")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars",
		"--user-data-dir=" + t.TempDir(), "--enable-logging=stderr",
	}, args...)...)
	cmd.WaitDelay = 10 * time.Second
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("run %s: %v\n%s", browser, err, said.String())
	}
	return out.String(), said.String()
}

// frames shows each page as wide as a phone, and writes down how wide each turns out,
// what came of hostile texts, and whether the style sheet was let in.
const frames = `<!doctype html><title>frames</title><link rel="icon" href="data:,"><body>%s<pre id="seen"></pre><script>
addEventListener("load", () => {
  const seen = []
  for (const frame of document.querySelectorAll("iframe")) {
    const root = frame.contentDocument.documentElement
    seen.push(frame.name + ": " + root.scrollWidth + " wide, " + (root.scrollHeight > 300 ? "has" : "lacks") + " content, " +
      frame.contentDocument.scripts.length + " scripts, " + frame.contentDocument.querySelectorAll("img,iframe,object,[onload],[onerror]").length + " intruders, " +
      getComputedStyle(frame.contentDocument.querySelector("h1")).fontWeight + " heading")
  }
  document.getElementById("seen").textContent = seen.join("\n")
})
</script>`

func TestPagesInABrowser(t *testing.T) {
	mux := http.NewServeMux()
	var all, want strings.Builder
	for name, portals := range pages {
		list := portals()
		text := made(t, &webpage.Page{Many: len(list) > 1}, list)
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, text)
		})
		fmt.Fprintf(&all, `<iframe name=%q src="/%s" width="360" height="640"></iframe>`, name, name)
		want.WriteString(name + "\n")
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, frames, all.String())
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	dom, said := chromium(t, "--dump-dom", server.URL+"/")
	for name := range strings.Lines(want.String()) {
		name = strings.TrimSpace(name)
		if line := name + ": 360 wide, has content, 0 scripts, 0 intruders, 650 heading"; !strings.Contains(dom, line) {
			_, seen, _ := strings.Cut(dom, `<pre id="seen">`)
			t.Errorf("not %q, but:\n%s", line, seen)
		}
	}
	for line := range strings.Lines(said) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the browser complains: %s", line)
		}
	}
}
