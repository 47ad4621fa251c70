package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// canAsk reports whether a person is there to answer: the question is put on
// standard error, and the answer comes from standard input.
func (e Env) canAsk() bool {
	in, ok := e.Stdin.(io.Writer) // a terminal is open both ways
	return ok && isTerminal(in) && isTerminal(e.Stderr)
}

// errNobody says that there is nobody to ask.
func errNobody() error {
	return &Error{
		Err: errors.New("nobody is there to confirm it; nothing was sent"), Code: ExitUsage,
		Hint: "--yes goes on unasked, --dry-run says what it would come to",
	}
}

// confirm shows facts, and returns nil when a person says yes to them.
func confirm(ctx context.Context, env Env, facts []fact) error {
	var b strings.Builder
	writeFacts(&b, "", facts)
	if err := writeStyled(env, env.Stderr, b.String()); err != nil {
		return err
	}
	if _, err := fmt.Fprint(env.Stderr, "Go on? [y/N] "); err != nil {
		return err
	}
	answered := make(chan string, 1)
	go func() { // reading a terminal can't be interrupted
		line, _ := bufio.NewReader(io.LimitReader(env.Stdin, 1<<10)).ReadString('\n')
		answered <- line
	}()
	var answer string
	select {
	case answer = <-answered:
	case <-ctx.Done():
	}
	if !strings.HasSuffix(answer, "\n") { // interrupted, or at the end of what there is to read
		fmt.Fprintln(env.Stderr)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &Error{Err: errors.New("it was not confirmed; nothing was sent"), Code: ExitFailed, Hint: "answer y to go on; --yes goes on unasked"}
}

// writeStyled writes a text with its colours only where w is a terminal that shows
// them, and not with NO_COLOR.
func writeStyled(env Env, w io.Writer, text string) (err error) {
	if env.get("NO_COLOR") == "" {
		_, err = io.WriteString(colorprofile.NewWriter(w, env.Environ), text)
	} else {
		_, err = io.WriteString(w, ansi.Strip(text))
	}
	return err
}
