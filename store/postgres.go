package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

func postgresDialect() dialect {
	return dialect{
		goose:      goose.DialectPostgres,
		folder:     "postgres",
		beginRead:  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
		beginWrite: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
		lockRows:   "FOR NO KEY UPDATE",
		skipLocked: "FOR NO KEY UPDATE SKIP LOCKED",
		hasVersions: `
			SELECT CASE WHEN to_regclass('goose_db_version') IS NULL THEN 0 ELSE 1 END`,
		// With a standby that has to have it too, a commit can wait for ever.
		commitWithin: statementTimeout,
	}
}

const (
	// statementTimeout is how long one statement may run, its result included.
	statementTimeout = 30 * time.Second
	// connectTimeout is how long one host may take to answer.
	connectTimeout = 10 * time.Second
	// cancelDelay is how long a statement may go on after its context: nearly all
	// end by themselves before. hangUpDelay is after what time the connection is
	// given up, which is dear: the next one has to be made and told everything.
	cancelDelay, hangUpDelay = 20 * time.Millisecond, time.Second
	// oldest is the version of PostgreSQL that has all that is used.
	oldest = 14
)

// server is how a PostgreSQL database is reached.
type server struct {
	config   *pgx.ConnConfig
	settings string // what each connection is told first
	timeouts string // more of it, where nobody is ready to wait
}

func newPostgres(config Config) (*engine, error) {
	parsed, err := parseURL(config.URL)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &server{config: parsed, settings: settings(config.NoSync), timeouts: timeouts()}
	return &engine{
		dialect: postgresDialect(),
		db:      s.db(s.timeouts),
		name:    fmt.Sprintf("%q on %s", parsed.Database, net.JoinHostPort(parsed.Host, strconv.Itoa(int(parsed.Port)))),
		writers: or(config.Writers, 4),
		server:  s,
	}, nil
}

// parseURL never fails with a part of the URL that may be one of the password.
func parseURL(text string) (*pgx.ConnConfig, error) {
	const advice = "in a password, letters and digits may stand as they are, all else must be written like %40 for @"
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Fragment != "", u.User == nil && strings.Contains(text, "@"):
		return nil, errors.New("the URL can't be understood; " + advice)
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return nil, errors.New("the URL must begin with postgres://")
	}
	config, err := pgx.ParseConfig(text)
	var wrong *pgconn.ParseConfigError
	if errors.As(err, &wrong) {
		err = wrong.Unwrap() // without what was parsed
		if err == nil {
			err = errors.New("it can't be understood; " + advice)
		}
	}
	if err != nil {
		password, _ := u.User.Password()
		return nil, fmt.Errorf("the URL: %s", hidden(err.Error(), password, u.Query().Get("password")))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.ValidateConnect == nil {
		// A standby is behind, and after a failover so is the former primary.
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, CancelRequestDelay: cancelDelay, DeadlineDelay: hangUpDelay}
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "bursar"
	}
	return config, nil
}

func hidden(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return text
}

// settings are those of every connection.
func settings(noSync bool) string {
	durable := `
		SELECT set_config('synchronous_commit', 'on', false)
		 WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');`
	if noSync {
		durable = `SET synchronous_commit = off;`
	}
	return durable + `
		SET TimeZone = 'UTC';
		-- A plan that was made while a table was empty reads all of it, and is kept
		-- when the table has grown. Every query here has an index to go by, row for
		-- row, and is about few rows, or goes through many in the order of one.
		SET enable_seqscan = off;
		SET enable_hashjoin = off;
		SET enable_mergejoin = off;
		SET enable_bitmapscan = off;
		SET enable_material = off;
		-- So there is one plan for each, whatever its parameters are, and none is worth
		-- compiling, though what has no index to go by may look dear.
		SET plan_cache_mode = force_generic_plan;
		SET jit = off;`
}

// timeouts bound how long others are waited for, and how long others have to wait
// for a process that stopped in the middle of a change.
func timeouts() string {
	return fmt.Sprintf(`
		SET lock_timeout = %d;
		SET statement_timeout = %d;
		SET idle_in_transaction_session_timeout = %d;`,
		busyTimeout.Milliseconds(), statementTimeout.Milliseconds(), statementTimeout.Milliseconds())
}

// db returns connections that are told these settings.
func (s *server) db(timeouts string) *sql.DB {
	return stdlib.OpenDB(*s.config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		err := s.prepare(ctx, conn, timeouts)
		if err != nil {
			_ = conn.Close(ctx)
		}
		return err
	}))
}

