package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/disk"
	"github.com/bursarhq/bursar/docspace"
	"github.com/bursarhq/bursar/export"
	"github.com/bursarhq/bursar/fleet"
	"github.com/bursarhq/bursar/manifest"
	"github.com/bursarhq/bursar/reconcile"
	"github.com/bursarhq/bursar/store"
)

// The exit codes.
const (
	ExitOK         = 0
	ExitFailed     = 1 // nothing reachable, or it did not work
	ExitUsage      = 2 // the command line is wrong
	ExitPartly     = 3 // some parts arrived, others did not
	ExitNotAllowed = 4 // the key is refused, or may not do this
	ExitDiffers    = 5 // all was read, and is not as it should be
)

// Error is a failure with an exit code and advice.
type Error struct {
	Err  error
	Code int
	// Hint says what to do next; "" takes the one for Err.
	Hint string
	// Printed says that the failure is on standard error already.
	Printed bool
}

// Error returns the text of Err.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// usage makes the error of a wrong command line.
func usage(format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Code: ExitUsage}
}

// outcomes are the exit code and the advice for each error that commands meet.
var outcomes = []struct {
	err  error
	code int
	hint string
}{
	{manifest.ErrManifest, ExitUsage, "docs/manifest.md says what may stand there, and bursar manifest schema tells it to editors"},
	{manifest.ErrPlan, ExitUsage, "bursar manifest diff --save writes it anew"},
	{manifest.ErrChanged, ExitFailed, "see by bursar manifest diff what there is to change now"},
	{manifest.ErrOperator, ExitFailed, "check operator in the manifest: its address, the portal's id there, and the key, which bursar key create --operator makes"},

	{docspace.ErrDepositUnknown, ExitFailed, "it may have happened or not: bursar deposit --status says what is known, --resume finds out more"},
	{docspace.ErrDepositOpen, ExitFailed, "two deposits of one amount can't be told apart: find out about the first by bursar deposit --resume, or --resolve it"},
	{docspace.ErrOtherDeposit, ExitUsage, "choose another --idempotency-key; bursar deposit --status shows what this one stands for"},
	{docspace.ErrNoDeposit, ExitFailed, "bursar deposit --status lists those there are"},
	{docspace.ErrConfig, ExitUsage, "give the address with --portal and the key with --key, or see bursar report --help"},
	{docspace.ErrUnauthorized, ExitNotAllowed, "check the key: it may be mistyped, expired, revoked, or of another portal. A stock portal takes sk-… keys from Settings > Developer Tools > API keys"},
	{docspace.ErrForbidden, ExitNotAllowed, "the key's user must be the owner or a DocSpace administrator, and the key must not be limited to single modules (it needs *:read)"},
	{docspace.ErrNotFound, ExitFailed, "check the address: nothing there speaks DocSpace's API, or the portal is gone"},
	{docspace.ErrRateLimited, ExitFailed, "the portal asks for a pause; try again in a minute"},
	{docspace.ErrUnreachable, ExitFailed, "check the address, the network, and that the portal is up: curl -I ADDRESS"},
	{docspace.ErrTimeout, ExitFailed, "the portal is slow; give it more time with --timeout 2m"},
	{docspace.ErrRedirect, ExitFailed, "the portal has another address; use the one it sends to, if you trust it with the key"},
	{docspace.ErrTooLarge, ExitFailed, "no portal sends that much; check the address"},
	{docspace.ErrMalformed, ExitFailed, "check the address: a proxy or a login page answers in place of the portal's API"},
	{docspace.ErrPortalFailed, ExitFailed, "the portal failed; its administrators find the reason in its logs"},
	{docspace.ErrPaymentRequired, ExitFailed, "the wallet, the plan or the portal's payment does not cover it; bursar report shows all three"},
	{docspace.ErrRefused, ExitFailed, "the portal's own text says why"},

	{fleet.ErrKey, ExitNotAllowed, "bursar profile list shows where each portal's key is; bursar profile add --replace puts another in its place"},
	{fleet.ErrProfiles, ExitUsage, "put the file right, or write it anew with bursar profile add"},
	{fleet.ErrNoProfile, ExitUsage, "bursar profile list shows the portals there are"},
	{fleet.ErrNothingKnown, ExitFailed, "bursar report --only customer shows whether it has one; if it has, try again in a while"},
	{fleet.ErrNoPocket, ExitFailed, "bursar report --only balance shows what it has"},
	{fleet.ErrNothingHappened, ExitFailed, "bursar operations list --all shows what ever did; --days goes back further"},

	{reconcile.ErrState, ExitUsage, "name the file that bursar reconcile --state wrote, or another one, which begins anew"},
	{export.ErrUnfinished, ExitUsage, "--resume goes on with it, --restart throws it away"},
	{export.ErrOther, ExitUsage, "give the flags of before, name another --file or --state, or throw away what was begun with --restart"},
	{disk.ErrBusy, ExitFailed, "wait until the other process is done"},
	{export.ErrState, ExitFailed, "restore the folder of --state from a backup, or begin anew with another: everything is exported again then"},
	{export.ErrList, ExitFailed, "try again; if it stays so, the portal is at fault"},
	{export.ErrInvalid, ExitUsage, "see --help for what goes there"},

	{billing.ErrInvalid, ExitUsage, "see --help for what goes there"},
	{billing.ErrNotFound, ExitFailed, "bursar portal list shows what there is"},
	{billing.ErrExists, ExitFailed, "choose another, or use the one that is there: bursar portal list"},
	{billing.ErrInUse, ExitFailed, "take away first what needs it, or leave it"},
	{billing.ErrTryAgain, ExitFailed, "the database is busy, or its server does not answer; try again"},
	{billing.ErrNoPortal, ExitFailed, "bursar portal create makes one"},
	{billing.ErrNoKey, ExitNotAllowed, "give a key with --key"},
	{billing.ErrUnknownKey, ExitNotAllowed, "bursar key list shows the portal's keys"},
	{billing.ErrKeyExpired, ExitNotAllowed, "bursar key create makes a new one"},
	{billing.ErrKeyRevoked, ExitNotAllowed, "bursar key create makes a new one"},
	{billing.ErrScope, ExitNotAllowed, "bursar key create --scope '*:read' makes one that may"},
	{billing.ErrAccessDenied, ExitNotAllowed, "use a key of the owner or an administrator"},

	{billing.ErrInsufficient, ExitFailed, "the wallet has less than that: bursar payment or bursar credit put money in"},
	{billing.ErrMismatch, ExitFailed, "a key is for one order for ever: repeat that order as it was, or choose another --idempotency-key"},
	{billing.ErrHoldClosed, ExitFailed, "a hold ends once; open another one"},
	{billing.ErrOverHold, ExitFailed, "complete it with what it reserves at most, and charge the rest"},
	{billing.ErrOverCorrection, ExitFailed, "bursar statement shows the transfer and what was corrected of it"},
	{billing.ErrNoProvider, ExitFailed, "name one with --payments; the sandbox is for trying things out, and collects no real money"},
	{billing.ErrNoMethod, ExitFailed, "bursar customer set --method card says that there is one"},
	{billing.ErrDeclined, ExitFailed, "the customer's bank knows why; another method may do"},
	{billing.ErrUnsettled, ExitFailed, "repeat the command with the same --idempotency-key: it charges nothing twice"},
	{billing.ErrNotPaid, ExitFailed, "renew the plan first"},
	{billing.ErrLimit, ExitFailed, "use less, or take more of the plan"},
	{billing.ErrTooMany, ExitFailed, "wait for as long as it says"},
	{billing.ErrNoMail, ExitFailed, "bursar serve sends mail: see its --smtp, --outbox and --sales-email"},
	{billing.ErrBusyWallet, ExitFailed, "wait until the other deposit is settled"},

	{store.ErrQueueFull, ExitFailed, "too much is going on; try again"},
	{store.ErrDamaged, ExitFailed, "it is no database of Bursar's, or broken: name another one with --data or --database, or put a backup in its place with bursar restore"},
	{store.ErrNewer, ExitFailed, "update bursar, or name another database with --data or --database"},
	{store.ErrFull, ExitFailed, "make room on the disk; nothing was changed"},
	{store.ErrBusy, ExitFailed, "the database is busy, or its server does not answer; try again"},
	{store.ErrLost, ExitFailed, "somebody else has the job by now: bursar jobs list shows how it stands"},
	{store.ErrExists, ExitFailed, "choose another, or use the one that is there: bursar portal list"},
	{store.ErrInUse, ExitFailed, "take away first what needs it, or leave it"},
	{store.ErrNotFound, ExitFailed, "bursar portal list shows what there is"},

	{catalog.ErrCatalog, ExitFailed, "bursar catalog show -o yaml prints a catalogue that is right, to compare with or to start from"},

	{fs.ErrNotExist, ExitFailed, "check the name of the file"},
	{syscall.ENOTDIR, ExitFailed, "name a folder, not a file"},
	{syscall.EISDIR, ExitFailed, "name a file, not a folder"},
	{fs.ErrPermission, ExitFailed, "check who may use that file, folder or database, or name another"},
	{syscall.EADDRINUSE, ExitFailed, "another program listens there; choose another address with --listen 127.0.0.1:0"},
	{syscall.EADDRNOTAVAIL, ExitFailed, "this machine does not have that address; choose another with --listen"},
	{syscall.EACCES, ExitFailed, "ports below 1024 need rights; choose another with --listen"},
}

