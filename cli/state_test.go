package cli

import (
	"path/filepath"
	"strings"
	"testing"
)

// What deposits and exports remember stands in one folder, of the first that is named.
func TestStateIsInTheFirstFolderThatIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		world map[string]string
		want  string
	}{
		{map[string]string{"HOME": "/home/olivia"}, filepath.Join("/home/olivia", ".local", "state", "bursar")},
		{map[string]string{"HOME": "/home/olivia", "XDG_STATE_HOME": "/xdg"}, filepath.Join("/xdg", "bursar")},
		{map[string]string{"LOCALAPPDATA": "/app"}, filepath.Join("/app", "bursar")},
		{nil, ""},
	} {
		env := Env{Getenv: func(name string) string { return c.world[name] }}
		folder, err := env.depositFolder()
		state, exportErr := env.exportState("july.csv")
		if c.want == "" {
			if ExitCode(err) != ExitUsage || ExitCode(exportErr) != ExitUsage {
				t.Errorf("with nothing: %s, %v; %s, %v", folder.Dir, err, state, exportErr)
			}
			continue
		}
		if err != nil || folder.Dir != filepath.Join(c.want, "deposits") {
			t.Errorf("%v: deposits are in %s, not under %s (%v)", c.world, folder.Dir, c.want, err)
		}
		if exportErr != nil || !strings.HasPrefix(state, filepath.Join(c.want, "export")+string(filepath.Separator)) {
			t.Errorf("%v: exports are in %s, not under %s (%v)", c.world, state, c.want, exportErr)
		}
	}
}
