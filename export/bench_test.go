package export

import (
	"io"
	"runtime"
	"testing"
	"time"
)

// A hundred thousand operations and ten times as many take the same memory: what is said
// is how much more there is of it at most than before.
func BenchmarkWrite(b *testing.B) {
	for _, format := range Formats() {
		for _, rows := range []int{100_000, 1_000_000} {
			b.Run(format+"/"+map[int]string{100_000: "100k", 1_000_000: "1M"}[rows], func(b *testing.B) {
				for b.Loop() {
					b.Logf("%s, %d rows: at most %d MB more", format, rows, writeMany(b, format, rows))
				}
			})
		}
	}
}

func writeMany(b *testing.B, format string, rows int) (peak int64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base := m.HeapInuse
	_, _, err := Write(io.Discard, format, Options{}, func(yield func(Row, error) bool) {
		for n := range rows {
			o := paid(noon.Add(time.Duration(n)*time.Second), int64(n), "66faa6e4-f133-11ea-b126-00ffeec8b4ef")
			if n%10_000 == 0 {
				runtime.ReadMemStats(&m)
				peak = max(peak, int64(m.HeapInuse)-int64(base))
			}
			if !yield(Row{"acme", "https://acme.example.com", &o}, nil) {
				return
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return peak >> 20
}