// ExitCode returns the exit status for what a command returned.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	var own *Error
	if errors.As(err, &own) && own.Code != 0 {
		return own.Code
	}
	for _, row := range outcomes {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	if isUsage(err) {
		return ExitUsage
	}
	return ExitFailed
}

// hintFor returns the advice for an error.
func hintFor(err error) string {
	var own *Error
	if errors.As(err, &own) && own.Hint != "" {
		return own.Hint
	}
	for _, row := range outcomes {
		if errors.Is(err, row.err) {
			return row.hint
		}
	}
	if ExitCode(err) == ExitUsage {
		return "--help shows how the command is used"
	}
	return "if the message does not help, please report it: https://github.com/bursarhq/bursar/issues"
}

// isUsage recognizes cobra's own errors, which have no type.
func isUsage(err error) bool {
	for _, start := range []string{"unknown command", "unknown flag", "unknown shorthand", "invalid argument", "flag needs an argument",
		"accepts ", "requires ", "required flag", "if any flags in the group", "at least one of the flags", "bad flag syntax"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}

// PrintError writes an error and what to do about it.
func PrintError(w io.Writer, err error) {
	var own *Error
	if errors.As(err, &own) && own.Printed {
		return
	}
	lines := strings.Split(err.Error(), "\n") // of errors that were joined
	for i := range lines {
		lines[i] = cleaned(lines[i])
	}
	fmt.Fprintf(w, "bursar: %s\nhint: %s\n", strings.Join(lines, "\n"), hintFor(err))
}
