package virtual

import (
	"bytes"
	"compress/gzip"
	"time"
)

// Data objects (SP 800-73-4 part 1, table 3).
const (
	objectDiscovery  = 0x7E
	objectCapability = 0x5FC107
	objectCHUID      = 0x5FC102
	objectPrinted    = 0x5FC109
	objectKeyHistory = 0x5FC10C
)

// certificateObjects says where each key's certificate is stored.
var certificateObjects = map[KeySlot]uint32{
	Authentication:     0x5FC105,
	Signature:          0x5FC10A,
	KeyManagement:      0x5FC10B,
	CardAuthentication: 0x5FC101,
}

// fascN is the credential number of a card that no federal agency issued: all nines.
var fascN = []byte{
	0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68,
	0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB,
}

// makeObjects fills the card's data objects from its keys.
func (c *Card) makeObjects() {
	end := tlv(0xFE) // error detection code, always empty
	expiry := []byte(time.Now().AddDate(5, 0, 0).Format("20060102"))
	c.objects = map[uint32][]byte{
		objectCHUID:      tlv(0x53, tlv(0x30, fascN), tlv(0x34, c.guid[:]), tlv(0x35, expiry), tlv(0x3E), end),
		objectCapability: tlv(0x53, c.capability(), end),
		objectPrinted: tlv(0x53, tlv(0x01, []byte(c.profile.Holder)), tlv(0x02, []byte("Example Hospital")),
			tlv(0x04, []byte(time.Now().AddDate(5, 0, 0).Format("2006Jan02"))),
			tlv(0x05, []byte("0000000001")), tlv(0x06, []byte("EXAMPLE00000001")), end),
		objectKeyHistory: tlv(0x53, tlv(0xC1, []byte{0}), tlv(0xC2, []byte{0}), end),
	}
	if !c.profile.Quirks.NoDiscovery {
		// PIN usage policy 40 00: the application's own PIN and no global one.
		c.objects[objectDiscovery] = tlv(0x7E, tlv(0x4F, pivAID), tlv(0x5F2F, []byte{0x40, 0x00}))
	}
	for slot, k := range c.keys {
		if k.NoCertificate {
			continue
		}
		der, info := k.certificate.Raw, byte(0)
		if k.Compressed {
			der, info = compress(der), 1
		}
		c.objects[certificateObjects[slot]] = tlv(0x53, tlv(0x70, der), tlv(0x71, []byte{info}), end)
	}
}

// capability is the card capability container without its end: the card's own
// identifier and version numbers (SP 800-73-4 part 1, table 8).
func (c *Card) capability() []byte {
	identifier := append([]byte{0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02}, c.guid[2:]...)
	out := append(tlv(0xF0, identifier), tlv(0xF1, []byte{0x21})...)
	out = append(out, tlv(0xF2, []byte{0x21})...)
	out = append(out, tlv(0xF3)...)
	out = append(out, tlv(0xF4, []byte{0x00})...)
	out = append(out, tlv(0xF5, []byte{0x10})...)
	for _, empty := range []uint32{0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD} {
		out = append(out, tlv(empty)...)
	}
	return out
}

// getData is GET DATA (SP 800-73-4 part 2, 3.1.2).
func (c *Card) getData(cmd command) ([]byte, uint16) {
	if cmd.p1 != 0x3F || cmd.p2 != 0xFF {
		return nil, swWrongP1P2
	}
	tag, name, rest, ok := readTLV(cmd.data)
	if !ok || tag != 0x5C || len(rest) != 0 || len(name) == 0 || len(name) > 3 {
		return nil, swWrongData
	}
	var object uint32
	for _, b := range name {
		object = object<<8 | uint32(b)
	}
	data, found := c.objects[object]
	switch {
	case !found:
		return nil, swNotFound
	case object == objectPrinted && !c.verified:
		return nil, swSecurityStatus
	}
	return data, swOK
}

func compress(der []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(der) // a bytes.Buffer does not fail
	_ = w.Close()
	return out.Bytes()
}
