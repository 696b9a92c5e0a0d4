// Package protocol holds the messages between a page and the agent, version 1:
// JSON-RPC 2.0 over one WebSocket, and the one table of error codes.
//
// It is types, tables and strict decoding alone. It never opens a connection
// and never decides who may ask. Golden files in testdata/protocol hold an
// example of every message; asyncapi.yaml, docs/errors.md and the client's
// types come from the same tables, and tests hold them together.
package protocol
