package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/bursarhq/bursar/cli"
)

func TestDataDirIsTheFirstThatIsNamed(t *testing.T) {
	home := filepath.Join("/", "home", "olivia")
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": home}, filepath.Join(home, ".local", "share", "bursar")},
		{map[string]string{"HOME": home, "XDG_DATA_HOME": "/xdg"}, filepath.Join("/xdg", "bursar")},
		{map[string]string{"HOME": home, "XDG_DATA_HOME": "/xdg", "BURSAR_DATA": "/mine"}, "/mine"},
	} {
		env := cli.Env{Getenv: func(name string) string { return c.env[name] }}
		if got := env.DataDir(); got != c.want {
			t.Errorf("%v: %s, not %s", c.env, got, c.want)
		}
	}
}
