// Package protocol holds the messages between a page and the agent, version 1:
// JSON-RPC 2.0 over one WebSocket, and the one table of error codes.
//
// It is types, tables and strict decoding alone. It never opens a connection
// and never decides who may ask. Golden files in testdata/protocol hold an
// example of every message. docs/errors.md and the client's types are generated
// from the same tables by gen, whose tests also hold asyncapi.yaml to them.
// Decoding is fuzzed.
package protocol

//go:generate go run ./gen
