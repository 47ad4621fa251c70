package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// writeJSONAsYAML writes a JSON document as YAML, members in the same order.
// Any text that a reader of YAML, old or new, could take for something else is
// written as JSON writes it, which is YAML too.
func writeJSONAsYAML(w io.Writer, document []byte) error {
	in := json.NewDecoder(bytes.NewReader(document))
	in.UseNumber()
	lines, _, err := yamlLines(in)
	if err == nil {
		_, err = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	}
	return err
}

// yamlLines reads the next value and returns it as lines; inline says that it is
// one that may stand behind a key.
func yamlLines(in *json.Decoder) (lines []string, inline bool, err error) {
	token, err := in.Token()
	if err != nil {
		return nil, false, err
	}
	switch t := token.(type) {
	case string:
		return []string{yamlText(t)}, true, nil
	case nil:
		return []string{"null"}, true, nil
	case json.Delim:
		for in.More() {
			next := yamlElement
			if t == '{' {
				next = yamlMember
			}
			more, err := next(in)
			if err != nil {
				return nil, false, err
			}
			lines = append(lines, more...)
		}
		if _, err := in.Token(); err != nil { // the end of it
			return nil, false, err
		}
		if len(lines) == 0 {
			return []string{map[json.Delim]string{'{': "{}", '[': "[]"}[t]}, true, nil
		}
		return lines, false, nil
	default:
		return []string{fmt.Sprint(t)}, true, nil
	}
}

// yamlElement reads an element of a list.
func yamlElement(in *json.Decoder) ([]string, error) {
	lines, _, err := yamlLines(in)
	for i, line := range lines {
		if i == 0 {
			lines[i] = "- " + line
		} else {
			lines[i] = "  " + line
		}
	}
	return lines, err
}

// yamlMember reads a member of an object.
func yamlMember(in *json.Decoder) ([]string, error) {
	key, err := in.Token()
	if err != nil {
		return nil, err
	}
	lines, inline, err := yamlLines(in)
	name := yamlText(fmt.Sprint(key)) + ":"
	if inline {
		return []string{name + " " + lines[0]}, err
	}
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return slices.Insert(lines, 0, name), err
}

var (
	yamlPlain = regexp.MustCompile(`^[A-Za-z](?:[A-Za-z0-9_./@+-]|://| [A-Za-z0-9_./@+-])*$`)
	yamlWords = regexp.MustCompile(`(?i)^(?:true|false|yes|no|on|off|y|n|null)$`)
)

func yamlText(s string) string {
	if yamlPlain.MatchString(s) && !yamlWords.MatchString(s) {
		return s
	}
	quoted, err := encodeJSON(s)
	if err != nil { // a text can always be encoded
		return `""`
	}
	return string(quoted)
}
