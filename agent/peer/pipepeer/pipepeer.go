// Package pipepeer says whose process is at the other end of a named pipe of
// Windows, as the system tells it.
//
// It believes nothing that the other end says, and runs no other code as the
// other end's user. It is type-checked everywhere and has not been tested on
// Windows yet.
package pipepeer
