// Package cli is the door that people and scripts use from a shell: one file a
// command. Commands that read portals go through package docspace, those that
// change Bursar's own database through package billing.
//
// Commands print results on standard output and everything else on standard
// error, and fail with an error that [ExitCode] turns into the exit status.
package cli
