package prompt

import (
	"io"
	"testing"

	"github.com/Microsoft/go-winio"
)

func TestAPipeOfAnotherIsNotBelieved(t *testing.T) {
	path := socketPath(t)
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: "O:BAD:P(A;;GA;;;WD)"})
	if err != nil {
		t.Skip("needs an administrator, to make a pipe that is another's: ", err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
		}
	}()
	passFirst(t, path)
	conn, err := dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := checkServer(conn); err == nil {
		t.Error("the tray believes it")
	}
}

func TestAPipeHasOneAgent(t *testing.T) {
	if underWine() {
		t.Skip("Wine lets a pipe have two")
	}
	path := socketPath(t)
	startServer(t, path, io.Discard)
	if _, err := NewServer(ServerConfig{Path: path}); err == nil {
		t.Error("a second agent listens too")
	}
}
