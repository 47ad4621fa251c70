package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/ledger"
	"github.com/bursarhq/bursar/store"
)

func newBackup(env Env) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database into a file",
		Long: `Copy the database of a folder, as it is at one moment, into a file. It may be served
and written to meanwhile, and one of an older Bursar stays so: make a backup before
you update. The copy is verified: its structure, and every law of the ledger. FILE
is there whole, and on the disk, or as it was before. Only its owner may read it: it
says of everybody what the database says.

A database of a PostgreSQL server is backed up by the server's own program:
pg_dump --format=custom --no-owner --file=FILE --dbname=postgres://user@host/name`,
		Example: `bursar backup /var/backups/bursar.db
bursar backup --data /var/lib/bursar --force /var/backups/latest.db`,
		GroupID: GroupKeep,
		Args:    cobra.ExactArgs(1),
	}
	data := DatabaseFlags(cmd, env)
	cmd.Flags().BoolVar(&force, "force", false, "overwrite FILE")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		where, err := data.Config()
		if err != nil {
			return err
		}
		if where.URL != "" {
			return serversOwn(where, "pg_dump --format=custom --no-owner --file="+quoted(args[0])+" --dbname="+quoted(publicURL(where.URL)))
		}
		where.MustExist = true
		verified, err := store.Backup(cmd.Context(), where.Dir, args[0], force)
		if err != nil {
			return explainBackup(where, args[0], err)
		}
		_, err = fmt.Fprintf(env.Stdout, "%s is a verified copy of %s: %s.\n", args[0], where.Dir, verifiedText(verified))
		return err
	}
	return cmd
}

func verifiedText(v store.Verified) string {
	return fmt.Sprintf("%d portals, %d transfers, %d holds", v.Portals, v.Transfers, v.Holds)
}

func explainBackup(where store.Config, file string, err error) error {
	var broken *ledger.Break
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, missing := os.Stat(filepath.Dir(file)); missing == nil { // then it is the database that is not there
			return explainOpening(where, err)
		}
	case errors.As(err, &broken):
		return &Error{Err: err, Hint: "the ledger breaks a law, so that no backup was made and older ones stay: bursar verify says the same of the database"}
	case errors.Is(err, store.ErrExists):
		return &Error{Err: err, Hint: "choose another name, or overwrite it with --force"}
	case errors.Is(err, store.ErrDamaged):
		return &Error{Err: err, Hint: "the database is broken, so that no backup was made and older ones stay: put the last one in its place with bursar restore"}
	}
	return err
}

func newRestore(env Env) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a database from a backup",
		Long: `Make the database of a folder from a file that "bursar backup" wrote. Before anything
is touched the file's contents are verified: their structure, and every law of the
ledger. One of an older Bursar is brought up to date; FILE itself stays as it is.

It is refused when the folder holds a database. With --force that one is kept, under
another name beside the new one. Stop what serves it first.

A database of a PostgreSQL server is restored by the server's own program, into an
empty database:
pg_restore --no-owner --exit-on-error --dbname=postgres://user@host/name FILE`,
		Example: `bursar restore /var/backups/bursar.db --data /var/lib/bursar
bursar restore /var/backups/bursar.db --data /var/lib/bursar --force`,
		GroupID: GroupKeep,
		Args:    cobra.ExactArgs(1),
	}
	data := DatabaseFlags(cmd, env)
	cmd.Flags().BoolVar(&force, "force", false, "put it in the place of the database that is there, which is kept under another name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		where, err := data.Config()
		if err != nil {
			return err
		}
		if where.URL != "" {
			return serversOwn(where, "pg_restore --no-owner --exit-on-error --dbname="+quoted(publicURL(where.URL))+" "+quoted(args[0]))
		}
		restored, err := store.Restore(cmd.Context(), args[0], where.Dir, force, env.Now)
		if err != nil {
			return explainRestore(err)
		}
		text := fmt.Sprintf("The database in %s is that of %s: %s.\n", where.Dir, args[0], verifiedText(restored.Verified))
		if restored.Migrated {
			text += "It was of an older Bursar, and has been brought up to date.\n"
		}
		if restored.Aside != "" {
			text += fmt.Sprintf("The one that was there is now %s.\n", restored.Aside)
		}
		_, err = fmt.Fprint(env.Stdout, text)
		return err
	}
	return cmd
}

func explainRestore(err error) error {
	var broken *ledger.Break
	hint := ""
	switch {
	case errors.As(err, &broken), errors.Is(err, store.ErrDamaged):
		hint = "nothing was changed; take an older backup"
	case errors.Is(err, store.ErrExists):
		hint = "name another folder with --data, or put the backup in its place with --force, which keeps the old one under another name"
	case errors.Is(err, store.ErrBusy):
		hint = "nothing was changed; stop what uses that database, such as bursar serve, and try again"
	case errors.Is(err, store.ErrNewer):
		hint = "nothing was changed; update bursar, or take a backup of this version"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, store.ErrFull):
		return err
	default:
		hint = "nothing was changed; name a file that bursar backup wrote"
	}
	return &Error{Err: err, Hint: hint}
}

// serversOwn refuses to do what a server's own programs do.
func serversOwn(where store.Config, command string) error {
	return &Error{
		Err:  fmt.Errorf("%s is on a PostgreSQL server, whose own programs do this", DatabaseName(where)),
		Code: ExitUsage,
		Hint: "run: " + command + " (it asks for the password, or takes it from $PGPASSWORD or ~/.pgpass)",
	}
}

// publicURL returns the address of a database as a command line may show it: with
// the user, and without what is secret.
func publicURL(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "postgres://user@host/name"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for name := range query {
		switch name {
		case "host", "port", "user", "dbname", "sslmode", "sslrootcert":
		default: // a password, or what only Bursar understands
			query.Del(name)
		}
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// quoted returns a word as a shell takes it.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@=+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
