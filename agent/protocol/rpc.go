package protocol

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// ID is a JSON-RPC request id as JSON text: a string of at most 64 bytes or an
// integer that JavaScript can count to. Equal ids are equal, however they were
// spelled; so it can be the key of a map. Empty is null.
type ID string

const (
	maxID      = 64
	maxInteger = 1<<53 - 1
)

var errID = errors.New("protocol: an id is a short string or a safe integer")

// UnmarshalJSON reads an id and refuses null.
func (id *ID) UnmarshalJSON(data []byte) error {
	v := jsontext.Value(data).Clone()
	if len(v) > maxID {
		return errID
	}
	switch v.Kind() {
	case '"':
		if err := v.Canonicalize(); err != nil {
			return err
		}
		*id = ID(v)
		return nil
	case '0':
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < -maxInteger || n > maxInteger {
			return errID
		}
		*id = ID(strconv.FormatInt(n, 10))
		return nil
	}
	return errID
}

// MarshalJSON writes the id as it stands.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	return []byte(id), nil
}

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
	// Contact is whom the person may ask, in their organisation's words. Empty
	// where no administrator named anybody.
	Contact string `json:"contact,omitzero"`
}
