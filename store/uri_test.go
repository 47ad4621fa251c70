package store

import "testing"

// An absolute path has three slashes before it, whatever it starts with.
func TestFileURI(t *testing.T) {
	for path, want := range map[string]string{
		"/var/lib/bursar.db":   "file:///var/lib/bursar.db",
		"/a b/x?y#z/bursar.db": "file:///a%20b/x%3Fy%23z/bursar.db",
		"C:/a b/bursar.db":     "file:///C:/a%20b/bursar.db",
	} {
		if got := fileURI(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
