// Package signin holds the use cases of the agent: what happens between a
// page's request and the answer to it. Authenticate and Resume are straight
// functions with a context; the page sessions that outlive a connection are
// kept in Sessions.
//
// It owns the interfaces that it needs (Cards, Card, Prompter, Dialog, Rules,
// Tokens, Audit), the errors that leave the agent, and the PIN type. Other
// packages implement the interfaces; agent/session joins them.
//
// It never imports anything but the standard library, never talks to a reader,
// a socket or a window by itself, and never holds a lock or a card's
// transaction while a person types.
//
// It is tested with the fakes of package signintest, on a synthetic clock.
package signin
