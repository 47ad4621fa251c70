package operatorapi

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// maxBody is how long a body may be, in bytes. The server's own bound is the
// same.
const maxBody = 1 << 20

// body reads the body of a request, which is JSON or nothing.
func body(w http.ResponseWriter, r *http.Request) (*reader, error) {
	if r.ContentLength == 0 {
		return newReader(nil)
	}
	if err := checkType(r.Header); err != nil {
		return nil, err
	}
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	var (
		in  []byte
		err error
	)
	if r.ContentLength > 0 {
		in = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, in)
	} else { // in chunks, of nobody knows how much
		in, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case err != nil:
		return nil, fmt.Errorf("%w: it broke off", errMalformed)
	}
	return newReader(in)
}

// checkType refuses what says that it is something else than JSON.
func checkType(h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return errMediaType
	}
	sent := h.Get("Content-Type")
	if sent == "" || sent == "application/json" {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(sent)
	if err == nil && mediaType == "application/x-www-form-urlencoded" {
		return nil // what curl -d says of anything; a key that no browser sends by itself lets nobody in unasked
	}
	if err != nil || mediaType != "application/json" && !(strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")) {
		return errMediaType
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return errMediaType
	}
	return nil
}
