// Package host runs a PKCS#11 module in a process of its own, which can crash
// or hang without harm. It is both sides of that process.
//
//   - Host is the parent's side: Tokens, Token and Sign, each with deadlines.
//   - Serve is the process: it loads exactly one module and does exactly one
//     operation. cardea-agent runs it as its hidden role "pkcs11-host".
package host
