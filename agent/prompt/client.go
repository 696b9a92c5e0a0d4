package prompt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

// How long a tray waits before it tries to reach the agent again. Trying costs
// one system call, and a person may be waiting for the window.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// ErrSuperseded is what Client.Run ends with when a newer tray took over.
var ErrSuperseded = errors.New("prompt: a newer tray took over")

// Report is all that the tray knows of the agent. Connected is false while the
// agent cannot be reached; the rest is empty then.
type Report struct {
	Connected    bool
	AgentVersion string
	// Known is false between the connection and the first status.
	Known  bool
	Status Status
}

// ClientConfig is what a Client needs. All fields but Path are required.
type ClientConfig struct {
	// Path is the socket, or on Windows the pipe. DefaultPath when empty.
	Path string
	// Version is the tray's own, for the agent's log.
	Version string
	// Prompter shows the windows. Its dialogs must return soon after their
	// context ends. One that is an OriginAsker is asked about sites, too.
	Prompter signin.Prompter
	// OnReport is called from one goroutine with each change, at first with
	// a Report that is not connected.
	OnReport func(Report)
	Log      *slog.Logger
}

// Client is the tray's side: it waits for the agent's questions, hands them to
// its Prompter and carries the answers back.
type Client struct {
	cfg ClientConfig
}

// NewClient makes a client. It fails when no path can be found.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Path == "" {
		path, err := DefaultPath()
		if err != nil {
			return nil, err
		}
		cfg.Path = path
	}
	return &Client{cfg}, nil
}

// Run serves the agent, over its restarts, until ctx ends (nil) or a newer tray
// takes over (ErrSuperseded). No window is open when it returns.
func (c *Client) Run(ctx context.Context) error {
	retry := firstRetry
	var lastReason string
	c.cfg.OnReport(Report{})
	for {
		greeted, err := c.serve(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrSuperseded) {
			return err
		}
		if greeted {
			c.cfg.OnReport(Report{})
			retry = firstRetry
		}
		// The same reason again and again is one line, not one each second.
		if reason := err.Error(); reason != lastReason {
			c.cfg.Log.Info("agent not reachable", "reason", reason)
			lastReason = reason
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
			return nil
		}
		retry = min(2*retry, lastRetry)
	}
}

// serve speaks with the agent over one connection. greeted tells whether it
// got as far as its hello. The error is never nil.
func (c *Client) serve(ctx context.Context) (greeted bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := dial(ctx, c.cfg.Path)
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	version, err := c.greet(conn)
	if err != nil {
		return false, err
	}
	link := &agentLink{ctx: ctx, conn: conn, prompter: c.cfg.Prompter, dialogs: make(map[uint64]*clientDialog)}
	defer link.tasks.Wait()
	defer cancel()
	report := Report{Connected: true, AgentVersion: version}
	c.cfg.OnReport(report)
	for {
		f, err := readFrame(conn)
		if err != nil {
			return true, err
		}
		switch f.kind {
		case kindStatus:
			var status Status
			if err := f.decode(&status); err != nil {
				return true, err
			}
			report.Status, report.Known = status, true
			c.cfg.OnReport(report)
		case kindSuperseded:
			return true, ErrSuperseded
		default:
			if err := link.take(f); err != nil {
				return true, err
			}
		}
	}
}

// greet checks who serves the socket, says hello and reads the answer.
func (c *Client) greet(conn net.Conn) (version string, err error) {
	if err := checkServer(conn); err != nil {
		return "", err
	}
	if err := conn.SetDeadline(time.Now().Add(helloWait)); err != nil {
		return "", err
	}
	if err := writeFrame(conn, kindHello, hello{wireVersion, c.cfg.Version}); err != nil {
		return "", err
	}
	f, err := readFrame(conn)
	if err != nil {
		return "", err
	}
	if f.kind != kindHello {
		return "", fmt.Errorf("%w: %q in place of hello", errFrame, f.kind)
	}
	var h hello
	if err := f.decode(&h); err != nil {
		return "", err
	}
	return h.Version, conn.SetDeadline(time.Time{})
}

// agentLink is the tray's end of one connection.
type agentLink struct {
	ctx      context.Context // ends with the connection
	conn     net.Conn
	prompter signin.Prompter
	tasks    sync.WaitGroup // one for each question that is being answered

	writing sync.Mutex // held for one answer; its write has a deadline

	mu      sync.Mutex // guards dialogs; never held during I/O or a question
	dialogs map[uint64]*clientDialog
}

// clientDialog is one conversation in the tray. dialog is set before opened is
// closed, and nil when it could not be opened.
type clientDialog struct {
	ctx    context.Context // ends when the agent closes the dialog
	cancel context.CancelFunc
	opened chan struct{}
	dialog signin.Dialog
	signed chan int // the newest number of a batch
}

