// Package store keeps Bursar's facts: portals, their users and keys, customers,
// wallets, subscriptions and usage. The engine is SQLite, in a folder or in
// memory, or a PostgreSQL server.
//
// Reads see one consistent moment ([Store.Read]); changes are one transaction of
// one portal, durable when they return ([Store.Change]). Each change counts the
// portal's version up, so that whoever keeps something derived from a portal can
// ask cheaply whether it still holds ([Store.Locate]).
//
// SQL stands beside the Go that runs it, a file a noun, and is one text for both
// engines; what they need differently stands in dialect.go, sqlite.go and
// postgres.go. The DDL in the folders sqlite and postgres is the commented truth
// about the tables.
package store
