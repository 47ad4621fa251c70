package webhook

import "time"

// The bounds of what is waited between two attempts.
const (
	minWait = 5 * time.Second
	maxWait = 12 * time.Hour
)

// Patience is for how long a message is tried before it is given up, if it was tried
// [EnoughAttempts] times: a sender that was down itself does not count that time as
// the receiver's.
const Patience = 5 * 24 * time.Hour

// EnoughAttempts is how often a message is tried at least before it is given up.
// Within Patience, Backoff comes to some 25.
const EnoughAttempts = 15

// Backoff returns how long to wait after so many failures in a row, which is at least
// one: about twice as long each time, between 5 s and 12 h. A receiver that asked to
// be left alone for longer is, up to 12 h; asked is 0 when it did not. Draw returns a
// number from 0 to below n, evenly: it sees to it that those who failed together do
// not come back together.
func Backoff(failures int64, asked time.Duration, draw func(n int64) int64) time.Duration {
	step := 2 * minWait
	for ; failures > 1 && step < maxWait; failures-- {
		step *= 2
	}
	step = min(step, maxWait)
	wait := step/2 + time.Duration(draw(int64(step/2)+1))
	return max(wait, min(asked, maxWait))
}

// GiveUp reports whether a message that was tried so often, this time included, and
// since when nothing was taken, has been tried enough.
func GiveUp(attempts int64, since, now time.Time) bool {
	return attempts >= EnoughAttempts && now.Sub(since) >= Patience
}
