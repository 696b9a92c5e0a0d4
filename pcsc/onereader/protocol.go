package onereader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// What follows is pcsc-lite's protocol between library and daemon, the same in
// its versions 4:3 to 4:5, that is from 1.8 to 2.3: winscard_msg.h and
// eventhandler.h. Numbers are in the machine's own order. A request is a header
// (size of the body, command) and the body, for some with data behind it. The
// answer has no header. A program sends nothing more until it has its answer,
// and only while it waits for a change may something come unasked.
const (
	headerSize = 8
	maxBody    = 1024 // the largest has 280 bytes
	maxData    = 1 << 17

	scardConnect            = 0x04
	scardTransmit           = 0x09
	scardControl            = 0x0A
	cmdGetReadersState      = 0x12
	cmdWaitReaderStateChang = 0x13
)

// struct connect_struct: the context, the name, the mode, the protocols, the
// handle, the protocol, and the result.
const (
	nameSize       = 128
	connectNameAt  = 4
	connectSize    = 4 + nameSize + 5*4
	connectResult  = connectSize - 4
	errUnknownName = 0x80100009 // SCARD_E_UNKNOWN_READER
)

// The tables of readers have 16 rows of 184 bytes, each of which begins with the
// reader's name. A row without a name is free.
const (
	rows    = 16
	rowSize = 184
)

// In struct transmit_struct and struct control_struct, where the length of the
// data is that follows.
var dataLengthAt = map[uint32]int{scardTransmit: 12, scardControl: 8}

var errProtocol = errors.New("onereader: not what pcsc-lite's library says")

// request is what a program sent, but for the data behind it.
type request struct {
	command uint32
	message []byte // header and body; good until the next one is read
	data    int    // bytes that follow
}

// readRequest reads into buffer, which has room for a header and maxBody.
func readRequest(r io.Reader, buffer []byte) (request, error) {
	if _, err := io.ReadFull(r, buffer[:headerSize]); err != nil {
		return request{}, err
	}
	size := binary.NativeEndian.Uint32(buffer)
	q := request{command: binary.NativeEndian.Uint32(buffer[4:])}
	if size > maxBody {
		return q, fmt.Errorf("%w: command %#x of %d bytes", errProtocol, q.command, size)
	}
	q.message = buffer[:headerSize+size]
	if _, err := io.ReadFull(r, q.body()); err != nil {
		return q, err
	}
	if at := dataLengthAt[q.command]; at != 0 {
		if len(q.body()) < at+4 {
			return q, fmt.Errorf("%w: command %#x of %d bytes", errProtocol, q.command, size)
		}
		length := binary.NativeEndian.Uint32(q.body()[at:])
		if length > maxData {
			return q, fmt.Errorf("%w: command %#x with %d bytes of data", errProtocol, q.command, length)
		}
		q.data = int(length)
	}
	return q, nil
}

func (q request) body() []byte { return q.message[headerSize:] }

// tableFollows: the answer begins with the table of readers.
func (q request) tableFollows() bool {
	return q.command == cmdGetReadersState || q.command == cmdWaitReaderStateChang
}

// refusal is the answer to a request for a connection to another reader than the
// one that may be seen; nil for all other requests.
func (q request) refusal(reader string) []byte {
	if q.command != scardConnect || len(q.body()) != connectSize || nameIn(q.body()[connectNameAt:]) == reader {
		return nil
	}
	answer := slices.Clone(q.body())
	binary.NativeEndian.PutUint32(answer[connectResult:], errUnknownName)
	return answer
}

// hideOthers makes the rows of other readers free ones.
func hideOthers(table []byte, reader string) {
	for row := range slices.Chunk(table, rowSize) {
		if nameIn(row) != reader {
			clear(row)
		}
	}
}

func nameIn(b []byte) string {
	name, _, _ := bytes.Cut(b[:nameSize], []byte{0})
	return string(name)
}
