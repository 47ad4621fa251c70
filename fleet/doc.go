// Package fleet is many portals, read by somebody who has more than one: their
// profiles and where their keys are, reading them all at once within what each of
// them allows, and what their wallets' pasts say about how long they will last.
package fleet