// patientDB returns connections for migrations, which take as long as they take.
func (s *server) patientDB() *sql.DB { return s.db("") }

// connect returns a connection of its own, past database/sql.
func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, conn, s.timeouts); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// prepare makes a new connection what all are, in one round trip.
func (s *server) prepare(ctx context.Context, conn *pgx.Conn, timeouts string) error {
	// What the server says of itself when one connects costs no question.
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), ".")
	if n, err := strconv.Atoi(version); err == nil && n < oldest {
		return fmt.Errorf("the server is PostgreSQL %s, and must be %d or newer", version, oldest)
	}
	if encoding := conn.PgConn().ParameterStatus("server_encoding"); encoding != "" && encoding != "UTF8" {
		return fmt.Errorf("the database is kept in %s, and must be in UTF8", encoding)
	}
	_, err := conn.PgConn().Exec(ctx, s.settings+timeouts).ReadAll()
	return connError(conn, err)
}

// connError names what went wrong on a connection. Where that is gone, it is the
// reason, whatever the network said.
func connError(conn *pgx.Conn, err error) error {
	named := engineError(err)
	if named != nil && named == err && conn.IsClosed() {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return named
}

// migrationLock lets one process at a time bring the tables up to date. It is a
// row with a lease, not an advisory lock, which not every such server has.
func (s *server) migrationLock() (lock.Locker, error) {
	const lease, beat, pause, attempts = 15 * time.Second, 3 * time.Second, 100 * time.Millisecond, 600
	return lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(lease),
		lock.WithTableHeartbeatInterval(beat),
		lock.WithTableLockTimeout(pause, attempts),
		lock.WithTableUnlockTimeout(pause, 10),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)),
	)
}

// postgresError names what the server told.
// Source: PostgreSQL, appendix "Error Codes".
func postgresError(told *pgconn.PgError, err error) error {
	switch told.Code {
	case "23505": // unique_violation
		return ErrExists
	case "23503": // foreign_key_violation
		return fmt.Errorf("%w: %w", ErrInUse, err)
	case "53100": // disk_full
		return fmt.Errorf("%w: %w", ErrFull, err)
	case "XX001", "XX002": // data_corrupted, index_corrupted
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case "42501": // insufficient_privilege
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	case "3D000": // invalid_catalog_name
		return fmt.Errorf("%w: the server has no such database; it has to be made first: %w", fs.ErrNotExist, err)
	case "40001", "40P01", // serialization_failure, deadlock_detected
		"55P03",                            // lock_not_available
		"57014", "57P01", "57P02", "57P03", // canceled, shut down, crashed, starting
		"57P05", "25P03", // idle for too long
		"53000", "53200", "53300": // out of resources, memory, connections
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	switch {
	case strings.HasPrefix(told.Code, "28"): // authentication
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	case strings.HasPrefix(told.Code, "08"), stale(told): // connection
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// stale reports whether a connection can't be used any more although it is whole.
func stale(told *pgconn.PgError) bool {
	switch told.Code {
	case "57014", // query_canceled: another cancellation may be on its way
		"25006", // read_only_sql_transaction: it is no primary any more
		"26000": // invalid_sql_statement_name: a pool gave us someone else's
		return true
	case "0A000": // feature_not_supported: the tables changed under a plan
		return strings.Contains(told.Message, "cached plan")
	}
	return false
}

// gone reports whether a session's connection is closed.
func (s *session) gone() bool {
	return s.is(func(conn *pgx.Conn) bool { return conn.IsClosed() })
}

// lost reports whether it is, or in a state that nobody can begin from.
func (s *session) lost() bool {
	return s.is(func(conn *pgx.Conn) bool { return conn.IsClosed() || conn.PgConn().TxStatus() != 'I' })
}

func (s *session) is(bad func(*pgx.Conn) bool) bool {
	if s.conn == nil {
		return true
	}
	is := false
	err := s.conn.Raw(func(conn any) error {
		if c, ok := conn.(*stdlib.Conn); ok {
			is = bad(c.Conn())
		}
		return nil
	})
	return err != nil || is
}

// served reports whether there is a server behind a session.
func (s *session) served() bool {
	return s.is(func(*pgx.Conn) bool { return true })
}

// hangUp ends the server's connection under a session, whatever it is doing.
func hangUp(conn any) {
	if c, ok := conn.(*stdlib.Conn); ok {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Conn().Close(ctx)
	}
}
