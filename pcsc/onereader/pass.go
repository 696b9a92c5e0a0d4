package onereader

import (
	"io"
	"sync/atomic"
)

// passRequests reads from the program.
func passRequests(daemon io.Writer, program io.ReadWriter, reader string, tables *atomic.Int32) error {
	buffer := make([]byte, headerSize+maxBody)
	defer clear(buffer)
	for {
		q, err := readRequest(program, buffer)
		if err != nil {
			return err
		}
		if answer := q.refusal(reader); answer != nil {
			if _, err := program.Write(answer); err != nil {
				return err
			}
			continue
		}
		if q.tableFollows() {
			tables.Add(1)
		}
		if _, err := daemon.Write(q.message); err != nil {
			return err
		}
		if err := passData(daemon, program, q.data, buffer); err != nil {
			return err
		}
	}
}

// passData passes on a number of bytes, among which a PIN may be.
func passData(to io.Writer, from io.Reader, size int, buffer []byte) error {
	if size > 0 {
		defer clear(buffer)
	}
	for size > 0 {
		n, err := from.Read(buffer[:min(size, len(buffer))])
		if _, e := to.Write(buffer[:n]); e != nil {
			return e
		}
		if err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// passAnswers reads from the daemon. A read that began before a table was asked
// for may get its beginning.
func passAnswers(program io.Writer, daemon io.Reader, reader string, tables *atomic.Int32) error {
	buffer := make([]byte, rows*rowSize)
	defer clear(buffer)
	for {
		n, err := daemon.Read(buffer)
		if err != nil {
			return err
		}
		if tables.Load() > 0 {
			if _, err := io.ReadFull(daemon, buffer[n:]); err != nil {
				return err
			}
			n = len(buffer)
			hideOthers(buffer, reader)
			tables.Add(-1)
		}
		if _, err := program.Write(buffer[:n]); err != nil {
			return err
		}
	}
}
