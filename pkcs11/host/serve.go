package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/cardea-agent/cardea/pkcs11"
)

// allowInternet is the flag that Config.AllowInternet sets.
const allowInternet = "--allow-internet"

// Serve is the child: it loads the module that args name, does one operation
// for the parent on the other end of its standard input and output, and
// returns. It ends the process when the parent is gone, whatever the module is
// doing. The caller has turned core dumps off before.
//
// What the module prints on standard output or error goes to standard error,
// which the parent logs until it gives the PIN away.
func Serve(args []string) error {
	var confinement confinement
	if len(args) > 0 && args[0] == allowInternet {
		confinement.allowInternet, args = true, args[1:]
	}
	if len(args) != 1 || !filepath.IsAbs(args[0]) {
		return fmt.Errorf("the absolute path of one module is needed, not %q", args)
	}
	go watchParent()
	// The module's one thread. It is never unlocked.
	runtime.LockOSThread()
	in, out, err := takeStdio()
	if err != nil {
		return err
	}
	c := &child{out: sender{to: out}, pins: make(chan frame, 1)}
	if err := confinement.apply(); err != nil {
		c.out.sendJSON(kindReady, ready{Version: protocolVersion, Refusal: err.Error()})
		return err
	}
	return c.serve(args[0], in)
}

// child is the state of the process.
type child struct {
	out     sender
	pins    chan frame
	stopped atomic.Bool // by the parent
	module  *pkcs11.Module

	// quiet is set after the first signature of a batch: then each signature
	// says that the module goes on, and a frame for each of its functions would
	// cost more than the function.
	quiet bool
}

// listen hears the parent. It is the one part that goes on while the module
// works, or hangs.
func (c *child) listen(in io.Reader) {
	for {
		f, err := readFrame(in, newSecret)
		if err != nil {
			leave(err)
		}
		switch f.kind {
		case kindCancel:
			c.stopped.Store(true)
		case kindPIN:
			select {
			case c.pins <- f:
			default:
				leave(fmt.Errorf("%w: a second PIN", errFrame))
			}
		default:
			leave(fmt.Errorf("%w: %s from the parent", errFrame, f.kind))
		}
	}
}

// leave ends the process from any goroutine: there is nobody to work for. The
// end of the input says no more than that.
func leave(err error) {
	if !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

func (c *child) calling(call string) {
	if !c.quiet {
		c.out.send(kindCall, []byte(call))
	}
}

func (c *child) serve(file string, in io.Reader) error {
	module, err := pkcs11.Open(file, c.calling)
	r := ready{Version: protocolVersion}
	if err != nil {
		r.Refusal = err.Error()
	}
	c.out.sendJSON(kindReady, r)
	if err != nil {
		return err
	}
	c.module = module
	warmUp()
	request, err := c.await(in)
	if err != nil {
		leave(err)
	}
	go c.listen(in)
	c.work(request)
	c.out.send(kindBye, nil)
	return nil
}

// await reads the request, on the module's own thread: to wake it from another
// one takes as long as a signature. The parent may be quicker to cancel.
func (c *child) await(in io.Reader) (frame, error) {
	for {
		f, err := readFrame(in, newSecret)
		if err != nil || f.kind != kindCancel {
			return f, err
		}
		c.stopped.Store(true)
	}
}

// work does what is asked for.
func (c *child) work(request frame) {
	if err := c.module.Initialize(); err != nil {
		c.ended(nil, err)
		return
	}
	var err error
	switch request.kind {
	case kindTokens:
		err = c.tokens(request)
	case kindToken:
		err = c.token(request)
	case kindSign:
		err = c.sign(request)
	default:
		err = fmt.Errorf("%w: %s from the parent", errFrame, request.kind)
	}
	if err != nil {
		leave(err)
	}
	_ = c.module.Finalize() // the process ends with it
}

// warmUp reads and writes a message once. The first time takes a third of a
// millisecond, and a process in reserve has that time.
func warmUp() {
	body, err := json.Marshal(pkcs11.Batch{})
	if err == nil {
		_ = frame{body: body}.decode(&pkcs11.Batch{}) // our own
	}
	_, _ = json.Marshal(result{Error: &refusal{}})
}

// ended tells the outcome.
func (c *child) ended(tokens []Token, err error) {
	c.quiet = false
	body, fault := json.Marshal(result{Tokens: tokens, Error: refusalOf(err)})
	if fault == nil && len(body) > maxBody {
		body, fault = json.Marshal(result{Error: refusalOf(errors.New("the tokens hold more than can be told"))})
	}
	if fault != nil {
		leave(fault)
	}
	c.out.send(kindResult, body)
}

func (c *child) tokens(f frame) error {
	var r tokensRequest
	if err := f.decode(&r); err != nil {
		return err
	}
	tokens, err := c.module.Tokens(r.Reader)
	c.ended(tokens, err)
	return nil
}

func (c *child) token(f frame) error {
	var r tokenRequest
	if err := f.decode(&r); err != nil {
		return err
	}
	token, err := c.module.Token(r.Reader, r.Certificate)
	c.ended([]Token{token}, err)
	return nil
}

func (c *child) sign(f frame) error {
	var r pkcs11.Batch
	if err := f.decode(&r); err != nil {
		return err
	}
	var pin []byte
	defer func() { wipe(pin) }()
	_ = c.module.Sign(r, pkcs11.Signing{ // Ended has the error
		PIN: func() ([]byte, error) {
			c.out.send(kindAskPIN, nil)
			pin = (<-c.pins).body
			return pin, nil
		},
		Keypad: func(awaited bool) {
			k := kindKeyed
			if awaited {
				k = kindKeypad
			}
			c.out.send(k, nil)
		},
		Next: func() error {
			if c.stopped.Load() {
				return errStopped
			}
			return nil
		},
		Signed: func(signature []byte) {
			c.out.signed(signature)
			c.quiet = true
		},
		Ended: func(err error) { c.ended(nil, err) },
	})
	return nil
}
