// Package nodump keeps the memory of the calling process out of crash dumps and
// away from debuggers of the same user, because a PIN may be in it for a moment.
//
// The agent and the tray call Disable before anything else. It is in a package
// of its own so that programs which need nothing else of prompt, such as the
// PKCS#11 host, can use it. What it can do differs by system; each file says
// what it does. On Linux a test reads the result back from the kernel.
package nodump
