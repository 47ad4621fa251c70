// Package pgtest starts a throw-away PostgreSQL for tests and measurements, from
// the programs that are installed on the machine. It needs no driver, listens on
// this machine only, and ends no process but its own.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ErrMissing says that PostgreSQL is not installed here.
var ErrMissing = errors.New("PostgreSQL is not installed: there is no initdb in /usr/lib/postgresql/*/bin, in $PATH or where pg_config says")

// superuser is who everybody connects as; nobody is asked for a password.
const superuser = "bursar"

// Config says how a cluster is to be. The zero value is the fastest one.
type Config struct {
	// Dir is an empty folder for the cluster, made when it is not there; "" takes
	// one in the system's folder for temporary files. Where root runs the test,
	// everybody must be allowed to enter the folders above it.
	Dir string
	// Sync makes commits wait for the disk, as they do in earnest. Without it a
	// cluster survives its own crash, but not the machine's.
	Sync bool
	// Preload is a library that the server loads before all others: LD_PRELOAD.
	Preload string
	// Settings are the server's, over those that are chosen here.
	Settings map[string]string
}

// Cluster is a PostgreSQL server and its files.
type Cluster struct {
	config  Config
	bin     string // folder of the programs
	dir     string // holds the data, the log and the socket
	made    bool   // dir is ours to remove
	port    int
	user    *account // whom the programs run as; nil: whoever runs the test
	process *process // nil: stopped
}

// Start makes a cluster and starts it. It fails with ErrMissing where
// PostgreSQL is not installed.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	bin, err := programs(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, bin: bin}
	if err := c.make(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make a PostgreSQL cluster: %w", err), c.remove())
	}
	if err := c.Start(ctx); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// programs returns the folder of PostgreSQL's programs, the newest there is.
func programs(ctx context.Context) (string, error) {
	var found string
	newest := -1
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, folder := range folders {
		version, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		if version > newest && complete(folder) {
			found, newest = folder, version
		}
	}
	if found != "" {
		return found, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil && complete(filepath.Dir(path)) {
		return filepath.Dir(path), nil
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		if folder := strings.TrimSpace(string(out)); complete(folder) {
			return folder, nil
		}
	}
	return "", ErrMissing
}

func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_ctl"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

func (c *Cluster) make(ctx context.Context) (err error) {
	if c.user, err = unprivileged(); err != nil {
		return err
	}
	if c.dir = c.config.Dir; c.dir == "" {
		// A socket's path has room for a hundred characters only.
		base := ""
		if info, err := os.Stat("/tmp"); err == nil && info.IsDir() {
			base = "/tmp"
		}
		if c.dir, err = os.MkdirTemp(base, "pg"); err != nil {
			return err
		}
		c.made = true
	} else if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	if c.dir, err = filepath.Abs(c.dir); err != nil {
		return err
	}
	if err := c.user.own(c.dir); err != nil {
		return err
	}
	if c.port, err = freePort(); err != nil {
		return err
	}
	initdb := c.command(ctx, "initdb", "-D", c.data(), "-U", superuser, "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// freePort returns a port that nothing listens on at the moment.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	c.user.run(cmd)
	return cmd
}

// settings are what the server is started with.
func (c *Cluster) settings() map[string]string {
	all := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(c.port),
		"unix_socket_directories": c.socketDir(),
		"max_connections":         "300",
	}
	if !c.config.Sync {
		all["fsync"], all["full_page_writes"] = "off", "off"
	}
	for name, value := range c.config.Settings {
		all[name] = value
	}
	return all
}

// socketDir is "" where there are no such sockets to be had.
func (c *Cluster) socketDir() string {
	const longest = 100
	if runtime.GOOS == "windows" || len(c.dir)+len("/.s.PGSQL.65535") > longest {
		return ""
	}
	return c.dir
}

// Start starts a cluster that was stopped, at the address that it had.
func (c *Cluster) Start(ctx context.Context) error {
	if c.process != nil {
		return errors.New("start PostgreSQL: it runs already")
	}
	args := []string{"-D", c.data()}
	for name, value := range c.settings() {
		args = append(args, "-c", name+"="+value)
	}
	// Not with ctx, which may end long before the server.
	cmd := c.command(context.WithoutCancel(ctx), "postgres", args...)
	if c.config.Preload != "" {
		cmd.Env = append(cmd.Env, "LD_PRELOAD="+c.config.Preload)
	}
	log, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer log.Close() // the server has its own
	cmd.Stdout, cmd.Stderr = log, log
	if c.process, err = begin(cmd); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	if err := c.awaitReady(ctx); err != nil {
		tail, _ := os.ReadFile(c.logFile())
		tail = tail[max(0, len(tail)-2000):]
		return errors.Join(fmt.Errorf("start PostgreSQL: %w: %s", err, tail), c.Stop(context.WithoutCancel(ctx), "immediate"))
	}
	return nil
}

func (c *Cluster) logFile() string { return filepath.Join(c.dir, "log") }

// patience is how long a server may take to start or to stop.
const patience = time.Minute

func (c *Cluster) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := c.run(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-c.process.ended:
			return fmt.Errorf("it ended: %w", c.process.err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop stops the server: "fast" lets it write down what it has, "immediate" is a
// crash. A cluster that is stopped already stays so.
func (c *Cluster) Stop(ctx context.Context, mode string) error {
	if c.process == nil {
		return nil
	}
	stop := c.command(ctx, "pg_ctl", "stop", "-D", c.data(), "-m", mode, "-W")
	if out, err := stop.CombinedOutput(); err != nil {
		select {
		case <-c.process.ended: // by itself
		default:
			return fmt.Errorf("stop PostgreSQL: %w: %s", err, out)
		}
	}
	select {
	case <-c.process.ended:
		c.process = nil
		return nil
	case <-time.After(patience):
		return errors.New("stop PostgreSQL: it does not end")
	case <-ctx.Done():
		return fmt.Errorf("stop PostgreSQL: %w", ctx.Err())
	}
}

// Restart stops the server and starts it again.
func (c *Cluster) Restart(ctx context.Context, mode string) error {
	if err := c.Stop(ctx, mode); err != nil {
		return err
	}
	return c.Start(ctx)
}

// Close ends the server, as a crash would, and removes the cluster's files.
func (c *Cluster) Close() error {
	return errors.Join(c.Stop(context.Background(), "immediate"), c.remove())
}

func (c *Cluster) remove() error {
	if c.dir == "" {
		return nil
	}
	if c.made {
		return os.RemoveAll(c.dir)
	}
	return errors.Join(os.RemoveAll(c.data()), os.RemoveAll(c.logFile()))
}

// URL returns how a database of the cluster is reached: over its socket where
// there is one, which is the faster way.
func (c *Cluster) URL(database string) string {
	if c.socketDir() == "" {
		return c.TCPURL(database)
	}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database}
	u.RawQuery = url.Values{"host": {c.socketDir()}, "port": {strconv.Itoa(c.port)}, "sslmode": {"disable"}}.Encode()
	return u.String()
}

// TCPURL returns how a database of the cluster is reached over TCP.
func (c *Cluster) TCPURL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Host: c.address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

func (c *Cluster) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// CreateDatabase makes an empty database and returns its URL.
func (c *Cluster) CreateDatabase(ctx context.Context, name string) (string, error) {
	if err := c.run(ctx, "CREATE DATABASE "+quoted(name)); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return c.URL(name), nil
}

// DropDatabase removes a database, whoever is connected to it.
func (c *Cluster) DropDatabase(ctx context.Context, name string) error {
	if err := c.run(ctx, "DROP DATABASE IF EXISTS "+quoted(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
