// Package endpoint is the browser's door to the agent: it listens on loopback,
// decides before the WebSocket upgrade who may come in, and turns the messages
// of a page into calls of a Backend.
//
// The checks run in this order, and each refusal is final and silent: the
// user of the other end (the connection is closed unread, as if nothing
// listened), path, method, Host, Origin, the handshake's own form, stopping,
// limits. No handshake is ever held, since browsers open the WebSockets of all
// pages to one address one after the other: whatever takes time happens after
// the upgrade. The origin of a request is the handshake's, never a message's.
// Of an origin that is refused only for not being on the list, the list is told:
// it may have the person asked, for which nothing here waits.
//
// Connections that say nothing are many while a browser asks its person, so they
// may last, and so may a flood of them: beyond a number the oldest silent one is
// closed, never a new one and never one that was not read yet.
//
// A connection has one goroutine that reads, one that writes and one that
// pings, and one for each request that waits for a person. What leaves goes
// through one queue, so its order is the order in which it was put there; a
// page that does not read is cut off and never slows a sign-in down.
//
// It never touches a card, never calls the Backend for somebody who was
// refused, and never logs what a page sends: an origin is logged quoted and
// cut, a nonce or a token never.
//
// It is tested with a fake Backend that counts its calls: tables of handshakes
// over real sockets, also from a second system user, timers on a synthetic
// clock, a flood, and fuzzing of whole handshakes. Goroutine leaks fail the tests.
package endpoint
