package docspace

import (
	"fmt"
	"strconv"
	"strings"
)

// SizeText writes a number of bytes as DocSpace does: in binary units, with up to
// two decimal places. "2.54 TB"; "unlimited" for Unlimited.
func SizeText(bytes int64) string {
	if bytes == Unlimited {
		return "unlimited"
	}
	units := []string{"bytes", "KB", "MB", "GB", "TB"}
	unit, size := 0, int64(1)
	for unit < len(units)-1 && bytes/1024 >= size {
		size *= 1024
		unit++
	}
	whole, rest := bytes/size, bytes%size
	hundredths := (rest*100 + size/2) / size
	if hundredths == 100 {
		whole, hundredths = whole+1, 0
	}
	text := grouped(whole)
	if hundredths > 0 {
		text += strings.TrimRight(fmt.Sprintf(".%02d", hundredths), "0")
	}
	return text + " " + units[unit]
}

// grouped writes a number with commas between thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
