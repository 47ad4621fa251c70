package fleet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readPlain reads a file of profiles as Save writes it, or a person does who writes as
// simply: two spaces, a name; four, a member; nothing that YAML could take in two ways.
// It is a hundred times as fast as a reader of all of YAML, and needs little beyond the
// text, which matters where there are ten thousand. ok is false for any other file,
// right or wrong: that one is for the other reader, which also finds the words for what
// is wrong.
func readPlain(text string) (portals map[string]Profile, ok bool) {
	line, rest, _ := strings.Cut(text, "\n")
	if line != "portals:" {
		return nil, false
	}
	portals = map[string]Profile{}
	var (
		name    string
		profile Profile
		seen    []string // members of the profile
	)
	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\n")
		member, inside := strings.CutPrefix(line, "    ")
		if inside {
			key, value, found := strings.Cut(member, ": ")
			if !found || name == "" || among(seen, key) || !profile.plainMember(key, value) {
				return nil, false
			}
			seen = append(seen, key)
			continue
		}
		if name != "" {
			portals[name] = profile
		}
		if name, ok = strings.CutPrefix(line, "  "); !ok {
			return nil, false
		}
		if name, ok = strings.CutSuffix(name, ":"); !ok {
			return nil, false
		}
		if name, ok = plainText(name); !ok {
			return nil, false
		}
		if _, twice := portals[name]; twice {
			return nil, false
		}
		profile, seen = Profile{}, seen[:0]
	}
	if name == "" {
		return nil, false
	}
	portals[name] = profile
	return portals, true
}

func among(all []string, one string) bool {
	for _, other := range all {
		if other == one {
			return true
		}
	}
	return false
}

// plainMember sets the member of a profile that is called so in the file.
func (p *Profile) plainMember(name, value string) (ok bool) {
	switch name {
	case "url":
		p.URL, ok = plainText(value)
		return ok
	case "key_command":
		p.Key.Command, ok = plainText(value)
		return ok
	case "key_file":
		p.Key.File, ok = plainText(value)
		return ok
	case "key_variable":
		p.Key.Variable, ok = plainText(value)
		return ok
	case "key":
		p.Key.Plain, ok = plainText(value)
		return ok
	case "ca_cert":
		p.CACert, ok = plainText(value)
		return ok
	case "keyring":
		p.Key.Keyring = true
		return value == "true"
	case "per_minute":
		n, err := strconv.Atoi(value)
		p.PerMinute = n
		return err == nil && strconv.Itoa(n) == value
	case "groups":
		list, ok := strings.CutPrefix(value, "[")
		if !ok {
			return false
		}
		if list, ok = strings.CutSuffix(list, "]"); !ok {
			return false
		}
		for group := range strings.SplitSeq(list, ", ") {
			if group, ok = plainText(group); !ok {
				return false
			}
			p.Groups = append(p.Groups, group)
		}
		return true
	}
	return false
}

// plainText returns a text that is nothing but itself in YAML: of few characters, or
// quoted as JSON does, which YAML reads alike.
func plainText(s string) (text string, ok bool) {
	if strings.HasPrefix(s, `"`) {
		err := json.Unmarshal([]byte(s), &text)
		return text, err == nil && utf8.ValidString(s)
	}
	return s, isPlain(s)
}

// isPlain reports whether a text needs no quotes to be a text.
func isPlain(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '/'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || strings.IndexByte(" ._-:@=+$'", c) >= 0)) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return false
	}
	return !strings.Contains(s, ": ") && !strings.HasSuffix(s, ":") && !strings.HasSuffix(s, " ")
}

// writePlain writes profiles so that readPlain can read them.
func writePlain(profiles []Profile) ([]byte, error) {
	b := []byte("portals:\n")
	var failed error
	quoted := func(text string) string {
		if isPlain(text) {
			return text
		}
		if !utf8.ValidString(text) {
			failed = fmt.Errorf("%w: %q is no text", ErrProfiles, text)
		}
		var line strings.Builder
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(text); err != nil {
			failed = err
		}
		return strings.TrimSuffix(line.String(), "\n")
	}
	for _, p := range profiles {
		b = fmt.Appendf(b, "  %s:\n", quoted(p.Name))
		for _, member := range []struct{ name, value string }{
			{"url", p.URL}, {"key_command", p.Key.Command}, {"key_file", p.Key.File},
			{"key_variable", p.Key.Variable}, {"key", p.Key.Plain}, {"ca_cert", p.CACert},
		} {
			if member.value != "" {
				b = fmt.Appendf(b, "    %s: %s\n", member.name, quoted(member.value))
			}
		}
		if p.Key.Keyring {
			b = append(b, "    keyring: true\n"...)
		}
		if p.PerMinute != 0 {
			b = fmt.Appendf(b, "    per_minute: %d\n", p.PerMinute)
		}
		if len(p.Groups) > 0 {
			groups := make([]string, len(p.Groups))
			for i, group := range p.Groups {
				groups[i] = quoted(group)
			}
			b = fmt.Appendf(b, "    groups: [%s]\n", strings.Join(groups, ", "))
		}
	}
	return b, failed
}
