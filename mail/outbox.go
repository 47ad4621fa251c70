package mail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bursarhq/bursar/disk"
)

// Outbox is a Sender that keeps messages as files, for who has no mail server: one
// .eml a message, which every mail program opens. A message that came with an ID has a
// file of that name, without one it is named by its time.
type Outbox struct {
	// Dir is the folder, which is made with the first message. Nobody else may read
	// what is in it.
	Dir string
	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

// Send writes a message. Its file is there whole, and durable, or not at all. A message
// whose ID has a file already is not written again: it is as if it had been.
func (o *Outbox) Send(ctx context.Context, m Message) (err error) {
	now := time.Now()
	if o.Now != nil {
		now = o.Now()
	}
	out, id, err := m.encoded(now)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = os.MkdirAll(o.Dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	path := filepath.Join(o.Dir, fileName(m.ID, id, now))
	if _, err := os.Lstat(path); m.ID != "" && err == nil {
		return o.settle() // who wrote it may have gone before its name was durable
	}
	f, err := os.CreateTemp(o.Dir, ".*.tmp") // 0600
	if err != nil {
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	_, err = out.WriteTo(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	return o.settle()
}

// Repeats says that a message with an ID may be sent again.
func (o *Outbox) Repeats() {}

// fileName returns the name for a message with the id that it came with, "" for none,
// or that was drawn for it.
func fileName(given, id string, now time.Time) string {
	name := strings.ReplaceAll(id, "@", "_at_") + ".eml"
	if given == "" {
		name = now.UTC().Format("20060102T150405.000000Z") + "-" + name
	}
	return name
}

// settle makes the names in the folder durable.
func (o *Outbox) settle() error {
	if err := disk.SyncFolder(o.Dir); err != nil {
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	return nil
}
