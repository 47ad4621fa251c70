package catalog

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ErrFeature says that a feature string can't be read.
var ErrFeature = errors.New("invalid feature")

// Unlimited is the limit of a count or size that has none.
const Unlimited int64 = -1

// Kind says how a feature counts and how it adds up.
type Kind int

const (
	// Flag is there or not; one line that has it is enough.
	Flag Kind = iota
	// Count is a number of pieces; it grows with the quantity.
	Count
	// Size is a number of bytes; it grows with the quantity.
	Size
	// LargestSize is a number of bytes for one thing; the largest line counts.
	LargestSize
	// FixedCount is a number of pieces that does not grow with the quantity,
	// and is nought where it is not mentioned.
	FixedCount
)

// kinds are the features there are. Source: contract, "Feature string grammar".
var kinds = map[string]Kind{
	"users": Count, "manager": Count, "usersInRoom": Count, "room": Count, "aiagent": Count,
	"total_size": Size, "file_size": LargestSize, "free_backup": FixedCount,
	"non-profit": Flag, "trial": Flag, "free": Flag, "update": Flag, "audit": Flag, "docs": Flag,
	"ldap": Flag, "sso": Flag, "branding": Flag, "customization": Flag, "lifetime": Flag,
	"automationapi": Flag, "custom": Flag, "restore": Flag, "oauth": Flag, "contentsearch": Flag,
	"thirdparty": Flag, "statistic": Flag, "year": Flag, "backup": Flag, "aitools": Flag, "aisearch": Flag,
}

// KindOf returns the kind of a feature; false for a name that is none.
func KindOf(name string) (Kind, bool) {
	kind, ok := kinds[name]
	return kind, ok
}

// Features are what a plan allows. The zero Features have no flag and no limit.
type Features struct {
	values map[string]int64 // by name; 1 for a flag that is set
}

// ParseFeatures reads tokens separated by commas, semicolons or spaces: a flag's
// name, "manager:3" for a count, "total_size:1024" for a size (in megabytes below
// 1,048,576, else in bytes) and "free_backup:2:fixed" for a fixed count. Names
// are matched in any case.
//
// It fails with ErrFeature, naming the token.
func ParseFeatures(text string) (Features, error) {
	f := Features{values: map[string]int64{}}
	for _, token := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",; \t\n", r) }) {
		name, value, err := parseFeature(token)
		if err != nil {
			return Features{}, err
		}
		if _, twice := f.values[name]; twice {
			return Features{}, fmt.Errorf("%w: %q stands there twice", ErrFeature, name)
		}
		f.values[name] = value
	}
	return f, nil
}

func parseFeature(token string) (name string, value int64, err error) {
	parts := strings.Split(token, ":")
	for known := range kinds {
		if strings.EqualFold(known, parts[0]) {
			name = known
		}
	}
	kind, ok := kinds[name]
	if !ok {
		return "", 0, fmt.Errorf("%w: %q is not known", ErrFeature, parts[0])
	}
	want := map[Kind]int{Flag: 1, Count: 2, Size: 2, LargestSize: 2, FixedCount: 3}[kind]
	if len(parts) != want || kind == FixedCount && parts[2] != "fixed" {
		form := map[Kind]string{Flag: name, FixedCount: name + ":N:fixed"}[kind]
		if form == "" {
			form = name + ":N"
		}
		return "", 0, fmt.Errorf("%w: %q should look like %s", ErrFeature, token, form)
	}
	if kind == Flag {
		return name, 1, nil
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || n < 0 {
		return "", 0, fmt.Errorf("%w: %q needs a whole number that is not negative", ErrFeature, token)
	}
	const megabyte = 1 << 20
	if (kind == Size || kind == LargestSize) && n < megabyte {
		n *= megabyte
	}
	return name, n, nil
}

// Has reports whether a flag is set.
func (f Features) Has(flag string) bool { return f.values[flag] == 1 }

// Limit returns the number of a count or size: Unlimited where it is not
// mentioned, but nought for a fixed count.
func (f Features) Limit(name string) int64 {
	if n, ok := f.values[name]; ok {
		return n
	}
	if kinds[name] == FixedCount {
		return 0
	}
	return Unlimited
}

// Mentions reports whether the feature stands in the list at all.
func (f Features) Mentions(name string) bool {
	_, ok := f.values[name]
	return ok
}

// Names returns the names of the features that stand in the list, sorted.
func (f Features) Names() []string { return slices.Sorted(maps.Keys(f.values)) }

// String returns the features as a string that ParseFeatures reads.
func (f Features) String() string {
	var tokens []string
	for _, name := range f.Names() {
		switch kinds[name] {
		case Flag:
			tokens = append(tokens, name)
		case FixedCount:
			tokens = append(tokens, fmt.Sprintf("%s:%d:fixed", name, f.values[name]))
		default:
			tokens = append(tokens, fmt.Sprintf("%s:%d", name, f.values[name]))
		}
	}
	return strings.Join(tokens, ",")
}

// times returns what n of the same allow together. A product beyond int64 is
// unlimited.
func (f Features) times(n int64) Features {
	out := Features{values: maps.Clone(f.values)}
	for name, value := range out.values {
		if kind := kinds[name]; kind != Count && kind != Size {
			continue
		}
		if n != 0 && value > math.MaxInt64/n {
			delete(out.values, name)
			continue
		}
		out.values[name] = value * n
	}
	return out
}

// plus returns what two lines allow together: a limit beside none stays, limits
// add up, of file sizes the larger counts, flags are either's.
func (f Features) plus(g Features) Features {
	out := Features{values: maps.Clone(f.values)}
	if out.values == nil {
		out.values = map[string]int64{}
	}
	for name, value := range g.values {
		have, limited := out.values[name]
		switch kind := kinds[name]; {
		case !limited || kind == Flag:
			out.values[name] = value
		case kind == LargestSize:
			out.values[name] = max(have, value)
		case have > math.MaxInt64-value:
			delete(out.values, name)
		default:
			out.values[name] = have + value
		}
	}
	return out
}
