// Package watch looks at portals again and again, and shows how they stand and what
// changed: on a screen that lives, or, where nobody sits in front of one, as lines.
//
// A portal that does not answer keeps what it said last, with its age. What is shown of
// a change is when it was seen, not when it happened.
package watch
