package endpoint

import (
	"context"
	"slices"
	"time"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// The rights that requests need.
const (
	rightAuthenticate = "authenticate"
	rightSign         = "sign"
)

// capabilities are what hello announces: the methods that exist, and the
// formats of tokens.
var capabilities = []string{
	protocol.MethodHello, protocol.MethodWatch, protocol.MethodAuthenticate, protocol.MethodAttach,
	protocol.MethodResume, protocol.MethodCancel, protocol.MethodEndSession,
	protocol.MethodGetSigningCertificate, protocol.MethodSign, "format:web-eid:1.0",
}

// handle does what one message asks. Everything that waits for a person goes on
// when it returns.
func (c *connection) handle(data []byte) {
	req, perr := protocol.ParseRequest(data)
	switch {
	case perr != nil:
		c.fail(req, perr)
	case len(data) > maxMessage && req.Method != protocol.MethodSign:
		c.end(endTooBig)
	case c.isRunning(req.ID):
		c.fail(req, protocol.Invalid("id", protocol.ProblemDuplicate))
	case c.greeted == (req.Method == protocol.MethodHello):
		// A hello first, and no other later.
		c.fail(req, protocol.Invalid("method", protocol.ProblemOrder))
	case !c.stillAllowed() && req.Method != protocol.MethodCancel && req.Method != protocol.MethodEndSession:
		c.fail(req, protocol.NewError(signin.CodeNotPermitted, map[string]any{"right": rightAuthenticate}))
	default:
		c.dispatch(req)
	}
}

func (c *connection) dispatch(req protocol.Request) {
	switch req.Method {
	case protocol.MethodHello:
		call(c, req, c.hello)
	case protocol.MethodWatch:
		call(c, req, c.watch)
	case protocol.MethodAuthenticate:
		call(c, req, c.authenticate)
	case protocol.MethodAttach:
		call(c, req, c.attach)
	case protocol.MethodResume:
		call(c, req, c.resume)
	case protocol.MethodCancel:
		call(c, req, c.cancel)
	case protocol.MethodEndSession:
		call(c, req, c.endSession)
	case protocol.MethodGetSigningCertificate:
		call(c, req, c.getSigningCertificate)
	case protocol.MethodSign:
		call(c, req, c.sign)
	default:
		c.fail(req, protocol.NewError(protocol.CodeUnsupported, nil))
	}
}

// call decodes the params of a request and hands them to its method.
func call[T any](c *connection, req protocol.Request, method func(protocol.Request, T)) {
	params, perr := protocol.DecodeParams[T](req.Params)
	if perr != nil {
		c.fail(req, perr)
		return
	}
	method(req, params)
}

func (c *connection) hello(req protocol.Request, p protocol.HelloParams) {
	if p.Protocol < protocol.OldestVersion {
		c.fail(req, protocol.NewError(protocol.CodeVersionTooOld, map[string]any{"side": "page"}))
		return
	}
	c.greeted = true
	removal := c.Backend.Removal(c.origin)
	c.answer(req, protocol.HelloResult{
		Agent:        c.Version,
		Protocol:     protocol.Version,
		Capabilities: capabilities,
		Origin:       c.origin,
		Removal:      protocol.Removal{Action: removal.Action, GraceSeconds: seconds(removal.Grace)},
	})
}

// watch answers with the snapshot and lets the writer go on from it.
func (c *connection) watch(req protocol.Request, _ struct{}) {
	snapshot, changed := c.snapshot()
	c.put(outgoing{
		data:    c.encode(protocol.Response{JSONRPC: "2.0", ID: req.ID, Result: snapshot}),
		changed: changed,
		shown:   snapshot,
	})
}

func (c *connection) authenticate(req protocol.Request, p protocol.AuthenticateParams) {
	c.start(req, rightAuthenticate, protocol.Timeout(p.TimeoutSeconds), func(ctx context.Context, t *task) {
		result, err := c.Backend.Authenticate(ctx,
			signin.Request{Origin: c.origin, Nonce: p.Nonce, Lang: p.Lang}, c.progress(req))
		wanted := c.finish(req, t)
		if err != nil {
			c.fail(req, err)
			return
		}
		if !wanted {
			// Too late: nobody would know of this session.
			_ = c.Backend.EndSession(c.origin, result.Session)
			c.fail(req, context.Canceled)
			return
		}
		standing, forward, err := c.subscribe(result.Session)
		if err != nil {
			c.fail(req, err)
			return
		}
		c.answer(req, protocol.AuthenticateResult{Token: result.Token, Session: result.Session})
		c.catchUp(result.Session, standing)
		forward()
	})
}

func (c *connection) resume(req protocol.Request, p protocol.ResumeParams) {
	c.start(req, rightAuthenticate, protocol.Timeout(p.TimeoutSeconds), func(ctx context.Context, t *task) {
		token, err := c.Backend.Resume(ctx, signin.ResumeRequest{
			Request: signin.Request{Origin: c.origin, Nonce: p.Nonce, Lang: p.Lang},
			Session: p.Session,
		}, c.progress(req))
		c.finish(req, t)
		if err != nil {
			c.fail(req, err)
			return
		}
		standing, forward, err := c.subscribe(p.Session)
		if err != nil {
			c.fail(req, err)
			return
		}
		c.answer(req, protocol.ResumeResult{Token: token})
		c.catchUp(p.Session, standing)
		forward()
	})
}

func (c *connection) attach(req protocol.Request, p protocol.AttachParams) {
	standing, forward, err := c.subscribe(p.Session)
	if err != nil {
		c.fail(req, err)
		return
	}
	c.answer(req, attachResult(standing))
	forward()
}

// cancel answers alike whether the request still runs or not: it may have
// ended while the cancel was on its way.
func (c *connection) cancel(req protocol.Request, p protocol.CancelParams) {
	c.mu.Lock()
	if t := c.running[string(p.ID)]; t != nil {
		t.cancelled = true
		t.cancel()
	}
	c.mu.Unlock()
	c.answer(req, struct{}{})
}

func (c *connection) endSession(req protocol.Request, p protocol.EndSessionParams) {
	if err := c.Backend.EndSession(c.origin, p.Session); err != nil {
		c.fail(req, err)
		return
	}
	c.answer(req, struct{}{})
}

// task is a request that waits for a person.
type task struct {
	cancel    context.CancelFunc
	cancelled bool // by the page; guarded by connection.mu
}

func (c *connection) isRunning(id protocol.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running[string(id)] != nil
}

// start runs work beside the reading of further messages, when the origin has
// the right to it. work calls finish once.
func (c *connection) start(req protocol.Request, right string, limit time.Duration, work func(context.Context, *task)) {
	if !c.may(c.origin, right) {
		c.refusals.notPermitted(req.Method, c.origin, right)
		c.fail(req, protocol.NewError(signin.CodeNotPermitted, map[string]any{"right": right}))
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	t := &task{cancel: cancel}
	c.mu.Lock()
	full := len(c.running) >= maxRunning
	if !full {
		c.running[string(req.ID)] = t
	}
	c.mu.Unlock()
	if full {
		cancel()
		c.fail(req, protocol.NewError(signin.CodeBusy, nil))
		return
	}
	c.tasks.Go(func() {
		defer cancel()
		defer c.answered(t)
		work(ctx, t)
	})
}

// may reports whether an origin has a right.
func (s *Server) may(origin, right string) bool {
	rights, _ := s.Origins.Rights(origin)
	return slices.Contains(rights, right)
}

// stillAllowed reports whether the connection's origin is on the list, which may
// have changed since the handshake. One that is not may only end what it began.
func (c *connection) stillAllowed() bool {
	_, known := c.Origins.Rights(c.origin)
	return known
}

// finish takes a request off the running ones and reports whether its result
// is still wanted.
func (c *connection) finish(req protocol.Request, t *task) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, string(req.ID))
	return !t.cancelled && c.ctx.Err() == nil
}

