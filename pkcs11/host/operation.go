package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cardea-agent/cardea/pkcs11"
)

// operation is one operation, from the parent's side.
type operation struct {
	sign *SignRequest // nil for others

	process    *process
	limits     Config
	call       string // under way
	keypad     bool   // a PIN is awaited on it
	pinGiven   bool
	stopping   bool // ctx has ended
	answered   bool // the child did more than load the module
	ended      bool // result is there, and what follows adds nothing
	left       bool // the module was finalized
	result     result
	signatures [][]byte
}

// do starts a process or takes the spare one, does the operation with it, and
// leaves nothing of it.
func (h *Host) do(ctx context.Context, o *operation, reader string, k kind, request any) error {
	if err := h.begin(); err != nil {
		return err
	}
	defer func() {
		go func() { // the answer does not wait for it
			defer h.working.Done()
			h.prepare()
		}()
	}()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })()
	defer cancel(nil)
	for {
		p, wasSpare, err := h.take()
		if err != nil {
			return &Failure{How: Refused, Err: err}
		}
		o.process, o.limits, o.call = p, h.config, ""
		hide := h.show(p, reader)
		err = o.run(ctx, k, request)
		h.finish(p, o.left)
		hide()
		failure, failed := errors.AsType[*Failure](err)
		if !failed {
			return err
		}
		if wasSpare && failure.How == Crashed && !o.answered {
			continue // it had died while it waited
		}
		h.config.Log.Warn("a PKCS#11 module failed", "module", h.config.Module, "how", failure.How,
			"call", failure.Call, "err", failure.Err, "pinGiven", failure.PINGiven)
		return err
	}
}

// show lets a process see the reader of its operation.
func (h *Host) show(p *process, reader string) (hide func()) {
	if h.config.Readers == nil {
		return func() {}
	}
	return h.config.Readers.Show(p.os.Pid, reader)
}

// grace is how long a function may go on after the end of ctx.
const grace = time.Second

// run does the operation.
func (o *operation) run(ctx context.Context, k kind, request any) error {
	timer := time.NewTimer(o.limits.Start)
	defer timer.Stop()
	cancelled := ctx.Done()
	for {
		select {
		case f, more := <-o.process.frames:
			if !more {
				return o.over(ctx, o.failure(Crashed, o.process.death()))
			}
			done, err := o.hear(f, k, request)
			if done || err != nil {
				return o.over(ctx, err)
			}
			timer.Reset(o.limit())
		case <-timer.C:
			return o.over(ctx, o.failure(Hung, fmt.Errorf("no answer for %v", o.limit())))
		case <-cancelled:
			if cancelled = nil; o.keypad || o.loading() {
				return context.Cause(ctx)
			}
			o.stopping = true
			o.process.write(func(w io.Writer) error { return writeFrame(w, kindCancel, nil) })
			timer.Reset(min(o.limit(), grace))
		}
	}
}

// limit is how long the child may be silent now.
func (o *operation) limit() time.Duration {
	limit := o.limits.Call
	switch {
	case o.loading():
		limit = o.limits.Start
	case o.ended:
		limit = o.limits.End
	case o.keypad:
		limit = o.limits.Keypad
	}
	if o.stopping {
		limit = min(limit, grace)
	}
	return limit
}

// loading: the child has not begun with its work.
func (o *operation) loading() bool { return o.call == "" || o.call == pkcs11.CallLoad }

// over is the outcome of the operation when no more is heard. A failure after
// the result changes nothing of it.
func (o *operation) over(ctx context.Context, err error) error {
	if err != nil && o.ended {
		o.limits.Log.Warn("a PKCS#11 module failed after its work", "module", o.limits.Module, "err", err)
		err = nil
	}
	if err == nil {
		err = o.result.Error.err()
	}
	failure, failed := errors.AsType[*Failure](err)
	if errors.Is(err, errStopped) || o.stopping && failed && failure.How == Hung {
		return context.Cause(ctx)
	}
	if err == nil && o.sign != nil && len(o.signatures) != len(o.sign.Digests) {
		return o.failure(Crashed, fmt.Errorf("%w: %d signatures for %d digests", errFrame, len(o.signatures), len(o.sign.Digests)))
	}
	return err
}

func (o *operation) failure(how How, err error) error {
	return &Failure{How: how, Call: o.call, PINGiven: o.pinGiven, Err: err}
}

// hear takes what the child says. done is its last word.
func (o *operation) hear(f frame, k kind, request any) (done bool, err error) {
	if f.kind != kindReady && f.kind != kindCall {
		o.answered = true
	}
	switch f.kind {
	case kindCall:
		o.call = string(f.body)
	case kindReady:
		return false, o.ready(f, k, request)
	case kindKeypad, kindKeyed:
		err = o.keyed(f.kind == kindKeypad)
	case kindAskPIN:
		err = o.givePIN()
	case kindSigned:
		err = o.signed(f.body)
	case kindResult:
		if o.ended {
			err = fmt.Errorf("%w: a second result", errFrame)
			break
		}
		if err = f.decode(&o.result); err == nil && !known(o.result.Error) {
			err = fmt.Errorf("%w: an error of the kind %q", errFrame, o.result.Error.Kind)
		}
		o.ended = err == nil
	case kindBye:
		if o.left = o.ended; o.left {
			return true, nil
		}
		err = fmt.Errorf("%w: no result", errFrame)
	default:
		err = fmt.Errorf("%w: %s from the child", errFrame, f.kind)
	}
	if err != nil {
		err = o.failure(Crashed, err)
	}
	return false, err
}

// ready gives the child its work.
func (o *operation) ready(f frame, k kind, request any) error {
	var r ready
	if err := f.decode(&r); err != nil {
		return o.failure(Crashed, err)
	}
	switch {
	case r.Version != protocolVersion:
		return o.failure(Refused, fmt.Errorf("the program was replaced: version %d, not %d", r.Version, protocolVersion))
	case r.Refusal != "":
		return o.failure(Refused, errors.New(r.Refusal))
	}
	o.process.write(func(w io.Writer) error { return writeJSON(w, k, request) })
	return nil
}

func (o *operation) keyed(awaited bool) error {
	if o.sign == nil {
		return fmt.Errorf("%w: a keypad without a signature", errFrame)
	}
	o.keypad = awaited
	o.pinGiven = true // on the keypad, it may be
	if o.sign.Keypad != nil {
		o.sign.Keypad(awaited)
	}
	return nil
}

// givePIN gives the PIN to the child, once.
func (o *operation) givePIN() error {
	if o.sign == nil || o.pinGiven || o.ended {
		return fmt.Errorf("%w: a PIN is asked for that is not needed", errFrame)
	}
	if o.stopping {
		// The child learns of it by the frame that is under way.
		o.process.write(func(w io.Writer) error { return writePIN(w, nil) })
		return nil
	}
	o.pinGiven = len(o.sign.PIN) > 0
	o.process.output.secret.Store(true)
	o.process.write(func(w io.Writer) error { return writePIN(w, o.sign.PIN) })
	return nil
}

func (o *operation) signed(signature []byte) error {
	place := len(o.signatures)
	if o.sign == nil || !o.pinGiven || o.ended || place == len(o.sign.Digests) {
		return fmt.Errorf("%w: a signature that was not asked for", errFrame)
	}
	o.signatures = append(o.signatures, signature)
	if o.sign.Signed != nil {
		o.sign.Signed(place, signature)
	}
	return nil
}

func known(r *refusal) bool { return r == nil || kinds[r.Kind] != nil }
