package peer

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

func TestTheKernelsTablesOfListenersAreRead(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the table below is of a little-endian machine")
	}
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:60AB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 54321 1 0000000000000000 100 0 0 10 0
   1: 0100007F:60AB 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 54322 1 0000000000000000 20 4 30 10 -1
   2: 00000000000000000000000001000000:60AB 00000000000000000000000000000000:0000 0A 0 0 0  1001 0 9 1
   3: 0000000000000000FFFF00000100007F:60AB 00000000000000000000000000000000:0000 0A 0 0 0  0 0 10 1
   4: short
   5: XYZ:1 0:0 0A 0 0 0 0 0 0 0
`
	want := []procListener{
		{netip.MustParseAddrPort("127.0.0.1:24747"), "1000", "54321"},
		{netip.MustParseAddrPort("[::1]:24747"), "1001", "9"},
		{netip.MustParseAddrPort("127.0.0.1:24747"), "0", "10"},
	}
	if got := procListeners(table); !slices.Equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestTablesOfListenersOfWindowsAreRead(t *testing.T) {
	row4 := make([]byte, pidRow4Size)
	copy(row4[4:], []byte{127, 0, 0, 1})
	binary.BigEndian.PutUint16(row4[8:], 24747)
	binary.LittleEndian.PutUint32(row4[20:], 4711)
	row6 := make([]byte, pidRow6Size)
	row6[15] = 1
	binary.BigEndian.PutUint16(row6[20:], 24747)
	binary.LittleEndian.PutUint32(row6[52:], 4712)
	count := []byte{2, 0, 0, 0} // one more than there are
	got := append(pidListeners(slices.Concat(count, row4), false), pidListeners(slices.Concat(count, row6), true)...)
	want := []pidListener{{netip.MustParseAddrPort("127.0.0.1:24747"), 4711}, {netip.MustParseAddrPort("[::1]:24747"), 4712}}
	if !slices.Equal(got, want) || pidListeners([]byte{9}, false) != nil {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func TestListenersOfMacOSAreRead(t *testing.T) {
	text := "p4711\nccardea-agent\nu501\nf7\nn127.0.0.1:24747\nf8\nn[::1]:24747\np9\ncother\nu501\nf3\nn*:24747\nnrubbish\n\n"
	owner := Owner{UID: "501"}
	want := []Listener{
		{netip.MustParseAddrPort("127.0.0.1:24747"), owner, 4711, "cardea-agent"},
		{netip.MustParseAddrPort("[::1]:24747"), owner, 4711, "cardea-agent"},
		{netip.MustParseAddrPort("[::]:24747"), owner, 9, "other"},
	}
	if got := lsofListeners(text); !slices.Equal(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
}

func FuzzListeners(f *testing.F) {
	f.Add([]byte("   0: 0100007F:60AB 00000000:0000 0A 0 0 0 1000 0 54321 1"))
	f.Add([]byte("p1\nn[::1]:1\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, l := range procListeners(string(in)) {
			if !l.address.IsValid() {
				t.Errorf("an address that is none in %q", in)
			}
		}
		_ = lsofListeners(string(in))
		_, _ = pidListeners(in, false), pidListeners(in, true)
	})
}
