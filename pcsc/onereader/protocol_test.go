package onereader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
)

const mine, other = "Reader A 00 00", "Reader B 00 00"

// say is what a program sends.
func say(command uint32, body []byte, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(len(body)))
	b = binary.NativeEndian.AppendUint32(b, command)
	return append(append(b, body...), data...)
}

func connect(reader string) []byte {
	body := make([]byte, connectSize)
	copy(body[connectNameAt:], reader)
	return body
}

func transmit(size uint32) []byte {
	body := make([]byte, 32)
	binary.NativeEndian.PutUint32(body[12:], size)
	return body
}

func control(size uint32) []byte {
	body := make([]byte, 24)
	binary.NativeEndian.PutUint32(body[8:], size)
	return body
}

// exchange is what a program said and heard.
type exchange struct {
	io.Reader
	io.Writer
}

func pass(t testing.TB, said []byte) (toDaemon, toProgram []byte, tables int32, err error) {
	t.Helper()
	var daemon, program bytes.Buffer
	var owed atomic.Int32
	err = passRequests(&daemon, exchange{bytes.NewReader(said), &program}, mine, &owed)
	return daemon.Bytes(), program.Bytes(), owed.Load(), err
}

func TestWhatAProgramSaysIsPassedOnUnchanged(t *testing.T) {
	for name, said := range map[string][]byte{
		"nothing":                     {},
		"version":                     say(0x11, make([]byte, 12)),
		"an unknown command":          say(0x99, []byte("body")),
		"a connection to its reader":  say(scardConnect, connect(mine)),
		"a command":                   say(scardTransmit, transmit(5), 1, 2, 3, 4, 5),
		"a long command":              say(scardTransmit, transmit(70000), make([]byte, 70000)...),
		"one to the reader":           say(scardControl, control(3), 1, 2, 3),
		"two commands and a question": append(say(scardTransmit, transmit(1), 1), append(say(scardTransmit, transmit(0)), say(cmdGetReadersState, nil)...)...),
	} {
		t.Run(name, func(t *testing.T) {
			toDaemon, toProgram, tables, err := pass(t, said)
			if !bytes.Equal(toDaemon, said) || len(toProgram) != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("%d of %d bytes were passed on, %d answered: %v", len(toDaemon), len(said), len(toProgram), err)
			}
			if want := int32(strings.Count(name, "question")); tables != want {
				t.Errorf("%d tables are expected, want %d", tables, want)
			}
		})
	}
}

func TestAConnectionToAnotherReaderIsRefusedAndTheNextRequestIsPassedOn(t *testing.T) {
	next := say(0x11, make([]byte, 12))
	toDaemon, answer, _, err := pass(t, append(say(scardConnect, connect(other)), next...))
	if !bytes.Equal(toDaemon, next) || !errors.Is(err, io.EOF) {
		t.Errorf("passed on %x, %v", toDaemon, err)
	}
	want := connect(other)
	binary.NativeEndian.PutUint32(want[connectSize-4:], 0x80100009)
	if !bytes.Equal(answer, want) {
		t.Errorf("answered %x", answer)
	}
}

func TestARequestThatPCSCLiteWouldNotMakeEndsTheConnection(t *testing.T) {
	for name, said := range map[string][]byte{
		"a body that is too long":     say(1, make([]byte, maxBody+1)),
		"data without its length":     say(scardTransmit, make([]byte, 15)),
		"data that is too long":       say(scardTransmit, transmit(maxData+1)),
		"data to a reader, too short": say(scardControl, make([]byte, 11)),
	} {
		t.Run(name, func(t *testing.T) {
			if toDaemon, _, _, err := pass(t, said); len(toDaemon) != 0 || !errors.Is(err, errProtocol) {
				t.Errorf("%d bytes were passed on: %v", len(toDaemon), err)
			}
		})
	}
}

// table is pcscd's table of readers, each with something behind its name.
func table(names ...string) []byte {
	b := make([]byte, rows*rowSize)
	for i, name := range names {
		copy(b[i*rowSize:], name)
		for j := nameSize; j < rowSize; j++ {
			b[i*rowSize+j] = byte(i + 1)
		}
	}
	return b
}

// slices hands out its parts one by one.
type parts [][]byte

func (p *parts) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

func TestTheTableShowsOneReaderHoweverItArrives(t *testing.T) {
	full, event := table(other, mine, "Reader A"), []byte("an event")
	shown := table("", mine)
	clear(shown[:rowSize])
	for name, arrives := range map[string]parts{
		"at once":              {full},
		"with an event behind": {append(bytes.Clone(full), event...)},
		"in pieces":            {full[:1], full[1:rowSize], full[rowSize:]},
	} {
		t.Run(name, func(t *testing.T) {
			var tables atomic.Int32
			tables.Store(1)
			var program bytes.Buffer
			if err := passAnswers(&program, &arrives, mine, &tables); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			want := shown
			if strings.Contains(name, "event") {
				want = append(bytes.Clone(shown), event...)
			}
			if !bytes.Equal(program.Bytes(), want) {
				t.Errorf("the program was told %q", program.Bytes())
			}
		})
	}
}

func FuzzNoRequestIsChangedOrReachesAnotherReader(f *testing.F) {
	f.Add(say(0x11, make([]byte, 12)))
	f.Add(say(scardConnect, connect(other)))
	f.Add(say(scardConnect, connect(mine)))
	f.Add(append(say(scardTransmit, transmit(3), 1, 2, 3), say(cmdWaitReaderStateChang, nil)...))
	f.Fuzz(func(t *testing.T, said []byte) {
		toDaemon, toProgram, _, err := pass(t, said)
		if err == nil {
			t.Error("it ended without a reason")
		}
		if len(toProgram)%connectSize != 0 || len(toProgram) == 0 && !bytes.HasPrefix(said, toDaemon) {
			t.Errorf("passed on %x", toDaemon)
		}
		for left := bytes.NewReader(toDaemon); left.Len() > 0; {
			q, err := readRequest(left, make([]byte, headerSize+maxBody))
			if err != nil {
				break // data that was cut off
			}
			if q.refusal(mine) != nil {
				t.Errorf("a connection to another reader was passed on: %x", q.message)
			}
			if _, err := left.Seek(int64(q.data), io.SeekCurrent); err != nil {
				t.Fatal(err)
			}
		}
	})
}
