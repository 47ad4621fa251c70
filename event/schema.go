package event

import "embed"

//go:generate go test . -run TestSchemas -update

//go:embed schema
var schemas embed.FS

// Schema returns the JSON schema of a whole event of a type, and whether there is
// one. Source: JSON Schema, draft 2020-12.
//
// It allows members that it does not name, because some may be added.
func Schema(t Type) ([]byte, bool) {
	text, err := schemas.ReadFile("schema/" + string(t) + ".json")
	return text, err == nil
}
