// Package mcp is the assistant's door: a server of the Model Context Protocol that
// answers questions on the billing of portals. It changes nothing unless it is told how
// much may be deposited.
package mcp
