// Package store keeps Bursar's facts: portals, their users and keys, customers,
// wallets, subscriptions and usage. The engine is SQLite, in a folder or in
// memory.
//
// Reads see one consistent moment ([Store.Read]); changes are one transaction of
// one portal, durable when they return ([Store.Change]). Each change counts the
// portal's version up, so that whoever keeps something derived from a portal can
// ask cheaply whether it still holds ([Store.Generation], [Tx.Address]).
//
// SQL stands beside the Go that runs it, a file a noun; the DDL in the folder
// sqlite is the commented truth about the tables.
package store
