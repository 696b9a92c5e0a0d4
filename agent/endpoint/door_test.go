package endpoint

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSilentConnectionsMakeRoomForNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := defaults(&fakeBackend{})
		config.Port = 24747
		l := newPipes()
		s := serve(t, config, l)
		var silent []net.Conn
		for range maxSilent + 1 { // a page opens all that its browser lets it
			conn, _ := l.dial(t.Context(), "", "")
			silent = append(silent, conn)
		}
		synctest.Wait()
		if n := len(s.silent.conns); n != maxSilent+1 {
			t.Errorf("%d are open: somebody was pushed out before its time", n)
		}
		time.Sleep(timeToSpeak)
		l.open(t)
		for i, conn := range silent[:3] {
			_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := conn.Read(make([]byte, 1))
			if closed := errors.Is(err, io.EOF); closed != (i < 2) {
				t.Errorf("connection %d: %v", i, err)
			}
		}
		resp, _ := finish(t, silent[maxSilent], strings.ReplaceAll(handshake, ":P", ":24747"))
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("a silent connection that speaks at last: %v", resp)
		}
		for _, conn := range silent {
			_ = conn.Close()
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestThereAreNeverMoreSilentConnectionsThanTheMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := defaults(&fakeBackend{})
		config.Port = 24747
		l := newPipes()
		s := serve(t, config, l)
		began := time.Now()
		var silent []net.Conn
		for range mostSilent + 2 {
			conn, _ := l.dial(t.Context(), "", "")
			silent = append(silent, conn)
		}
		// The last but one waited until the oldest had their time.
		if waited := time.Since(began); waited != timeToSpeak {
			t.Errorf("it waited for %v", waited)
		}
		synctest.Wait()
		if n := len(s.silent.conns); n > mostSilent {
			t.Errorf("%d are open", n)
		}
		for _, conn := range silent {
			_ = conn.Close()
		}
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
}

// Nothing that a page may ask has a body, and no connection waits for one.
func TestABodyThatNeverComesHoldsNoConnection(t *testing.T) {
	s := serve(t, defaults(&fakeBackend{}))
	withBody := func(text, header string) string {
		return strings.Replace(text, "\r\n\r\n", "\r\n"+header+"\r\n\r\n", 1)
	}
	health := "GET /health HTTP/1.1\r\nHost: 127.0.0.1:P\r\nOrigin: https://good.example\r\n\r\n"
	for name, text := range map[string]string{
		"refused":          withBody(originIs("https://evil.example"), "Content-Length: 9"),
		"refused, chunked": withBody(originIs("https://evil.example"), "Transfer-Encoding: chunked"),
		"wrong path":       withBody(change("GET /cardea", "POST /"), "Content-Length: 9"),
		"health":           withBody(health, "Content-Length: 9"),
	} {
		conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, strings.ReplaceAll(text, ":P", fmt.Sprintf(":%d", s.port))); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection stays open", name)
		}
		_ = conn.Close()
	}
}
