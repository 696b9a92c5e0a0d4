// Package virtual is a smartcard stack without hardware: a PIV card in Go, the
// certificate authority behind it, and two readers to put it in.
//
//   - Card answers command APDUs as NIST SP 800-73-4 part 2 says, with real
//     keys. A Profile says which; RSA2048, P256, P384, ClientAuth and Field make
//     the usual ones, and With changes one detail (Expired, BlockedPIN, ...).
//   - CA issues the cards' certificates, revokes them and answers OCSP and CRL
//     requests.
//   - Manager is a PC/SC resource manager in this process. It implements
//     pcsc.Driver and behaves like pcsc-lite: event counters, transactions,
//     resets seen by others, a service that can stop.
//   - VPCD puts a card into the real pcscd, through the vpcd driver of the
//     vsmartcard project.
//
// Both readers are a Slot, so a test or a control page drives either. Script
// makes a card fail at a chosen command, Timing makes it as slow as a contact
// card.
//
//	ca := virtual.NewCA("Test CA")
//	manager := virtual.NewManager()
//	slot := manager.AddReader("Virtual reader 0")
//	slot.Insert(virtual.NewCard(ca, virtual.P256("Robin Example")))
//
// It never touches a real reader, never prints or keeps the PIN data of a
// command (see Exchange), and never belongs in a program that people install:
// only cardea-demo and tests may import it.
//
// Tests: tables over the status words, a fuzz target for the command parser, and,
// over a private pcscd where one is installed, OpenSC's tools, yubico-piv-tool,
// piv-go, and scenes that must play alike in the Manager and in pcscd.
package virtual
