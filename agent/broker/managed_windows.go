package main

import (
	"flag"
	"fmt"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows/svc"

	"github.com/cardea-agent/cardea/agent/winservice"
)

const serviceName = "CardeaBroker"

// managedFlag says that the service manager started the program. It is not
// guessed from the session, as kardianos/service does by itself: Wine's services
// are in another one.
func managedFlag(flags *flag.FlagSet, managed *bool) {
	flags.BoolVar(managed, "service", false, "be the service that the system's manager started")
}

// runManaged is the service. It listens once the manager knows it, so that the
// manager's recovery acts when that fails: the process ends with an exit code.
func runManaged(p *program, s service.Service) error {
	log := winservice.OpenLog()
	defer log.Close()
	p.logTo(log)
	p.log = p.log.With("service", serviceName)
	listen := p.open
	p.open = func() error {
		// The system's account it needs to see whose a connection is. None of the
		// system's privileges, such as acting as somebody else, does it need.
		if err := winservice.KeepOnly("SeChangeNotifyPrivilege"); err != nil {
			return err
		}
		return listen()
	}
	manager, ok := s.(svc.Handler)
	if !ok {
		return fmt.Errorf("%T is no service of Windows", s)
	}
	return svc.Run(serviceName, manager)
}
