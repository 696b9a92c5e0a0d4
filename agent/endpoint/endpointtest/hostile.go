package endpointtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
)

// Flood is a page that means harm, or a program: it opens connections one after
// the other, each second one silent, the others with a forged origin of their
// own. It takes as many as Count and no more, whatever comes of them.
type Flood struct {
	Address string // of the agent's door
	Count   int
	Rate    int // in a second; 0 for as fast as the machine can
}

// Report is what came of a flood.
type Report struct {
	Refused int64         // were answered with 403
	Other   int64         // were answered with anything else
	Silent  int64         // said nothing until they were closed
	Failed  int64         // could not connect, or were cut off
	Took    time.Duration // until the last was begun
}

// maxOpen bounds the flood's own side, in case the agent closes nothing.
const maxOpen = 8192

// Run runs the flood to its end, or until ctx ends. The silent connections stay
// open until the agent closes them, or the flood is over.
func (f Flood) Run(ctx context.Context) Report {
	ctx, over := context.WithCancel(ctx)
	defer over()
	var report Report
	var talking, silent sync.WaitGroup
	open := make(chan struct{}, maxOpen)
	began := time.Now()
	for i := 0; i < f.Count && ctx.Err() == nil; i++ {
		if f.Rate > 0 {
			due := began.Add(time.Duration(i) * time.Second / time.Duration(f.Rate))
			select {
			case <-time.After(time.Until(due)): // at once where it is late
			case <-ctx.Done():
				continue
			}
		}
		open <- struct{}{}
		if i%2 == 0 {
			silent.Go(func() { f.keepSilent(ctx, &report); <-open })
		} else {
			talking.Go(func() { f.forge(ctx, i, &report); <-open })
		}
	}
	took := time.Since(began)
	talking.Wait()
	over()
	silent.Wait()
	report.Took = took
	return report
}

func (f Flood) dial(ctx context.Context, report *Report) net.Conn {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", f.Address)
	if err != nil {
		atomic.AddInt64(&report.Failed, 1)
		return nil
	}
	return conn
}

func (f Flood) keepSilent(ctx context.Context, report *Report) {
	conn := f.dial(ctx, report)
	if conn == nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	atomic.AddInt64(&report.Silent, 1)
	_, _ = conn.Read(make([]byte, 1))
}

func (f Flood) forge(ctx context.Context, i int, report *Report) {
	conn := f.dial(ctx, report)
	if conn == nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	text := "GET " + protocol.Path + " HTTP/1.1\r\nHost: " + f.Address + "\r\n" +
		fmt.Sprintf("Origin: https://hostile%d.example\r\n", i) +
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: " + protocol.Subprotocol + "\r\n\r\n"
	if _, err := io.WriteString(conn, text); err != nil {
		atomic.AddInt64(&report.Failed, 1)
		return
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	switch {
	case err != nil:
		atomic.AddInt64(&report.Failed, 1)
	case resp.StatusCode == http.StatusForbidden:
		_ = resp.Body.Close()
		atomic.AddInt64(&report.Refused, 1)
	default:
		_ = resp.Body.Close()
		atomic.AddInt64(&report.Other, 1)
	}
}
