package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"runtime"

	"github.com/cardea-agent/cardea/agent/protocol"
)

func printVersion(args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("cardea-agent version", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print a JSON object")
	if err := parse(flags, args, errs); err != nil {
		return err
	}
	if !*asJSON {
		_, err := fmt.Fprintln(out, "cardea-agent", version)
		return err
	}
	return json.NewEncoder(out).Encode(map[string]any{
		"version": version, "protocol": protocol.Version, "go": runtime.Version(), "system": runtime.GOOS, "architecture": runtime.GOARCH,
	})
}
