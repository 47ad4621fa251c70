// Package webhook sends messages to addresses that others have named, signed, so that
// they can tell who sent them. It knows no event and no database.
//
// A message is signed by the scheme of Standard Webhooks: its id, the moment of the
// attempt and its body, with every secret of the receiver's that is valid, so that a
// secret can be changed without a message being refused. The moment is the real one,
// whatever clock the sender's own affairs go by: receivers compare it with theirs.
//
// Where a message goes is checked twice: the address as it is written ([CheckURL]),
// and, after its name was looked up, the very address that is connected to. What is
// private is refused unless the receiver may be there; what answers a machine about
// itself is refused in any case. Nothing follows redirects or uses a proxy.
//
// How long to wait after a failure, and for how long to go on, is said by [Backoff]
// and [Patience].
package webhook
