package main

import (
	"flag"
	"fmt"
	"io"

	"github.com/cardea-agent/cardea/agent/buildinfo"
	"github.com/cardea-agent/cardea/agent/protocol"
)

func (o *options) versionFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("cardea-agent version", flag.ContinueOnError)
	flags.BoolVar(&o.json, "json", false, "print a JSON object, with all that it was built from")
	return flags
}

func printVersion(args []string, out, errs io.Writer) error {
	var o options
	if err := parse(o.versionFlags(), args, errs); err != nil {
		return err
	}
	if !o.json {
		_, err := fmt.Fprintln(out, "cardea-agent", version)
		return err
	}
	info := buildinfo.Of("cardea-agent", version)
	info.Protocol = protocol.Version
	return info.Print(out)
}
