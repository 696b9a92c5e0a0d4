package peer

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// Listener is a socket that listens for TCP connections.
type Listener struct {
	Address netip.AddrPort
	Owner   Owner  // empty where the system does not say
	Process int    // 0 where this user may not know it
	Program string // the same
}

// Listening returns the sockets that get connections to a port of the loopback
// addresses, those that listen on all addresses included.
func Listening(port uint16) ([]Listener, error) { return listening(port) }

// reached reports whether a socket at an address gets connections to loopback.
func reached(a netip.AddrPort, port uint16) bool {
	return a.Port() == port && (a.Addr().IsLoopback() || a.Addr().IsUnspecified())
}

// procListener is a row of /proc/net/tcp or tcp6.
type procListener struct {
	address netip.AddrPort
	uid     string
	inode   string
}

// procListeners reads the listening sockets of a table of the kernel
// (Documentation/networking/proc_net_tcp.rst). Addresses are words in the
// machine's order, ports are numbers.
func procListeners(table string) []procListener {
	const listen = "0A" // TCP_LISTEN
	var found []procListener
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != listen {
			continue
		}
		address, ok := procAddress(fields[1])
		if ok {
			found = append(found, procListener{address: address, uid: fields[7], inode: fields[9]})
		}
	}
	return found
}

func procAddress(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	words, err := hex.DecodeString(host)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(words) != 4 && len(words) != 16 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(words); i += 4 {
		binary.NativeEndian.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	a, _ := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}

// The layout of MIB_TCPTABLE_OWNER_PID and MIB_TCP6TABLE_OWNER_PID (tcpmib.h).
const (
	pidTableHead = 4
	pidRow4Size  = 24
	pidRow6Size  = 56
)

// pidListener is a row of those.
type pidListener struct {
	address netip.AddrPort
	pid     uint32
}

// pidListeners reads a table of listening sockets.
func pidListeners(table []byte, v6 bool) []pidListener {
	if len(table) < pidTableHead {
		return nil
	}
	size := pidRow4Size
	if v6 {
		size = pidRow6Size
	}
	var found []pidListener
	rest := table[pidTableHead:]
	for range binary.LittleEndian.Uint32(table) {
		if len(rest) < size {
			break
		}
		row := pidListener{
			address: netip.AddrPortFrom(netip.AddrFrom4([4]byte(rest[4:])), binary.BigEndian.Uint16(rest[8:])),
			pid:     binary.LittleEndian.Uint32(rest[20:]),
		}
		if v6 {
			row = pidListener{
				address: plain(netip.AddrPortFrom(netip.AddrFrom16([16]byte(rest)), binary.BigEndian.Uint16(rest[20:]))),
				pid:     binary.LittleEndian.Uint32(rest[52:]),
			}
		}
		found = append(found, row)
		rest = rest[size:]
	}
	return found
}

// lsofListeners reads what "lsof -nP -iTCP:PORT -sTCP:LISTEN -F pcun" prints on
// macOS: lines of one field each, a process's before its files'. This user's own
// processes are all that it is shown.
func lsofListeners(text string) []Listener {
	var found []Listener
	var process Listener
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		value := line[1:]
		switch line[0] {
		case 'p':
			process = Listener{}
			process.Process, _ = strconv.Atoi(value)
		case 'c':
			process.Program = value
		case 'u':
			process.Owner = Owner{UID: value}
		case 'n':
			name := strings.Replace(value, "*:", "[::]:", 1)
			if a, err := netip.ParseAddrPort(name); err == nil {
				l := process
				l.Address = plain(a)
				found = append(found, l)
			}
		}
	}
	return found
}
