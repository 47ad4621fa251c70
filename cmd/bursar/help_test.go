package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bursarhq/bursar/cli"
)

// commandTree returns the command line, to be looked at and not run.
func commandTree() *cobra.Command {
	env := cli.System("test")
	root := cli.New(env)
	root.AddCommand(newServe(env), newDemo(env))
	return root
}

func TestEveryCommandsHelpHasExamples(t *testing.T) {
	t.Parallel()
	var visit func(cmd *cobra.Command, path []string)
	visit = func(cmd *cobra.Command, path []string) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			t.Parallel()
			got := bursar(t, nil, append(path, "--help")...)
			if got.code != 0 || got.stderr != "" {
				t.Errorf("exit status %d and on standard error:\n%s", got.code, got.stderr)
			}
			for _, want := range []string{"USAGE", "EXAMPLES", "FLAGS", "bursar " + strings.Join(path, " ")} {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("the help lacks %q:\n%s", want, got.stdout)
				}
			}
			if strings.Contains(got.stdout, "\x1b") {
				t.Errorf("the help has escapes where there is no terminal:\n%q", got.stdout)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub, append(path[:len(path):len(path)], sub.Name()))
		}
	}
	visit(commandTree(), nil)
}

// The examples must work as they stand, so their flags must be there.
func TestExamplesParse(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		example := strings.ReplaceAll(cmd.Example, "\\\n", " ")
		for line := range strings.Lines(example) {
			words := shellWords(line)
			if len(words) == 0 || strings.HasPrefix(words[0], "#") {
				continue
			}
			if words[0] != "bursar" {
				t.Errorf("%s: the example %q is of another program", cmd.CommandPath(), line)
				continue
			}
			found, rest, err := commandTree().Find(words[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateRequiredFlags()
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: the example %q: %v", cmd.CommandPath(), line, err)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(commandTree())
}

// shellWords cuts a command line at spaces outside single quotes, up to a pipe
// or a redirection.
func shellWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		for _, word := range strings.Fields(part) {
			if word == "|" || word == ">" {
				return words
			}
			words = append(words, word)
		}
	}
	return words
}

func TestReportsHelpTellsTheExitStatuses(t *testing.T) {
	t.Parallel()
	got := bursar(t, nil, "report", "--help")
	_, statuses, found := strings.Cut(got.stdout, "Exit status: ")
	if !found {
		t.Fatalf("the help does not tell:\n%s", got.stdout)
	}
	statuses, _, _ = strings.Cut(statuses, "USAGE")
	for _, code := range []string{"0 ", "1 ", "2 ", "3 ", "4 "} {
		if !strings.Contains(statuses, code) {
			t.Errorf("the help does not tell status %s", code)
		}
	}
}

// Everything that serve takes, the demo takes: issue 2, "The demo".
func TestDemoTakesEveryFlagOfServe(t *testing.T) {
	tree := commandTree()
	serve, _, err := tree.Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	demo, _, err := tree.Find([]string{"demo"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range flagNames(serve) {
		if demo.Flags().Lookup(name) == nil {
			t.Errorf("the demo lacks --%s", name)
		}
	}
}

func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
