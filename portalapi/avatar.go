package portalapi

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"sync"
)

// The picture of users without one of their own is where DocSpace has it.
const (
	avatarPath = "/static/images/{file}"
	avatarName = "default_user_photo_size_%[1]d-%[1]d.png"
)

var avatarSizes = []int{32, 48, 82, 200}

// avatars draws the pictures once, when the first is asked for.
var avatars = sync.OnceValue(func() map[int][]byte {
	drawn := map[int][]byte{}
	for _, size := range avatarSizes {
		drawn[size] = drawAvatar(size)
	}
	return drawn
})

// avatarURL returns the address of a picture; the hash changes with the picture.
func avatarURL(size int) string {
	hash := crc32.ChecksumIEEE(avatars()[size]) & 0x7fffffff
	return fmt.Sprintf("/static/images/"+avatarName+"?hash=%[2]d", size, hash)
}

func (d *door) serveAvatar(w http.ResponseWriter, r *http.Request) {
	for _, size := range avatarSizes {
		if r.PathValue("file") == fmt.Sprintf(avatarName, size) {
			writeAvatar(w, avatars()[size])
			return
		}
	}
	d.notFound(w, r)
}

func writeAvatar(w http.ResponseWriter, picture []byte) {
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(picture) // the client's loss if it went away
}

// drawAvatar draws a head and shoulders in grey.
func drawAvatar(size int) []byte {
	ground, figure := color.RGBA{0xec, 0xef, 0xf1, 0xff}, color.RGBA{0xa3, 0xa9, 0xae, 0xff}
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{ground, figure})
	inside := func(x, y, cx, cy, r int) bool { // all in thousandths of the side
		return (x-cx)*(x-cx)+(y-cy)*(y-cy) <= r*r
	}
	for py := range size {
		for px := range size {
			x, y := px*1000/size, py*1000/size
			if inside(x, y, 500, 370, 180) || inside(x, y, 500, 980, 380) {
				img.SetColorIndex(px, py, 1)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil { // writing to memory does not fail
		panic(err)
	}
	return b.Bytes()
}
