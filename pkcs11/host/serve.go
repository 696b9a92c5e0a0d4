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
	// The module's one thread. It is never unlocked.
	runtime.LockOSThread()
	in, out, err := takeStdio()
	if err != nil {
		return err
	}
	c := &child{out: out, requests: make(chan frame, 1), pins: make(chan frame, 1)}
	if err := confinement.apply(); err != nil {
		c.send(writeJSON(out, kindReady, ready{Version: protocolVersion, Refusal: err.Error()}))
		return err
	}
	go c.listen(in)
	return c.serve(args[0])
}

// child is the state of the process.
type child struct {
	out      io.Writer
	requests chan frame
	pins     chan frame
	stopped  atomic.Bool // by the parent
	module   *pkcs11.Module

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
		to := c.requests
		switch f.kind {
		case kindCancel:
			c.stopped.Store(true)
			continue
		case kindTokens, kindToken, kindSign:
		case kindPIN:
			to = c.pins
		default:
			leave(fmt.Errorf("%w: %s from the parent", errFrame, f.kind))
		}
		select {
		case to <- f:
		default:
			leave(fmt.Errorf("%w: a second %s", errFrame, f.kind))
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

// send ends the process if a frame could not be sent.
func (c *child) send(err error) {
	if err != nil {
		leave(err)
	}
}

func (c *child) calling(call string) {
	if !c.quiet {
		c.send(writeFrame(c.out, kindCall, []byte(call)))
	}
}

func (c *child) serve(file string) error {
	module, err := pkcs11.Open(file, c.calling)
	r := ready{Version: protocolVersion}
	if err != nil {
		r.Refusal = err.Error()
	}
	c.send(writeJSON(c.out, kindReady, r))
	if err != nil {
		return err
	}
	c.module = module
	request := <-c.requests
	if err := module.Initialize(); err != nil {
		c.ended(nil, err)
		c.send(writeFrame(c.out, kindBye, nil))
		return nil
	}
	switch request.kind {
	case kindTokens:
		c.tokens(request)
	case kindToken:
		c.token(request)
	case kindSign:
		c.sign(request)
	}
	_ = module.Finalize() // the process ends with it
	c.send(writeFrame(c.out, kindBye, nil))
	return nil
}

// ended tells the outcome.
func (c *child) ended(tokens []Token, err error) {
	c.quiet = false
	body, fault := json.Marshal(result{Tokens: tokens, Error: refusalOf(err)})
	if fault == nil && len(body) > maxBody {
		body, fault = json.Marshal(result{Error: refusalOf(errors.New("the tokens hold more than can be told"))})
	}
	if fault == nil {
		fault = writeFrame(c.out, kindResult, body)
	}
	c.send(fault)
}

func (c *child) tokens(f frame) {
	var r tokensRequest
	c.send(f.decode(&r))
	tokens, err := c.module.Tokens(r.Reader)
	c.ended(tokens, err)
}

func (c *child) token(f frame) {
	var r tokenRequest
	c.send(f.decode(&r))
	token, err := c.module.Token(r.Reader, r.Certificate)
	c.ended([]Token{token}, err)
}

func (c *child) sign(f frame) {
	var r pkcs11.Batch
	c.send(f.decode(&r))
	var pin []byte
	defer func() { wipe(pin) }()
	_ = c.module.Sign(r, pkcs11.Signing{
		PIN: func() ([]byte, error) {
			c.send(writeFrame(c.out, kindAskPIN, nil))
			pin = (<-c.pins).body
			return pin, nil
		},
		Keypad: func(awaited bool) {
			k := kindKeyed
			if awaited {
				k = kindKeypad
			}
			c.send(writeFrame(c.out, k, nil))
		},
		Next: func() error {
			if c.stopped.Load() {
				return errStopped
			}
			return nil
		},
		Signed: func(signature []byte) {
			c.send(writeFrame(c.out, kindSigned, signature))
			c.quiet = true
		},
		Ended: func(err error) { c.ended(nil, err) },
	})
}
