// Package onereader stands between other programs and pcscd, and shows each of
// them one reader. A PKCS#11 module looks at the cards in all readers, and
// pcscd resets a card in the midst of whose transaction a program dies: without
// this the end of a module could log others out of a card that it had no
// business with, and a faulty one could spend that card's tries.
//
// It passes on what is said, and changes two things: other readers are missing
// in what pcscd tells of them, and no connection to them is made. It keeps
// nothing that is said, and wipes it: PINs pass through. It is no wall, since a
// program could ask pcscd itself. Other systems than Linux have nothing that it
// could stand before. It is tested with pcscd, with OpenSC and with garbage.
package onereader

import "errors"

// ErrUnsupported is of systems without pcscd's socket.
var ErrUnsupported = errors.New("onereader: programs cannot be shown one reader on this system")