// progress tells the page what a request waits for. The sign-in never waits
// for the page to hear it.
func (c *connection) progress(req protocol.Request) func(signin.Progress) {
	return func(p signin.Progress) {
		c.progressed(string(req.ID), p.Phase)
		c.tell(c.encode(notification(protocol.NotifyProgress, progressParams(req.ID, p))))
	}
}

func (c *connection) answer(req protocol.Request, result any) {
	c.put(outgoing{data: c.encode(protocol.Response{JSONRPC: "2.0", ID: req.ID, Result: result})})
}

// fail answers with the error's code. What only the log may know is logged
// beside the incident.
func (c *connection) fail(req protocol.Request, err error) {
	perr := protocol.FromError(err)
	if incident := perr.Incident(); incident != "" {
		c.Log.Error("request failed", "incident", incident, "origin", quoted(c.origin), "cause", quoted(err.Error()))
	}
	if c.Contact != nil {
		told := *perr // the caller's own stays as it is
		told.Data.Contact = c.Contact(perr.Data.Who)
		perr = &told
	}
	c.put(outgoing{data: c.encode(protocol.Response{JSONRPC: "2.0", ID: req.ID, Error: perr})})
}

// seconds rounds up, so that 0 means that nothing is left.
func seconds(d time.Duration) int {
	return int((max(d, 0) + time.Second - 1) / time.Second)
}
