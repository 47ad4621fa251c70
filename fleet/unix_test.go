//go:build unix

package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACommandEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := (&Keys{}).Of(ctx, Profile{Name: "acme", Key: Key{Command: "sleep 600"}}); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func TestSaveKeepsALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "portals.yaml")
	if err := os.WriteFile(real, []byte("portals:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	err := Edit(link, func(p *Profiles) error { return p.Put(Profile{Name: "acme", URL: "https://acme.example.com"}) })
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("it is no link any more: %v", err)
	}
	if text, err := os.ReadFile(real); err != nil || !strings.Contains(string(text), "acme:") {
		t.Errorf("%q %v", text, err)
	}
}
