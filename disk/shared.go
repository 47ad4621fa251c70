package disk

import (
	"io/fs"
	"runtime"
)

// Shared reports whether others than its owner may do anything with a file. Windows has
// no such bits, where all files look as if others could: it is never said there, nor of
// what is no regular file.
func Shared(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0
}
