// Package card joins what is in the readers with the keys on the cards. Its
// Manager follows the readers, reads each card once when it goes in, and
// carries out the PIN operations of signin.Card.
//
// How to speak to a card is decided by a list (package cards, cards.toml) and
// done by a driver: PIV cards are spoken to directly.
//
// The one State that people see is derived here, by one pure function from
// facts (see derive). Errors of cards and of PC/SC become codes of signin here
// (see translate), and nowhere else.
//
// It never keeps a transaction open between two operations, never asks a person
// anything, and never tries a PIN twice.
//
// It is tested over the virtual card and an in-process resource manager, with
// every removal and reset that the fault script can make.
package card
