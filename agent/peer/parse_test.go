package peer

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"
)

var (
	pair4 = pair{netip.MustParseAddrPort("127.0.0.1:50123"), netip.MustParseAddrPort("127.0.0.1:24747")}
	pair6 = pair{netip.MustParseAddrPort("[::1]:50123"), netip.MustParseAddrPort("[::1]:24747")}
)

func (p pair) swapped() pair { return pair{p.server, p.client} }

// wide writes an address in 16 bytes, an IPv4 one as mapped.
func wide(a netip.Addr) []byte {
	b := a.As16()
	return b[:]
}

// diagAnswer is an inet_diag_msg.
func diagAnswer(p pair, family, state byte, uid, inode uint32) []byte {
	b := make([]byte, diagAnswerSize)
	b[0], b[1] = family, state
	binary.BigEndian.PutUint16(b[4:], p.client.Port())
	binary.BigEndian.PutUint16(b[6:], p.server.Port())
	if family == familyInet {
		copy(b[8:], p.client.Addr().AsSlice())
		copy(b[24:], p.server.Addr().AsSlice())
	} else {
		copy(b[8:], wide(p.client.Addr()))
		copy(b[24:], wide(p.server.Addr()))
	}
	binary.NativeEndian.PutUint32(b[64:], uid)
	binary.NativeEndian.PutUint32(b[68:], inode)
	return b
}

func TestASockDiagAnswerIsBelievedOnlyForTheExactEstablishedSocket(t *testing.T) {
	listener := pair{pair4.server, netip.MustParseAddrPort("0.0.0.0:0")}
	for _, c := range []struct {
		name   string
		answer []byte
		asked  pair
		found  bool
	}{
		{"IPv4", diagAnswer(pair4, familyInet, tcpEstablished, 1000, 7), pair4, true},
		{"IPv6", diagAnswer(pair6, familyInet6, tcpEstablished, 1000, 7), pair6, true},
		{"IPv4 mapped", diagAnswer(pair4, familyInet6, tcpEstablished, 1000, 7), pair4, true},
		{"our own end", diagAnswer(pair4.swapped(), familyInet, tcpEstablished, 1000, 7), pair4, false},
		{"listening socket", diagAnswer(listener, familyInet, 10, 1000, 7), pair4, false},
		{"time wait", diagAnswer(pair4, familyInet, 6, 0, 0), pair4, false},
		{"closed by its process", diagAnswer(pair4, familyInet, tcpEstablished, 0, 0), pair4, false},
		{"other family", diagAnswer(pair6, familyInet6, tcpEstablished, 1000, 7), pair4, false},
		{"short", diagAnswer(pair4, familyInet, tcpEstablished, 1000, 7)[:71], pair4, false},
		{"empty", nil, pair4, false},
	} {
		uid, err := diagOwner(c.answer, c.asked)
		if c.found && (err != nil || uid != 1000) || !c.found && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: uid %d, %v", c.name, uid, err)
		}
	}
}

func tcpTable4(rows ...[]byte) []byte {
	table := binary.LittleEndian.AppendUint32(nil, uint32(len(rows)))
	return slices.Concat(append([][]byte{table, make([]byte, 4)}, rows...)...)
}

func row4(p pair, state, pid uint32, created uint64) []byte {
	b := make([]byte, tcpRow4Size)
	binary.LittleEndian.PutUint32(b, state)
	copy(b[4:], p.client.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[8:], p.client.Port())
	copy(b[12:], p.server.Addr().AsSlice())
	binary.BigEndian.PutUint16(b[16:], p.server.Port())
	binary.LittleEndian.PutUint32(b[20:], pid)
	binary.LittleEndian.PutUint64(b[24:], created)
	return b
}

func row6(p pair, state, pid uint32, created uint64) []byte {
	b := make([]byte, tcpRow6Size)
	copy(b[0:], wide(p.client.Addr()))
	binary.BigEndian.PutUint16(b[20:], p.client.Port())
	copy(b[24:], wide(p.server.Addr()))
	binary.BigEndian.PutUint16(b[44:], p.server.Port())
	binary.LittleEndian.PutUint32(b[48:], state)
	binary.LittleEndian.PutUint32(b[52:], pid)
	binary.LittleEndian.PutUint64(b[56:], created)
	return b
}

