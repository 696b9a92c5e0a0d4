package prompt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// errTrayGone means that the tray went away before it answered.
var errTrayGone = errors.New("prompt: the tray went away")

// reply is an answer and, with pinFollows, the PIN that followed it.
type reply struct {
	kind kind
	answer
	pin *signin.PIN
}

// trayLink is the agent's end of one connection to a tray that said hello.
type trayLink struct {
	conn    net.Conn
	version string        // the tray's; set before the link is known to anybody
	since   time.Time     // the same
	writing sync.Mutex    // held for one frame; a frame's write has a deadline
	gone    chan struct{} // closed when the connection ended

	mu      sync.Mutex // guards waiting
	waiting map[uint64]chan reply
}

func newTrayLink(conn net.Conn) *trayLink {
	return &trayLink{conn: conn, gone: make(chan struct{}), waiting: make(map[uint64]chan reply)}
}

func (l *trayLink) write(k kind, v any) error {
	b, err := marshal(k, v)
	if err != nil {
		return err
	}
	return l.send(b)
}

// send writes whole frames at once: the tray wakes up once for all of them. It
// fails with errTrayGone.
func (l *trayLink) send(frames []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.conn.SetWriteDeadline(time.Now().Add(writeWait))
	if err == nil {
		_, err = l.conn.Write(frames)
	}
	if err != nil {
		// Half a frame may be out: nothing sent after it would make sense.
		_ = l.conn.Close()
		return fmt.Errorf("%w: %w", errTrayGone, err)
	}
	return nil
}

// supersede tells the tray that a newer one is used, and closes.
func (l *trayLink) supersede() {
	_ = l.write(kindSuperseded, superseded{})
	_ = l.conn.Close()
}

// end makes every call that still waits return errTrayGone.
func (l *trayLink) end() {
	close(l.gone)
}

// expect makes a place for the answer that carries id. Whoever calls it calls
// forget too: the PIN of an answer that comes too late is wiped.
func (l *trayLink) expect(id uint64) (answered chan reply) {
	answered = make(chan reply, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[id] = answered
	return answered
}

// wait waits for an answer.
func (l *trayLink) wait(ctx context.Context, answered <-chan reply) (reply, error) {
	select {
	case r := <-answered:
		return r, nil
	case <-l.gone:
		return reply{}, errTrayGone
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

func (l *trayLink) forget(id uint64, answered chan reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
	select {
	case late := <-answered:
		late.pin.Wipe()
	default:
	}
}

// deliver hands a reply to the call that waits for it. Each call takes one.
func (l *trayLink) deliver(r reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answered, ok := l.waiting[r.ID]
	if !ok {
		r.pin.Wipe()
		return
	}
	delete(l.waiting, r.ID)
	answered <- r // has room for one
}

// deliverAll gives every call the same reply: a tray that does not know a kind
// cannot say which question it was, and nobody may wait for it for ever.
func (l *trayLink) deliverAll(r reply) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, answered := range l.waiting {
		delete(l.waiting, id)
		answered <- r
	}
}

// readAnswers reads until the connection ends.
func (l *trayLink) readAnswers() error {
	for {
		f, err := readFrame(l.conn)
		if err != nil {
			return err
		}
		if err := l.take(f); err != nil {
			return err
		}
	}
}

// take acts on one frame of the tray.
func (l *trayLink) take(f frame) error {
	switch f.kind {
	case kindOpened, kindChosen, kindConfirmed, kindAllowed, kindFailed, kindPINFollows:
		r := reply{kind: f.kind}
		if err := f.decode(&r.answer); err != nil {
			return err
		}
		if f.kind == kindPINFollows {
			pin, err := l.readPIN()
			if err != nil {
				return err
			}
			r.pin = pin
		}
		l.deliver(r)
		return nil
	case kindPIN:
		clear(f.body)
		return fmt.Errorf("%w: a PIN that was not announced", errFrame)
	case kindUnsupported:
		l.deliverAll(reply{kind: f.kind})
		return nil
	default:
		return l.write(kindUnsupported, unsupported{f.kind})
	}
}

func (l *trayLink) readPIN() (*signin.PIN, error) {
	f, err := readFrame(l.conn)
	if err != nil {
		return nil, err
	}
	if f.kind != kindPIN {
		clear(f.body)
		return nil, fmt.Errorf("%w: %q in place of the PIN", errFrame, f.kind)
	}
	return signin.NewPIN(f.body), nil
}
