package export

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bursarhq/bursar/disk"
)

// memory is what is remembered from one export to the next, in a folder: a file that
// says how it stands, and one for each portal with what was ever in a file. The first
// is written whole; the others are never changed, but take each other's place.
type memory struct {
	dir string

	Version int `json:"version"`
	// Of is which operations it is about; "" when there was no export yet.
	Of string `json:"of"`
	// Runs is how many exports there were.
	Runs int64 `json:"runs"`
	// Portals are what is remembered of each, by address.
	Portals map[string]remembered `json:"portals"`
	// Pending is an export that is decided: its file is written, and becomes valid
	// whatever happens. It is nil when there is none.
	Pending *pending `json:"pending,omitempty"`
}

// remembered is what is known of a portal.
type remembered struct {
	// Seen is the file of what was in a file.
	Seen string `json:"seen"`
	// Window is the moment from which the list is read again; of what was before it
	// only the number is looked at: Before. The zero Time reads all.
	Window time.Time `json:"window"`
	Before int64     `json:"before"`
	// Last is the date of the last operation.
	Last time.Time `json:"last"`
}

// pending is an export between its decision and its end.
type pending struct {
	// Written is where its file is until it has its name, File.
	Written string `json:"written"`
	File    string `json:"file"`
	Force   bool   `json:"force,omitempty"`
	// Portals are what is remembered then.
	Portals map[string]remembered `json:"portals"`
}

const (
	memoryVersion = 1
	memoryFile    = "state.json"
)

// recall reads what is remembered in a folder, which is locked. It fails with ErrState.
func recall(dir string) (*memory, error) {
	m := &memory{dir: dir, Version: memoryVersion}
	text, err := os.ReadFile(filepath.Join(dir, memoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, m)
	}
	if err == nil && m.Version != memoryVersion {
		err = fmt.Errorf("its version is %d, and this program knows %d", m.Version, memoryVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrState, filepath.Join(dir, memoryFile), err)
	}
	return m, nil
}

// save has it be on the disk, whole.
func (m *memory) save() error {
	text, err := json.MarshalIndent(m, "", " ")
	if err == nil {
		err = disk.WriteWhole(filepath.Join(m.dir, memoryFile), append(text, '\n'))
	}
	return err
}

// finish brings to an end what was decided: the file gets its name if it has not got
// it, and what it has in it is remembered.
func (m *memory) finish(step func(string) error) error {
	p := m.Pending
	if _, err := os.Lstat(p.Written); err == nil {
		if err := publish(p.Written, p.File, p.Force); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := step("published"); err != nil {
		return err
	}
	m.Runs, m.Portals, m.Pending = m.Runs+1, p.Portals, nil
	if err := m.save(); err != nil {
		return err
	}
	if err := step("remembered"); err != nil {
		return err
	}
	return m.tidy()
}

// tidy removes the files of entries that nobody needs any more.
func (m *memory) tidy() error {
	needed := map[string]bool{}
	for _, r := range m.Portals {
		needed[r.Seen] = true
	}
	files, err := os.ReadDir(m.dir)
	for _, f := range files {
		if strings.HasSuffix(f.Name(), seenSuffix) && !needed[f.Name()] {
			err = errors.Join(err, os.Remove(filepath.Join(m.dir, f.Name())))
		}
	}
	return err
}

const seenSuffix = ".seen"

// seen returns the path of what is remembered of a portal; "" for nothing.
func (m *memory) seen(portal string) string {
	if name := m.Portals[portal].Seen; name != "" {
		return filepath.Join(m.dir, filepath.Base(name))
	}
	return ""
}

// publish gives a file that is on the disk its name. It fails with fs.ErrExist where
// there is one, unless that may be overwritten.
func publish(written, file string, force bool) error {
	if !force {
		if err := vacant(file); err != nil {
			return err
		}
	}
	if err := os.Rename(written, file); err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(file))
}

// vacant fails with fs.ErrExist where there is a file of a name.
func vacant(file string) error {
	_, err := os.Lstat(file)
	switch {
	case err == nil:
		return fmt.Errorf("%s: %w", file, fs.ErrExist)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
