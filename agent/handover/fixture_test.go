package handover

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// limit is far above what anything here takes.
const limit = 30 * time.Second

// startBroker serves until the returned function is called.
func startBroker(t *testing.T, path string) (b *Broker, stop func()) {
	t.Helper()
	l, err := Meet(path)
	if err != nil {
		t.Fatal(err)
	}
	passFirst(t, path)
	b = &Broker{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return b, stop
}

func startAgent(t *testing.T, path string, log io.Writer) *Listener {
	t.Helper()
	l := Listen(path, slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// awaitConnected waits until the broker keeps the agent, or no longer does.
func awaitConnected(t *testing.T, l *Listener, want bool) {
	t.Helper()
	late := time.After(limit)
	for {
		here, changed := l.Connected()
		if here == want {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("connected is still %v", here)
		}
	}
}

// pages is a port on loopback.
type pages struct {
	net.Listener
	t *testing.T
}

func newPages(t *testing.T) pages {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return pages{l, t}
}

// connect returns both ends of a connection.
func (p pages) connect() (page, accepted net.Conn) {
	p.t.Helper()
	page, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = page.Close() })
	accepted, err = p.Accept()
	if err != nil {
		p.t.Fatal(err)
	}
	_ = page.SetDeadline(time.Now().Add(limit))
	return page, accepted
}

// echo answers each line of each connection with the agent's name.
func echo(l net.Listener, name string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			lines := bufio.NewScanner(conn)
			for lines.Scan() {
				if _, err := io.WriteString(conn, name+" "+lines.Text()+"\n"); err != nil {
					return
				}
			}
		}()
	}
}

// said is what comes back for a line.
func said(t *testing.T, page net.Conn, line string) string {
	t.Helper()
	if _, err := io.WriteString(page, line+"\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(page).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}
