// Package pkcs11 speaks to the cards of one PKCS#11 module (OASIS PKCS#11
// 2.40), the library that comes with a kind of card.
//
//   - Open loads a Module. Its Tokens lists what is in the readers, with
//     certificates and without a log-in; its Sign logs in, signs and logs out.
//   - Mechanisms: RSA PKCS#1 v1.5, RSA PSS and ECDSA over a digest.
//   - One table gives every return code (CKR) its name and its meaning.
//
// Modules crash, hang, print and leak, and keep what a PIN was. So Open belongs
// into a process that can be thrown away: package host has both sides of one,
// and nothing else in this module may load a library. Everybody else uses the
// types by the names that host gives them.
//
// It never logs in to a locked token, never retries a PIN, never uses the last
// try without leave, and never knows a card by its label or serial number: those
// may be of the card before. It knows nothing of PC/SC; readers are names.
// It is the only importer of github.com/miekg/pkcs11, which needs cgo; without
// it Open says so and everything else still compiles.
//
// Tests: tables of codes and encodings in full; SoftHSM; OpenSC over a private
// pcscd; and a module in C that has the faults of the field.
package pkcs11
