package cli

import (
	"bytes"
	"compress/gzip"
	"io"
)

// heldOutput keeps what is written to it, and passes it on when all is there: a document
// that is cut off may look like one that says less. It is kept packed, in memory: what
// wallets hold is on no disk then, and ten thousand portals are a few megabytes.
type heldOutput struct {
	kept bytes.Buffer
	pack *gzip.Writer
}

func newHeldOutput() (*heldOutput, error) {
	h := &heldOutput{}
	var err error
	h.pack, err = gzip.NewWriterLevel(&h.kept, gzip.BestSpeed)
	return h, err
}

func (h *heldOutput) Write(text []byte) (int, error) { return h.pack.Write(text) }

// passOn writes all of it, once.
func (h *heldOutput) passOn(to io.Writer) error {
	if err := h.pack.Close(); err != nil {
		return err
	}
	whole, err := gzip.NewReader(&h.kept)
	if err == nil {
		_, err = io.Copy(to, whole)
	}
	return err
}
