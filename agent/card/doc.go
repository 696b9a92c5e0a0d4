// Package card joins what is in the readers with the keys on the cards. Its
// Manager follows the readers, reads each card once when it goes in, and
// carries out the PIN operations of signin.Card.
//
// How to speak to a card is decided by a list (package cards, cards.toml) and
// done by a driver: PIV cards are spoken to directly, others through a PKCS#11
// module in a process of its own (package pkcs11/host), one module at a time.
// What a module verified is forgotten by the card before the next operation,
// over a connection of ours that never turns to another card.
//
// The one State that people see is derived here, by one pure function from
// facts (see derive). Errors of cards and of PC/SC become codes of signin here
// (see translate), and nowhere else.
//
// While the desktop is locked no card is known; see [Manager.SetLocked].
//
// It never keeps a transaction open between two operations or while a module
// works, never asks a person anything, never loads a module itself, and never
// tries a PIN twice.
//
// It is tested over the virtual card and an in-process resource manager, with
// every removal and reset that the fault script can make; by one suite over a
// scripted module, SoftHSM, the virtual card, and the same card through OpenSC
// and pcscd; and by a run of faults, which make soak makes longer.
package card
