package main

import (
	"github.com/cardea-agent/cardea/agent/prompt/nodump"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// moduleRole is the command that the agent gives to the processes that it starts
// for PKCS#11 modules. It is in no help: a person has no use for it.
const moduleRole = "pkcs11-host"

// serveModule is such a process. It will hold a PIN.
func serveModule(args []string) error {
	if err := nodump.Disable(); err != nil {
		return err
	}
	return host.Serve(args)
}
