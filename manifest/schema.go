package manifest

import (
	"encoding/json"
	"fmt"
)

// Schema returns the JSON Schema (2020-12) of a manifest, for editors: made of the same
// table that manifests are read by. It can't tell all that reading does: names that are
// not there, what is missing when all layers are laid over each other, amounts that
// contradict each other.
func Schema() []byte {
	portal := schemaOfMembers(members())
	layers := map[string]any{"$ref": "#/$defs/layer"}
	own := schemaOfMembers(members())
	own["properties"].(map[string]any)["groups"] = map[string]any{
		"description": "Groups that it is in: a later one goes before an earlier one.",
		"type":        "array", "uniqueItems": true, "items": namings().schema,
	}
	own["type"] = []any{"object", "null"}
	schema := map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Bursar manifest",
		"description": "How the billing of DocSpace portals is to be. What is left out is left as it is.",
		"type":        "object", "required": []any{"version", "portals"}, "additionalProperties": false,
		"properties": map[string]any{
			"version":  map[string]any{"const": 1},
			"defaults": layers,
			"groups":   map[string]any{"type": "object", "propertyNames": namings().schema, "additionalProperties": layers},
			"portals": map[string]any{
				"description": "Portals by the names of their profiles.",
				"type":        "object", "propertyNames": namings().schema, "additionalProperties": map[string]any{"$ref": "#/$defs/portal"},
			},
		},
		"$defs": map[string]any{"layer": portal, "portal": own},
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil { // a map of texts and numbers can always be written
		panic(fmt.Sprintf("manifest: %v", err))
	}
	return append(text, '\n')
}

func schemaOfMembers(all []member) map[string]any {
	properties := map[string]any{}
	for _, m := range all {
		properties[m.name] = schemaOfMember(m)
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func schemaOfMember(m member) map[string]any {
	one := m.form.schema
	if m.form.check == nil {
		one = schemaOfMembers(m.members)
	}
	if len(m.words) > 0 {
		words := []any{}
		for _, word := range m.words {
			words = append(words, word)
		}
		one = map[string]any{"anyOf": []any{map[string]any{"enum": words}, one}}
	}
	one["description"] = m.about
	return one
}
