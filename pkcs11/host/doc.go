// Package host runs a PKCS#11 module in a process of its own, which can crash
// or hang without harm. It is both sides of that process.
//
//   - Host is the parent's side: Tokens, Token and Sign, with a deadline for
//     each function of the module. A process that crashes, hangs or says what no
//     one understands is killed, and is a Failure; the next operation has
//     another one.
//   - Serve is the child: it loads exactly one module and does exactly one
//     operation. cardea-agent runs it as its hidden role "pkcs11-host".
//
// Between them are frames (frame.go) on the child's standard input and output,
// which are moved away before the module is loaded: it can neither read nor
// spoil them by printing. A child announces each function before it calls it,
// so the parent knows where it hangs, and has its deadline begin anew.
//
// One process sees the PIN: the one that signs, once it has found the token and
// nothing but the PIN is missing. It is killed before Sign returns, and does
// nothing else. The parent
// writes the PIN straight from the caller's buffer; the child reads it into
// memory that is not swapped and wipes it. The binding and the module have
// copies, which end with the process. A process that waits in reserve has the
// module loaded but not initialised, so it holds no card.
//
// A child dies with its parent: on Linux by the parent-death signal, on Windows
// by a job object, on macOS by looking who its parent is, and everywhere by the
// end of its input. On Linux it cannot
// gain privileges, reserves no more than a gigabyte, and opens no internet
// sockets unless Config allows them; other systems have no such means that a
// program could use on itself. Core dumps are for the caller of Serve to turn
// off: what does it is the agent's, and this package imports nothing of it.
//
// It never tries a PIN again, never logs what a module prints once it has the
// PIN, and never takes a token for another by what the module remembers.
//
// Tests: SoftHSM2; OpenSC over a private pcscd with the virtual card; a module
// in C with the faults of the field, each followed by a request that works; the
// parsers of what a child says are fuzzed. Files, goroutines and processes are
// counted before and after.
package host
