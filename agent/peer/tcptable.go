package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// The layout of MIB_TCPTABLE_OWNER_MODULE and MIB_TCP6TABLE_OWNER_MODULE
// (tcpmib.h): a count, padding to 8 bytes, rows. Numbers are little-endian on
// every Windows; ports are big-endian in the low half of a DWORD.
const (
	tcpTableHead = 8
	tcpRow4Size  = 160
	tcpRow6Size  = 192
	mibTCPEstab  = 5 // MIB_TCP_STATE_ESTAB
)

// tcpRow is what is needed of one row.
type tcpRow struct {
	PID     uint32
	Created uint64 // when the connection began, FILETIME; 0 when the system does not say
}

// tcpTableRow finds the client's end of a connection in a table of IPv4 or IPv6
// connections.
func tcpTableRow(table []byte, v6 bool, p pair) (tcpRow, error) {
	if len(table) < tcpTableHead {
		return tcpRow{}, fmt.Errorf("%w: short table of %d bytes", ErrNotFound, len(table))
	}
	size, parse := tcpRow4Size, parseTCPRow4
	if v6 {
		size, parse = tcpRow6Size, parseTCPRow6
	}
	rest := table[tcpTableHead:]
	for range binary.LittleEndian.Uint32(table) {
		if len(rest) < size {
			break
		}
		if got, state, row := parse(rest); got == p && state == mibTCPEstab {
			return row, nil
		}
		rest = rest[size:]
	}
	return tcpRow{}, ErrNotFound
}

func parseTCPRow4(b []byte) (pair, uint32, tcpRow) {
	p := pair{
		client: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), binary.BigEndian.Uint16(b[8:])),
		server: netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:])), binary.BigEndian.Uint16(b[16:])),
	}
	return p, binary.LittleEndian.Uint32(b), tcpRow{
		PID:     binary.LittleEndian.Uint32(b[20:]),
		Created: binary.LittleEndian.Uint64(b[24:]),
	}
}

func parseTCPRow6(b []byte) (pair, uint32, tcpRow) {
	p := pair{
		client: plain(netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), binary.BigEndian.Uint16(b[20:]))),
		server: plain(netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:])), binary.BigEndian.Uint16(b[44:]))),
	}
	return p, binary.LittleEndian.Uint32(b[48:]), tcpRow{
		PID:     binary.LittleEndian.Uint32(b[52:]),
		Created: binary.LittleEndian.Uint64(b[56:]),
	}
}
