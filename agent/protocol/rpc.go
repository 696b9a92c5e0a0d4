package protocol

import (
	"github.com/go-json-experiment/json/jsontext"
)

// ID is a JSON-RPC request id: a string or an integer, kept as it was written.
type ID = jsontext.Value

// Request is one JSON-RPC request. Params is decoded by the method's handler
// with DecodeParams.
type Request struct {
	JSONRPC string         `json:"jsonrpc"`
	ID      ID             `json:"id"`
	Method  string         `json:"method"`
	Params  jsontext.Value `json:"params"`
}

// Response answers a Request with either a Result or an Error.
type Response struct {
	JSONRPC string `json:"jsonrpc"`
	ID      ID     `json:"id"` // null when the request's could not be read
	Result  any    `json:"result,omitzero"`
	Error   *Error `json:"error,omitzero"`
}

// Notification is a message without an answer, agent to page.
type Notification struct {
	JSONRPC string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// Error is a JSON-RPC error object. Data carries the stable code.
type Error struct {
	Code    int       `json:"code"` // JSON-RPC's number
	Message string    `json:"message"`
	Data    ErrorData `json:"data"`
}

// ErrorData is what a program reads of an error.
type ErrorData struct {
	Code   string         `json:"code"`
	Who    string         `json:"who"`   // user, admin, card-issuer or site: the first who can act
	Retry  bool           `json:"retry"` // whether trying again can help
	Params map[string]any `json:"params,omitzero"`
}
