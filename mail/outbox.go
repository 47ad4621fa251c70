package mail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Outbox is a Sender that keeps messages as files, for who has no mail server: one
// .eml a message, named by its time and id, which every mail program opens.
type Outbox struct {
	// Dir is the folder, which is made with the first message. Nobody else may read
	// what is in it.
	Dir string
	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

// Send writes a message. Its file is there whole, and durable, or not at all.
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
	f, err := os.CreateTemp(o.Dir, ".*.tmp") // 0600
	if err != nil {
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	_, err = out.WriteTo(f)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		name := now.UTC().Format("20060102T150405.000000Z") + "-" + strings.ReplaceAll(id, "@", "_at_") + ".eml"
		err = os.Rename(f.Name(), filepath.Join(o.Dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	if err := syncFolder(o.Dir); err != nil {
		return fmt.Errorf("put message into the outbox: %w", err)
	}
	return nil
}

// syncFolder makes names in a folder durable, where folders can be told to.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
