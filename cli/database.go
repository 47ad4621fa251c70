package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/store"
)

// Database is the one that a command works on: a folder, or a database of a
// PostgreSQL server.
type Database struct {
	env      Env
	flags    *pflag.FlagSet
	dir, url string
	offers   *CatalogFile // nil: the command asks for none
}

// DatabaseFlags adds --data and --database to a command, which stand over
// $BURSAR_DATA and $BURSAR_DATABASE.
func DatabaseFlags(cmd *cobra.Command, env Env) *Database {
	d := &Database{env: env, flags: cmd.Flags()}
	d.flags.StringVar(&d.dir, "data", env.DataDir(), "folder of the database (or $BURSAR_DATA)")
	d.flags.StringVar(&d.url, "database", "", "PostgreSQL database in place of a folder, as postgres://user@host/name (or $BURSAR_DATABASE)")
	_ = cmd.MarkFlagDirname("data") // fails only for a flag that is not there
	cmd.MarkFlagsMutuallyExclusive("data", "database")
	return d
}

// serviceFlags adds --data, --database and --catalog to a command that needs all of
// them: one that works with the use cases.
func serviceFlags(cmd *cobra.Command, env Env) *Database {
	d := DatabaseFlags(cmd, env)
	d.offers = CatalogFlag(cmd, env)
	return d
}

// catalog returns what is for sale.
func (d *Database) catalog() (*catalog.Catalog, error) {
	if d.offers == nil {
		return catalog.Stock(), nil
	}
	return d.offers.Load()
}

// Named reports whether one of the flags is given.
func (d *Database) Named() bool { return d.flags.Changed("data") || d.flags.Changed("database") }

// Config returns where the database is.
func (d *Database) Config() (store.Config, error) {
	address := d.env.get("BURSAR_DATABASE")
	switch {
	case d.flags.Changed("database"):
		return serverConfig("--database", d.url)
	case d.flags.Changed("data"):
		return folderConfig("--data", d.dir)
	case address != "" && d.env.get("BURSAR_DATA") != "":
		return store.Config{}, &Error{
			Err: errors.New("$BURSAR_DATA names a folder and $BURSAR_DATABASE a PostgreSQL database"), Code: ExitUsage,
			Hint: "unset one of them, or say which with --data or --database",
		}
	case address != "":
		return serverConfig("$BURSAR_DATABASE", address)
	case d.dir == "":
		return store.Config{}, &Error{
			Err: errors.New("no folder for the database"), Code: ExitUsage,
			Hint: "name one with --data or $BURSAR_DATA, or a PostgreSQL database with --database",
		}
	}
	return folderConfig("$BURSAR_DATA", d.dir)
}

// serverConfig never repeats the address, which may have a password in it.
func serverConfig(source, address string) (store.Config, error) {
	if !isServer(address) {
		return store.Config{}, &Error{
			Err: fmt.Errorf("%s does not begin with postgres://", source), Code: ExitUsage,
			Hint: "it is like postgres://user@host:5432/name; a folder is named with --data",
		}
	}
	return store.Config{URL: address}, nil
}

func folderConfig(source, dir string) (store.Config, error) {
	if isServer(dir) {
		return store.Config{}, &Error{
			Err: fmt.Errorf("%s is for a folder", source), Code: ExitUsage, Hint: "a PostgreSQL database is named with --database",
		}
	}
	return store.Config{Dir: dir}, nil
}

func isServer(address string) bool {
	return strings.HasPrefix(address, "postgres://") || strings.HasPrefix(address, "postgresql://")
}

// DatabaseName returns how a database is named to people: its folder, or its
// address without whatever may be secret in it.
func DatabaseName(where store.Config) string {
	switch {
	case where.InMemory:
		return "memory"
	case where.URL == "":
		return where.Dir
	}
	u, err := url.Parse(where.URL)
	if err != nil {
		return "a PostgreSQL database"
	}
	host := u.Host
	if host == "" {
		host = u.Query().Get("host")
	}
	return "postgres://" + host + u.Path
}

// OpenStore opens a database. What goes wrong comes with advice that fits it.
func OpenStore(ctx context.Context, where store.Config) (*store.Store, error) {
	db, err := store.Open(ctx, where)
	if err != nil {
		return nil, explainOpening(where, err)
	}
	return db, nil
}

// explainOpening gives what went wrong before a database was open the advice that
// fits its kind.
func explainOpening(where store.Config, err error) error {
	if where.URL == "" {
		if where.MustExist && errors.Is(err, fs.ErrNotExist) {
			return &Error{
				Err:  fmt.Errorf("there is no database in %s", where.Dir),
				Hint: "bursar portal create makes one; --data names another folder, --database a PostgreSQL database",
			}
		}
		return err
	}
	for _, row := range []struct {
		err  error
		hint string
	}{
		{fs.ErrNotExist, "createdb makes a database on the server, bursar portal create its tables; --database names another one"},
		{fs.ErrPermission, "check the user, the password (in the URL, $PGPASSWORD or ~/.pgpass), and what that user may do"},
		{store.ErrBusy, "check that the server runs, that --database names its host and port, and that it has connections left; then try again"},
		{store.ErrNewer, "update bursar, or name another database with --database"},
		{store.ErrDamaged, "the server finds its files damaged: pg_restore puts the last backup into another database"},
		{store.ErrFull, "make room on the server's disk; nothing was changed"},
	} {
		if errors.Is(err, row.err) {
			return &Error{Err: err, Hint: row.hint}
		}
	}
	return &Error{Err: err, Hint: "--database is like postgres://user:password@host:5432/name; all but letters and digits of a password is written like %40 for @"}
}
