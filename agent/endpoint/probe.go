package endpoint

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/loopback"
	"github.com/cardea-agent/cardea/agent/peer"
)

// PortCheck is what doctor's check of the port works with.
type PortCheck struct {
	Port  uint16
	Self  peer.Owner
	Agent int // the process of this user's agent; 0 when none answers
	// Broker says that the port is the broker's: it hands over this agent's
	// connections, or it is there and no agent is.
	Broker bool
	// Held finds the ports that the system holds for the broker; none where
	// the broker has the policy's.
	Held func(context.Context) ([]uint16, error)
	// Listening is peer.Listening.
	Listening func(port uint16) ([]peer.Listener, error)
}

// Probe looks who has the port, on both loopback addresses.
func (c PortCheck) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "the port for pages", Func: c.look}
}

func (c PortCheck) look(ctx context.Context) []doctor.Finding {
	var findings []doctor.Finding
	if c.Broker && c.Held != nil {
		switch held, err := c.Held(ctx); {
		case err != nil:
			return []doctor.Finding{{Code: doctor.CheckFailed, Seen: err.Error() + "."}}
		case len(held) > 0 && !slices.Contains(held, c.Port):
			findings = append(findings, doctor.Finding{Code: doctor.PortDiffers,
				Seen: fmt.Sprintf("The policy says port %d, and the machine service has port %d.", c.Port, held[0])})
			c.Port = held[0]
		}
	}
	found, err := c.Listening(c.Port)
	if err != nil {
		return append(findings, doctor.Finding{Code: doctor.CheckFailed, Seen: err.Error() + "."})
	}
	ours := map[bool]bool{} // by whether it is IPv6
	for _, l := range found {
		who := c.describe(l)
		switch v6 := l.Address.Addr().Is6(); {
		case c.Broker && l.Owner.UID != c.Self.UID:
			ours[v6] = true
		case c.Agent != 0 && l.Process == c.Agent:
			ours[v6] = true
		case l.Owner.UID != "" && l.Owner.UID != c.Self.UID:
			findings = append(findings, doctor.Finding{Code: doctor.PortOtherUser, Seen: who})
		default:
			findings = append(findings, doctor.Finding{Code: doctor.PortForeign, Seen: who})
		}
	}
	families := []bool{false}
	if hasFamily("tcp6", "[::1]:0") {
		families = append(families, true)
	}
	missing := slices.DeleteFunc(slices.Clone(families), func(v6 bool) bool { return ours[v6] })
	switch {
	case len(found) == 0:
		findings = append(findings, doctor.Finding{Code: doctor.PortFree, Seen: fmt.Sprintf("Nothing listens on port %d.", c.Port)})
	case len(missing) == 0 && c.Broker && c.Agent == 0:
		findings = append(findings, doctor.Finding{Code: doctor.PortBroker, Seen: fmt.Sprintf("The machine service listens on port %d.", c.Port)})
	case len(missing) == 0 && c.Broker:
		findings = append(findings, doctor.Finding{Code: doctor.PortBroker, Seen: fmt.Sprintf("The machine service listens on port %d, and the agent (process %d) gets its connections from it.", c.Port, c.Agent)})
	case len(missing) == 0:
		findings = append(findings, doctor.Finding{Code: doctor.PortOurs, Seen: fmt.Sprintf("The agent (process %d) listens on port %d.", c.Agent, c.Port)})
	case len(ours) > 0:
		findings = append(findings, doctor.Finding{Code: doctor.PortHalf,
			Seen: fmt.Sprintf("Nothing of Cardea listens on %s.", netip.AddrPortFrom(loopbackOf(missing[0]), c.Port))})
	}
	return findings
}

func loopbackOf(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

func (c PortCheck) describe(l peer.Listener) string {
	s := fmt.Sprintf("%s is held by", l.Address)
	switch {
	case l.Process != 0 && l.Program != "":
		s += fmt.Sprintf(" %s (process %d)", l.Program, l.Process)
	case l.Process != 0:
		s += fmt.Sprintf(" process %d", l.Process)
	default:
		s += " a process that this user may not know"
	}
	if l.Owner.UID != "" && l.Owner.UID != c.Self.UID {
		s += fmt.Sprintf(" of user %s", l.Owner.UID)
	}
	return s + "."
}

// LoopbackCheck is what doctor's check of the computer's own network works with.
type LoopbackCheck struct {
	// Lookup is the system's, which asks the hosts file first.
	Lookup func(ctx context.Context, host string) ([]string, error)
}

// Probe has the computer connect to itself.
func (c LoopbackCheck) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "connections to this computer", Func: c.look}
}

func (c LoopbackCheck) look(ctx context.Context) []doctor.Finding {
	var findings []doctor.Finding
	works := []string{"127.0.0.1"}
	if err := reachSelf(ctx, "tcp4", "127.0.0.1:0"); err != nil {
		findings = append(findings, doctor.Finding{Code: doctor.LoopbackBroken, Seen: fmt.Sprintf("127.0.0.1 cannot be reached: %v.", err)})
		works = nil
	}
	switch err := reachSelf(ctx, "tcp6", "[::1]:0"); {
	case err == nil:
		works = append(works, "::1")
	case loopback.NoFamily(err):
		findings = append(findings, doctor.Finding{Code: doctor.LoopbackOneFamily, Seen: "There is no ::1."})
	default:
		findings = append(findings, doctor.Finding{Code: doctor.LoopbackBroken, Seen: fmt.Sprintf("::1 cannot be reached: %v.", err)})
	}
	if len(works) > 0 {
		findings = append(findings, doctor.Finding{Code: doctor.LoopbackWorks, Seen: strings.Join(works, " and ") + " can be reached."})
	}
	addresses, err := c.Lookup(ctx, "localhost")
	if err != nil {
		return append(findings, doctor.Finding{Code: doctor.LocalhostElsewhere, Seen: fmt.Sprintf("The name localhost leads nowhere: %v.", err)})
	}
	for _, text := range addresses {
		if a, err := netip.ParseAddr(text); err != nil || !a.IsLoopback() {
			findings = append(findings, doctor.Finding{Code: doctor.LocalhostElsewhere, Seen: "The name localhost leads to " + strconv.Quote(text) + "."})
		}
	}
	return findings
}

func hasFamily(network, addr string) bool {
	l, err := net.Listen(network, addr)
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// reachSelf listens and connects to that.
func reachSelf(ctx context.Context, network, addr string) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, network, addr)
	if err != nil {
		return err
	}
	defer l.Close()
	dialer := net.Dialer{Timeout: 3 * time.Second}
	conn, err := dialer.DialContext(ctx, network, l.Addr().String())
	if err != nil {
		return err
	}
	return conn.Close()
}