// take begins to act on one frame of the agent and does not wait.
func (l *agentLink) take(f frame) error {
	switch f.kind {
	case kindOpen:
		return l.takeOpen(f)
	case kindAskPIN:
		var q pinQuestion
		if err := f.decode(&q); err != nil {
			return err
		}
		l.ask(q.Dialog, q.ID, func(d *clientDialog) { l.askPIN(d, q) })
	case kindChooseKey:
		var q keyQuestion
		if err := f.decode(&q); err != nil {
			return err
		}
		l.ask(q.Dialog, q.ID, func(d *clientDialog) { l.chooseKey(d, q) })
	case kindAskLastTry, kindShowKeypad:
		var q pinQuestion
		if err := f.decode(&q); err != nil {
			return err
		}
		l.ask(q.Dialog, q.ID, func(d *clientDialog) { l.askAboutKeypad(f.kind, d, q) })
	case kindShowSigning:
		var q signingQuestion
		if err := f.decode(&q); err != nil {
			return err
		}
		l.ask(q.Dialog, q.ID, func(d *clientDialog) {
			if err := d.dialog.ShowSigning(d.ctx, q.Total, d.signed); err != nil {
				l.fail(q.ID, err)
			}
		})
	case kindAskOrigin:
		var q originQuestion
		if err := f.decode(&q); err != nil {
			return err
		}
		l.askOrigin(q)
	case kindSigned:
		var s signed
		if err := f.decode(&s); err != nil {
			return err
		}
		l.takeSigned(s)
	case kindClose:
		var c closing
		if err := f.decode(&c); err != nil {
			return err
		}
		l.close(c.Dialog)
	case kindUnsupported:
		// The agent never needs what this tray says beyond the table.
	default:
		clear(f.body)
		return l.write(kindUnsupported, unsupported{f.kind})
	}
	return nil
}

func (l *agentLink) takeOpen(f frame) error {
	var o opening
	if err := f.decode(&o); err != nil {
		return err
	}
	d := &clientDialog{opened: make(chan struct{}), signed: make(chan int, 1)}
	d.ctx, d.cancel = context.WithCancel(l.ctx)
	l.mu.Lock()
	l.dialogs[o.Dialog] = d
	l.mu.Unlock()
	l.tasks.Go(func() {
		defer close(d.opened)
		dialog, err := l.prompter.Open(d.ctx, signin.About{
			Origin: o.Origin, Purpose: o.Purpose, Items: o.Items, Holder: o.Holder, Reader: o.Reader, Lang: o.Lang})
		if err != nil {
			l.forget(o.Dialog, d)
			l.fail(o.ID, err)
			return
		}
		d.dialog = dialog
		_ = l.write(kindOpened, answer{ID: o.ID})
	})
	return nil
}

// forget ends a dialog that could not be opened.
func (l *agentLink) forget(number uint64, d *clientDialog) {
	d.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dialogs[number] == d {
		delete(l.dialogs, number)
	}
}

// ask runs f for a dialog that is open, or answers that it is not.
func (l *agentLink) ask(dialog, id uint64, f func(*clientDialog)) {
	l.mu.Lock()
	d := l.dialogs[dialog]
	l.mu.Unlock()
	l.tasks.Go(func() {
		if d != nil {
			<-d.opened
		}
		if d == nil || d.dialog == nil {
			l.fail(id, errors.New("prompt: no such dialog"))
			return
		}
		f(d)
	})
}

func (l *agentLink) askPIN(d *clientDialog, q pinQuestion) {
	a, err := d.dialog.AskPIN(d.ctx, q.question())
	defer a.PIN.Wipe()
	if err == nil && a.PIN == nil {
		err = errors.New("prompt: an answer without a PIN")
	}
	if err == nil {
		err = a.PIN.Use(func(pin []byte) error {
			return l.writePIN(answer{ID: q.ID, LastTry: a.LastTry}, pin)
		})
	}
	if err != nil {
		l.fail(q.ID, err)
	}
}

func (l *agentLink) chooseKey(d *clientDialog, q keyQuestion) {
	choices := make([]signin.KeyChoice, len(q.Keys))
	for i, k := range q.Keys {
		choices[i] = signin.KeyChoice(k)
	}
	n, err := d.dialog.ChooseKey(d.ctx, choices)
	if err != nil {
		l.fail(q.ID, err)
		return
	}
	_ = l.write(kindChosen, answer{ID: q.ID, Key: n})
}

// takeSigned keeps the newest number for the window. Only take calls it.
func (l *agentLink) takeSigned(s signed) {
	l.mu.Lock()
	d := l.dialogs[s.Dialog]
	l.mu.Unlock()
	if d == nil {
		return
	}
	select {
	case <-d.signed:
	default:
	}
	d.signed <- s.Count
}

// close ends a dialog. It waits for nothing: the window may still be opening.
func (l *agentLink) close(dialog uint64) {
	l.mu.Lock()
	d := l.dialogs[dialog]
	delete(l.dialogs, dialog)
	l.mu.Unlock()
	if d == nil {
		return
	}
	d.cancel()
	l.tasks.Go(func() {
		<-d.opened
		if d.dialog != nil {
			d.dialog.Close()
		}
	})
}

// fail answers with the error's code and nothing of its text.
func (l *agentLink) fail(id uint64, err error) {
	code := signin.CodeOf(err)
	if l.ctx.Err() != nil {
		return // nobody listens
	}
	_ = l.write(kindFailed, answer{ID: id, Code: code})
}

func (l *agentLink) write(k kind, v any) error {
	return l.exclusively(func() error { return writeFrame(l.conn, k, v) })
}

func (l *agentLink) writePIN(a answer, pin []byte) error {
	return l.exclusively(func() error { return writePIN(l.conn, a, pin) })
}

// exclusively lets one answer out at a time, and closes the connection when half
// of one may be out.
func (l *agentLink) exclusively(write func() error) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.conn.SetWriteDeadline(time.Now().Add(writeWait))
	if err == nil {
		err = write()
	}
	if err != nil {
		_ = l.conn.Close()
	}
	return err
}
