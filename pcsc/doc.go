// Package pcsc watches smartcard readers and talks to the cards in them through
// the machine's PC/SC resource manager.
//
//   - Watcher follows the service, the readers and their cards, for as long as
//     its Run lasts, and hands out whole snapshots.
//   - Connect opens a Card; Card.Transact runs a function alone with it.
//   - Errors say what a person can do next (ErrNoReader, ErrCardRemoved, ...);
//     one table gives every return code of PC/SC its meaning.
//   - Driver is the seam below: System is the real resource manager, package
//     virtual has one that lives in process. A Watcher and every Card have a PC/SC
//     context of their own, since libpcsclite stalls a whole process when a
//     context that waits is used for anything else.
//
// It knows nothing of what cards say: APDUs are package apdu's and PIV cards
// package piv's. It never looks into a command, keeps none and logs nothing.
// It never holds a transaction but for the function that was given to Transact.
// It is the only importer of github.com/ebfe/scard, in system.go; without cgo
// System says that it cannot work and everything else still does.
//
// Tests: the tables of codes in full; Watcher and Card over scripted drivers
// under testing/synctest, where time costs nothing; and both over a private
// pcscd (package pcscdtest) that is killed and started again.
package pcsc
