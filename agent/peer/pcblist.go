package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// The answer of net.inet.tcp.pcblist_n, as Apple's netstat reads it: a header
// (struct xinpgen), then records that begin with their length and kind, each
// padded to 8 bytes, then a trailer like the header. The structures xinpcb_n
// (bsd/netinet/in_pcb.h) and xsocket_n (bsd/sys/socketvar.h) are packed to 4
// bytes. An xinpcb_n is followed by the xsocket_n of the same socket. All Macs
// are little-endian; ports and addresses are big-endian.
const (
	xinpgenSize = 24
	kindSocket  = 0x001 // XSO_SOCKET
	kindInpcb   = 0x010 // XSO_INPCB
	inpcbSize   = 80    // through inp_dependladdr
	socketSize  = 68    // through so_uid
	inpIPv4     = 0x1   // INP_IPV4 in inp_vflag
)

// pcblistOwner finds the uid of the client's end of a connection.
func pcblistOwner(list []byte, p pair) (uint32, error) {
	if len(list) < xinpgenSize {
		return 0, fmt.Errorf("%w: short list of %d bytes", ErrNotFound, len(list))
	}
	rest := skipRecord(list, binary.LittleEndian.Uint32(list))
	ours := false
	for len(rest) >= 8 {
		size, kind := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		if size <= xinpgenSize || uint64(size) > uint64(len(rest)) {
			break // the trailer
		}
		switch record := rest[:size]; {
		case kind == kindInpcb:
			ours = size >= inpcbSize && inpcbPair(record) == p
		case kind == kindSocket && ours && size >= socketSize:
			return binary.LittleEndian.Uint32(record[64:]), nil
		}
		rest = skipRecord(rest, size)
	}
	return 0, ErrNotFound
}

func skipRecord(b []byte, size uint32) []byte {
	padded := (uint64(size) + 7) &^ 7
	if padded < 8 || padded > uint64(len(b)) {
		return nil
	}
	return b[padded:]
}

func inpcbPair(b []byte) pair {
	foreign, local := netip.AddrFrom16([16]byte(b[48:])), netip.AddrFrom16([16]byte(b[64:]))
	if b[44]&inpIPv4 != 0 { // struct in_addr_4in6: the last four bytes
		foreign, local = netip.AddrFrom4([4]byte(b[60:])), netip.AddrFrom4([4]byte(b[76:]))
	}
	return pair{
		client: plain(netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[18:]))),
		server: plain(netip.AddrPortFrom(foreign, binary.BigEndian.Uint16(b[16:]))),
	}
}
