package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bursarhq/bursar/docspace"
)

// reader is what the commands have in common that read one thing of a portal.
type reader struct {
	env        Env
	connection *connection
	output     *string
}

func addReader(cmd *cobra.Command, env Env) *reader {
	return &reader{env: env, connection: connectionFlags(cmd, env, patience(false)), output: outputFlag(cmd)}
}

func (r *reader) json() bool { return *r.output == "json" }

// sections lays out for people what was read.
func (r *reader) sections(all ...section) error { return printSections(r.env, all...) }

func printSections(env Env, all ...section) error {
	var b strings.Builder
	writeTable(&b, page{sections: all})
	return printStyled(env, strings.TrimPrefix(b.String(), "\n"))
}

// read asks a portal for something, and has it printed.
func read[T any](r *reader, cmd *cobra.Command, ask func(*docspace.Client, context.Context) (T, error), printed func(T) error) error {
	client, err := r.connection.client()
	if err != nil {
		return err
	}
	stop := spin(r.env, r.connection.quiet, "Reading "+client.URL())
	value, err := ask(client, cmd.Context())
	stop()
	if err != nil {
		return err
	}
	return printed(value)
}

// answerOf says in a document's terms what a portal answered; nil, which is null,
// when it has nothing to say.
func answerOf[In, Out any](in *In, convert func(In) Out) *Out {
	if in == nil {
		return nil
	}
	out := convert(*in)
	return &out
}
