package cli

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/billing"
	"github.com/bursarhq/bursar/catalog"
	"github.com/bursarhq/bursar/docspace"
)

func newUsage(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Say what a portal uses",
		Long: `What a portal uses of each feature is a fact that somebody reports: its limits are
checked against it, and "used" shows it.`,
		Example: "bursar usage set --portal portal.example.com manager=4 total_size=1GB\nbursar usage show --portal portal.example.com",
		GroupID: GroupRun,
		RunE:    noSubcommand,
	}
	cmd.AddCommand(newUsageSet(env), newUsageShow(env))
	return cmd
}

func newUsageSet(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set FEATURE=USED...",
		Short: "Record how much a portal uses",
		Long: "Record how much a portal uses of some features; others stay as they were. The\nfeatures are " +
			strings.Join(billing.CountedFeatures(), ", ") + ".\n\nA size is in bytes, or in KB, MB, GB or TB of 1024 each.",
		Example: "bursar usage set --portal portal.example.com manager=4 room=12 total_size=1.5GB",
		Args:    cobra.MinimumNArgs(1),
	}
	data, portal := DatabaseFlags(cmd, env), portalFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		used := map[string]int64{}
		for _, arg := range args {
			feature, n, err := parseUse(arg)
			if err != nil {
				return err
			}
			if _, twice := used[feature]; twice {
				return usage("%s is given twice", feature)
			}
			used[feature] = n
		}
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			if err := s.SetUsage(cmd.Context(), portalID, used); err != nil {
				return err
			}
			_, err := fmt.Fprintf(env.Stdout, "What %s uses is recorded.\n", portalID)
			return err
		})
	}
	return cmd
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,19})?) ?(bytes|KB|MB|GB|TB)?$`)

// sizeUnits are what a size may be in, and how many bytes each has, as a power of 2.
var sizeUnits = map[string]uint{"": 0, "bytes": 0, "KB": 10, "MB": 20, "GB": 30, "TB": 40}

// parseUse reads "manager=4" or "total_size=1.5GB".
func parseUse(text string) (feature string, used int64, err error) {
	feature, number, ok := strings.Cut(text, "=")
	if !ok || !slices.Contains(billing.CountedFeatures(), feature) {
		return "", 0, usage("%q is not like manager=4, for one of %s", text, strings.Join(billing.CountedFeatures(), ", "))
	}
	if kind, _ := catalog.KindOf(feature); kind != catalog.Size {
		used, err = strconv.ParseInt(number, 10, 64)
		if err != nil || used < 0 {
			return "", 0, usage("%s: %q is no whole number of at least 0", feature, number)
		}
		return feature, used, nil
	}
	parts := sizeForm.FindStringSubmatch(number)
	if parts == nil {
		return "", 0, usage("%s: %q is no size like 1073741824 or 1GB", feature, number)
	}
	size, _ := new(big.Rat).SetString(parts[1]) // the form says that it is one
	size.Mul(size, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), sizeUnits[parts[2]])))
	if !size.IsInt() || !size.Num().IsInt64() {
		return "", 0, usage("%s: %q is no whole number of bytes, or too many", feature, number)
	}
	return feature, size.Num().Int64(), nil
}

func newUsageShow(env Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show what a portal uses",
		Long:    "Show what was last recorded of what a portal uses. A feature that nothing was recorded of\nis not in it. JSON output has sizes in bytes.",
		Example: "bursar usage show --portal portal.example.com -o json",
		Args:    cobra.NoArgs,
	}
	data, portal, output := DatabaseFlags(cmd, env), portalFlag(cmd), outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withPortal(cmd, data, *portal, env, func(s *billing.Service, portalID string) error {
			used, err := s.Usage(cmd.Context(), portalID)
			if err != nil {
				return err
			}
			if *output == "json" {
				return printJSON(env.Stdout, used)
			}
			return columns(env.Stdout, "FEATURE\tUSED", func(line func(...string)) error {
				for _, feature := range slices.Sorted(maps.Keys(used)) {
					text := strconv.FormatInt(used[feature], 10)
					if kind, _ := catalog.KindOf(feature); kind == catalog.Size {
						text = docspace.SizeText(used[feature])
					}
					line(feature, text)
				}
				return nil
			})
		})
	}
	return cmd
}
