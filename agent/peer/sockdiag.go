package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// The structures inet_diag_req_v2 and inet_diag_msg of linux/inet_diag.h. Ports
// and addresses are big-endian, all else is the machine's order.
const (
	familyInet      = 2  // AF_INET
	familyInet6     = 10 // AF_INET6
	protocolTCP     = 6
	diagRequestSize = 56
	diagAnswerSize  = 72
	diagID          = 4  // where inet_diag_sockid begins in an answer
	diagUID         = 64 // idiag_uid
	diagInode       = 68 // idiag_inode
	tcpEstablished  = 1
)

// diagRequest asks for the one socket whose own address is the client's.
func diagRequest(p pair) []byte {
	b := make([]byte, diagRequestSize)
	b[0] = familyInet
	if p.client.Addr().Is6() {
		b[0] = familyInet6
	}
	b[1] = protocolTCP
	binary.NativeEndian.PutUint32(b[4:], 1<<tcpEstablished)
	id := b[8:]
	binary.BigEndian.PutUint16(id[0:], p.client.Port())
	binary.BigEndian.PutUint16(id[2:], p.server.Port())
	copy(id[4:20], p.client.Addr().AsSlice())
	copy(id[20:36], p.server.Addr().AsSlice())
	// INET_DIAG_NOCOOKIE: the socket is named by its addresses alone.
	binary.NativeEndian.PutUint64(id[40:], ^uint64(0))
	return b
}

// diagOwner reads the uid from an answer. The kernel answers with a listening
// socket where there is no connected one, and with uid 0 for a socket that its
// process has closed: so the answer must name the same four-tuple, be
// established and still have an inode.
func diagOwner(b []byte, p pair) (uint32, error) {
	if len(b) < diagAnswerSize {
		return 0, fmt.Errorf("%w: short answer of %d bytes", ErrNotFound, len(b))
	}
	id := b[diagID:]
	got := pair{
		client: diagAddr(b[0], id[4:20], binary.BigEndian.Uint16(id[0:])),
		server: diagAddr(b[0], id[20:36], binary.BigEndian.Uint16(id[2:])),
	}
	if got != p {
		return 0, fmt.Errorf("%w: the answer is about another socket", ErrNotFound)
	}
	if state := b[1]; state != tcpEstablished {
		return 0, fmt.Errorf("%w: TCP state %d", ErrNotFound, state)
	}
	if binary.NativeEndian.Uint32(b[diagInode:]) == 0 {
		return 0, fmt.Errorf("%w: the socket has no owner any more", ErrNotFound)
	}
	return binary.NativeEndian.Uint32(b[diagUID:]), nil
}

func diagAddr(family byte, b []byte, port uint16) netip.AddrPort {
	if family == familyInet {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), port)
	}
	return plain(netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), port))
}
