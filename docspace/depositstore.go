package docspace

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/v1"
)

// IntentFolder is an IntentStore in a folder: a folder a portal, and in it a file a
// deposit, as JSON. Files are written beside their place, synced, and put there
// whole. Nobody but their owner can read them; no key of a portal is in them.
type IntentFolder struct {
	// Dir is made when it is first written to.
	Dir string
}

// lockPause is how long to wait before looking whether a lock is free.
const lockPause = 50 * time.Millisecond

const (
	lockName     = "lock"
	intentSuffix = ".json"
	// maxIntent bounds a file, in bytes.
	maxIntent = 16 << 20
)

// short names something in a file system, whatever characters are in it.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

func (f IntentFolder) folder(portal string) string { return filepath.Join(f.Dir, short(portal)) }

func (f IntentFolder) file(portal, key string) string {
	return filepath.Join(f.folder(portal), short(key)+intentSuffix)
}

// Lock waits for the portal's lock, which the system ends with the process.
func (f IntentFolder) Lock(ctx context.Context, portal string) (func(), error) {
	if err := makeFolders(f.folder(portal)); err != nil {
		return nil, fmt.Errorf("lock deposits: %w", err)
	}
	for {
		unlock, err := lockFile(filepath.Join(f.folder(portal), lockName))
		if err != nil {
			return nil, fmt.Errorf("lock deposits: %w", err)
		}
		if unlock != nil {
			return unlock, nil
		}
		timer := time.NewTimer(lockPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("lock deposits, which another process has locked: %w", ctx.Err())
		}
	}
}

// Load reads one deposit.
func (f IntentFolder) Load(_ context.Context, portal, key string) (*DepositIntent, error) {
	intent, err := readIntent(f.file(portal, key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (intent.Portal != portal || intent.Key != key) {
		err = fmt.Errorf("read deposit: %s holds another", f.file(portal, key))
	}
	return intent, err
}

func readIntent(name string) (*DepositIntent, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read deposit: %w", err)
	}
	if info.Size() > maxIntent {
		return nil, fmt.Errorf("read deposit: %s is longer than %d bytes", name, maxIntent)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read deposit: %w", err)
	}
	intent := new(DepositIntent)
	if err := json.Unmarshal(text, intent); err != nil {
		return nil, fmt.Errorf("read deposit: %s: %w", name, err)
	}
	if intent.Key == "" || doubtful(intent.State) {
		return nil, fmt.Errorf("read deposit: %s is none", name)
	}
	return intent, nil
}

// doubtful reports whether a state is none of those there are.
func doubtful(s DepositState) bool {
	switch s {
	case DepositPlanned, DepositSent, DepositUnknown, DepositDone, DepositRefused, DepositNotDone:
		return false
	}
	return true
}

// Save writes one deposit, and returns when it is on the disk.
func (f IntentFolder) Save(_ context.Context, intent *DepositIntent) error {
	text, err := json.MarshalIndent(intent, "", "  ")
	if err != nil {
		return fmt.Errorf("write deposit: %w", err)
	}
	if len(text) >= maxIntent {
		return fmt.Errorf("write deposit: %d bytes are too many", len(text))
	}
	name := f.file(intent.Portal, intent.Key)
	if err := makeFolders(filepath.Dir(name)); err != nil {
		return fmt.Errorf("write deposit: %w", err)
	}
	if err := writeDurably(name, append(text, '\n')); err != nil {
		return fmt.Errorf("write deposit: %w", err)
	}
	return nil
}

// writeDurably puts a file in its place, wholly or not at all.
func writeDurably(name string, text []byte) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(name), "draft-*") // which others can't read
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(draft.Name())
		}
	}()
	_, err = draft.Write(text)
	if err == nil {
		err = draft.Sync()
	}
	if closed := draft.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(draft.Name(), name)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(name))
	}
	return err
}

// makeFolders makes a folder and those above it, durably.
func makeFolders(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := makeFolders(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(above)
}

// List reads the deposits of a portal, or of all.
func (f IntentFolder) List(_ context.Context, portal string) ([]DepositIntent, error) {
	folders := []string{f.folder(portal)}
	if portal == "" {
		entries, err := readFolder(f.Dir)
		if err != nil {
			return nil, err
		}
		folders = nil
		for _, entry := range entries {
			if entry.IsDir() {
				folders = append(folders, filepath.Join(f.Dir, entry.Name()))
			}
		}
	}
	var all []DepositIntent
	for _, folder := range folders {
		entries, err := readFolder(folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if !strings.HasSuffix(entry.Name(), intentSuffix) {
				continue
			}
			intent, err := readIntent(filepath.Join(folder, entry.Name()))
			if err != nil {
				return nil, err
			}
			all = append(all, *intent)
		}
	}
	sortIntents(all)
	return all, nil
}

// readFolder returns what is in a folder; nothing when there is none.
func readFolder(dir string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list deposits: %w", err)
	}
	return entries, nil
}

// sortIntents sorts deposits by when they were made.
func sortIntents(all []DepositIntent) {
	slices.SortStableFunc(all, func(a, b DepositIntent) int {
		if n := a.Created.Compare(b.Created); n != 0 {
			return n
		}
		return strings.Compare(a.Portal+"\n"+a.Key, b.Portal+"\n"+b.Key)
	})
}
