package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/bursarhq/bursar/disk"
)

// ErrKey says that a portal's key can't be had; the text says where it should be.
var ErrKey = errors.New("no key")

// Keyring is where keys are kept that are in no file.
type Keyring interface {
	// Get returns the key of a portal, or an error.
	Get(service, user string) (string, error)
	Set(service, user, key string) error
	Delete(service, user string) error
}

// SystemKeyring is the keyring of whoever is logged in: the Secret Service of a
// desktop, the Keychain of macOS, the Credential Manager of Windows.
type SystemKeyring struct{}

// Get returns what is kept.
func (SystemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }

// Set keeps it.
func (SystemKeyring) Set(service, user, key string) error { return keyring.Set(service, user, key) }

// Delete forgets it.
func (SystemKeyring) Delete(service, user string) error { return keyring.Delete(service, user) }

// Keys gets the keys of portals from where their profiles say.
type Keys struct {
	// Keyring is nil where there is none.
	Keyring Keyring
	// Getenv returns a variable of the environment; nil means that all are empty.
	Getenv func(string) string
	// Environ is what commands get as theirs.
	Environ []string
}

const (
	keyringService = "bursar"
	maxKey         = 64 << 10 // bytes
	keyTimeout     = 30 * time.Second
)

// account is what a keyring has a portal's key under. The address is part of it, so
// that a key is sent nowhere but where it was meant for.
func (p Profile) account() string {
	if u, err := url.Parse(p.URL); err == nil {
		return p.Name + "@" + u.Host + u.Path
	}
	return p.Name + "@" + p.URL
}

// SharesKey reports whether two profiles have their key in the same place of the keyring,
// so that to forget one is to forget the other's.
func (p Profile) SharesKey(other Profile) bool {
	return p.Key.Keyring && other.Key.Keyring && p.account() == other.account()
}

// Of returns a portal's key. It fails with ErrKey.
func (k *Keys) Of(ctx context.Context, p Profile) (string, error) {
	key, err := k.read(ctx, p)
	if err == nil && key == "" {
		err = errors.New("there is none in it")
	}
	if err != nil {
		return "", fmt.Errorf("%w for portal %s, by %s: %w", ErrKey, p.Name, p.Key.Source(), err)
	}
	return key, nil
}

func (k *Keys) read(ctx context.Context, p Profile) (string, error) {
	switch p.Key.Source() {
	case "keyring":
		if k.Keyring == nil {
			return "", errors.New("there is no keyring here")
		}
		return k.Keyring.Get(keyringService, p.account())
	case "command":
		return k.run(ctx, p.Key.Command)
	case "file":
		return readKeyFile(p.Key.File)
	case "variable":
		if k.Getenv == nil {
			return "", nil
		}
		return strings.TrimSpace(k.Getenv(p.Key.Variable)), nil
	case "plain":
		return p.Key.Plain, nil
	}
	return "", errors.New("the profile does not say where it is")
}

// Keep puts a key where a profile says that it is: into the keyring. Elsewhere there is
// nothing to do.
func (k *Keys) Keep(p Profile, key string) error {
	if !p.Key.Keyring {
		return nil
	}
	if k.Keyring == nil {
		return fmt.Errorf("%w: there is no keyring here", ErrKey)
	}
	if err := k.Keyring.Set(keyringService, p.account(), key); err != nil {
		return fmt.Errorf("%w: the keyring does not take it: %w", ErrKey, err)
	}
	return nil
}

// Forget takes a portal's key out of the keyring, if it is there.
func (k *Keys) Forget(p Profile) error {
	if !p.Key.Keyring || k.Keyring == nil {
		return nil
	}
	if err := k.Keyring.Delete(keyringService, p.account()); err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return fmt.Errorf("%w: the keyring does not forget it: %w", ErrKey, err)
	}
	return nil
}

// run has the shell print the key.
func (k *Keys) run(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	shell := []string{"/bin/sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	command := exec.CommandContext(ctx, shell[0], shell[1], line)
	command.Env = k.Environ
	command.WaitDelay = time.Second // for what it left behind
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		if text, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n"); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		return "", err
	}
	return firstLine(out), nil
}

// readKeyFile reads a key from a file that nobody else may read.
func readKeyFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if disk.Shared(info) {
		return "", fmt.Errorf("others can read %s: chmod 600 keeps it to yourself", name)
	}
	text := make([]byte, maxKey)
	n, err := f.Read(text)
	if n == 0 && err != nil {
		return "", nil
	}
	return firstLine(text[:n]), nil
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(bytes.TrimSpace(line))
}
