package httpd

import (
	"net/http"
	"time"
)

// pieceOf is how much of a long answer must go out in the time of a whole short one.
const pieceOf = 32 << 10

// Patient returns a writer for an answer that may be long. Whoever reads it slowly may
// take more time than Serve gives an answer, as long as they go on reading: each 32
// KiB have that time anew. Patience is that time; 0 means what Serve gives.
func Patient(w http.ResponseWriter, patience time.Duration) http.ResponseWriter {
	if patience == 0 {
		patience = writeTimeout
	}
	return &patient{ResponseWriter: w, control: http.NewResponseController(w), patience: patience}
}

type patient struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

// Write writes piece by piece. A writer that has no deadlines is as patient as can be.
func (w *patient) Write(b []byte) (n int, err error) {
	for {
		_ = w.control.SetWriteDeadline(time.Now().Add(w.patience))
		piece := b[n:min(n+pieceOf, len(b))]
		wrote, err := w.ResponseWriter.Write(piece)
		if n += wrote; err != nil || n == len(b) {
			return n, err
		}
	}
}

// Unwrap lets http.ResponseController through.
func (w *patient) Unwrap() http.ResponseWriter { return w.ResponseWriter }
