// Package event holds what Bursar tells others that has happened: the types of
// events, what each of them says, and a JSON schema for each.
//
// An event is told after the fact: it is written down in the transaction in which it
// happens, and can be read when that is durable. [Event] is how it goes out, by
// cursor and to webhooks alike. What an event of a type says is the struct that
// [Data] names: flat, members in camel case, money as text with its currency
// ([Money]), moments in UTC ([Time]). A member that does not apply is not there.
//
// Members and reasons may be added to a type, so whoever reads must pass over what
// they do not know; none changes its meaning or goes away.
package event
