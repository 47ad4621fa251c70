// Package mail sends messages: to a mail server, or into a folder of files where
// there is none. What a header is made of can't become another header, and no
// password is ever in an error.
package mail
