// Package pipepeer says whose process is at the other end of a named pipe of
// Windows, as the system tells it.
//
// It believes nothing that the other end says, and runs no other code as the
// other end's user. It is tested under Wine, by the tests of agent/handover.
package pipepeer
