// Package billing is the hall that every request crosses: one method of
// [Service] a use case, with the rules of who may do it.
//
// Doors resolve a host to a [View] (one consistent picture of one portal), the
// key to a [Caller], and call a read with it. Views are kept from one request to
// the next and are never stale: each request asks the database whether anything
// was committed since, and a view whose portal changed is read anew.
//
// Changes are one transaction each. Input that can't be used is refused with a
// [FieldError], before anything is touched.
package billing