func TestAWindowsTableGivesTheClientsRowAlone(t *testing.T) {
	other := pair{netip.MustParseAddrPort("127.0.0.1:50124"), pair4.server}
	want := tcpRow{PID: 4242, Created: 133_000_000_000}
	for _, c := range []struct {
		name  string
		table []byte
		v6    bool
		asked pair
		found bool
	}{
		{"IPv4", tcpTable4(row4(pair4.swapped(), 5, 1, 1), row4(other, 5, 2, 2), row4(pair4, 5, want.PID, want.Created)), false, pair4, true},
		{"IPv6", tcpTable4(row6(pair6.swapped(), 5, 1, 1), row6(pair6, 5, want.PID, want.Created)), true, pair6, true},
		{"IPv4 mapped", tcpTable4(row6(pair4, 5, want.PID, want.Created)), true, pair4, true},
		{"not established", tcpTable4(row4(pair4, 11, want.PID, 1)), false, pair4, false},
		{"our own end only", tcpTable4(row4(pair4.swapped(), 5, want.PID, 1)), false, pair4, false},
		{"cut", tcpTable4(row4(pair4, 5, want.PID, 1))[:100], false, pair4, false},
		{"no rows", tcpTable4(), false, pair4, false},
		{"count too high", []byte{255, 255, 255, 255, 0, 0, 0, 0}, true, pair6, false},
		{"empty", nil, false, pair4, false},
	} {
		row, err := tcpTableRow(c.table, c.v6, c.asked)
		if c.found && (err != nil || row != want) || !c.found && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", c.name, row, err)
		}
	}
}

// record pads to 8 bytes as the list does.
func record(kind uint32, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(8+len(body)))
	b = append(binary.LittleEndian.AppendUint32(b, kind), body...)
	return append(b, make([]byte, (8-len(b)%8)%8)...)
}

func inpcb(p pair, v4 bool) []byte {
	b := make([]byte, 104)
	binary.BigEndian.PutUint16(b[16:], p.server.Port())
	binary.BigEndian.PutUint16(b[18:], p.client.Port())
	if v4 {
		b[44] = inpIPv4
		copy(b[60:], p.server.Addr().AsSlice())
		copy(b[76:], p.client.Addr().AsSlice())
	} else {
		b[44] = 2
		copy(b[48:], wide(p.server.Addr()))
		copy(b[64:], wide(p.client.Addr()))
	}
	return record(kindInpcb, b[8:])
}

func xsocket(uid uint32) []byte {
	b := make([]byte, 76)
	binary.LittleEndian.PutUint32(b[64:], uid)
	return record(kindSocket, b[8:])
}

func pcblistOf(records ...[]byte) []byte {
	gen := record(0, make([]byte, xinpgenSize-8))
	return slices.Concat(gen, slices.Concat(records...), gen)
}

func TestAMacListGivesTheClientsSocketAlone(t *testing.T) {
	stats := record(0x8, make([]byte, 129))
	for _, c := range []struct {
		name  string
		list  []byte
		asked pair
		found bool
	}{
		{"IPv4", pcblistOf(inpcb(pair4.swapped(), true), xsocket(9), stats, inpcb(pair4, true), xsocket(501), stats), pair4, true},
		{"IPv6", pcblistOf(inpcb(pair6.swapped(), false), xsocket(9), inpcb(pair6, false), xsocket(501)), pair6, true},
		{"IPv4 mapped", pcblistOf(inpcb(pair4, false), xsocket(501)), pair4, true},
		{"our own end only", pcblistOf(inpcb(pair4.swapped(), true), xsocket(9)), pair4, false},
		{"no socket follows", pcblistOf(inpcb(pair4, true), stats), pair4, false},
		{"socket of the next one", pcblistOf(inpcb(pair4, true), inpcb(pair6, false), xsocket(9)), pair4, false},
		{"after the trailer", slices.Concat(pcblistOf(), inpcb(pair4, true), xsocket(9)), pair4, false},
		{"cut", pcblistOf(inpcb(pair4, true), xsocket(9))[:150], pair4, false},
		{"empty", nil, pair4, false},
	} {
		uid, err := pcblistOwner(c.list, c.asked)
		if c.found && (err != nil || uid != 501) || !c.found && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: uid %d, %v", c.name, uid, err)
		}
	}
}

func FuzzParsers(f *testing.F) {
	f.Add(diagAnswer(pair4, familyInet, tcpEstablished, 1000, 7))
	f.Add(tcpTable4(row4(pair4, 5, 1, 1)))
	f.Add(tcpTable4(row6(pair6, 5, 1, 1)))
	f.Add(pcblistOf(inpcb(pair4, true), xsocket(501)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range []pair{pair4, pair6} {
			if _, err := diagOwner(b, p); err != nil && !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			if _, err := tcpTableRow(b, p.client.Addr().Is6(), p); err != nil && !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			if _, err := pcblistOwner(b, p); err != nil && !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		}
	})
}
