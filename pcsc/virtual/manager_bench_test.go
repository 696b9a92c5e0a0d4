package virtual_test

import (
	"bytes"
	"testing"

	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/virtual"
)

// BenchmarkTransmit is what one command costs that the card hardly works at:
// what the measurements of the layers above start from.
func BenchmarkTransmit(b *testing.B) {
	manager := virtual.NewManager()
	manager.AddReader("Virtual reader 0").Insert(virtual.NewCard(virtual.NewCA("Test CA"), virtual.P256("Robin Example")))
	c, err := manager.Establish()
	if err != nil {
		b.Fatal(err)
	}
	h, err := c.Connect("Virtual reader 0", pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Transmit(empty); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSign is VERIFY, one signature and the forgetting in a transaction.
func BenchmarkSign(b *testing.B) {
	for name, profile := range map[string]virtual.Profile{"P-256": virtual.P256("Robin Example"), "RSA-2048": virtual.RSA2048("Robin Example")} {
		b.Run(name, func(b *testing.B) { benchmarkSign(b, profile) })
	}
}

func benchmarkSign(b *testing.B, profile virtual.Profile) {
	manager := virtual.NewManager()
	manager.AddReader("Virtual reader 0").Insert(virtual.NewCard(virtual.NewCA("Test CA"), profile))
	c, err := manager.Establish()
	if err != nil {
		b.Fatal(err)
	}
	h, err := c.Connect("Virtual reader 0", pcsc.ShareShared, pcsc.ProtocolAny)
	if err != nil {
		b.Fatal(err)
	}
	sign := unhex(b, signP256)
	if profile.Keys[0].Algorithm == virtual.AlgorithmRSA2048 {
		sign = append(unhex(b, "0087079A 00010A 7C820106 8200 81820100 00"), append(bytes.Repeat([]byte{0x5A}, 255), 0, 0)...)
	}
	for b.Loop() {
		if err := h.BeginTransaction(); err != nil {
			b.Fatal(err)
		}
		for _, command := range [][]byte{verifyGood, sign, unhex(b, forget)} {
			answer, err := h.Transmit(command)
			if n := len(answer); err != nil || answer[n-2] != 0x90 {
				b.Fatalf("%X, %v", answer, err)
			}
		}
		if err := h.EndTransaction(pcsc.LeaveCard); err != nil {
			b.Fatal(err)
		}
	}
}
