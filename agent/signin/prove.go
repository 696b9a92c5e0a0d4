package signin

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"slices"
)

// job is one request on its way to signatures.
type job struct {
	what    string
	purpose Purpose
	origin  string
	lang    string
	items   int // with ToSign: how many documents
	report  func(Progress)
	// serving returns those of a card's keys that serve. With none, why says
	// what is wrong; an empty why means that waiting for another card helps.
	serving func([]Key) (keys []Key, why Why)
	// compose returns what a key is to sign.
	compose func(Key) (crypto.Hash, [][]byte, error)
	// showKeys has the person choose even where only one key serves.
	showKeys bool
}

// proof is what a card gave. card and key are set as soon as they are chosen.
type proof struct {
	card       Card
	key        Key
	signatures [][]byte
	choice     choice
}

// prove waits for a card that serves, asks for the PIN and returns the
// signatures. A card that is pulled before it made one is waited for again.
func (s *Service) prove(ctx context.Context, j job) (proof, error) {
	ctx, stop, err := WhileUnlocked(ctx, s.Desktop)
	if err != nil {
		return proof{}, err
	}
	defer stop()
	var last proof
	missing := CodeNoCard
	for {
		p, err := s.await(ctx, j, missing)
		if err != nil {
			return last, err
		}
		last = p
		p.signatures, err = s.ask(ctx, j, p)
		s.settle(ctx, j, p, err)
		if CodeOf(err) == CodeCardRemoved && isLocked(s.Desktop) { // forgotten, not removed
			return p, &Error{Code: CodeSessionLocked, Err: err}
		}
		if CodeOf(err) == CodeCardRemoved && len(p.signatures) == 0 && ctx.Err() == nil {
			missing = CodeCardRemoved
			continue
		}
		return p, err
	}
}

// await waits until a card with a key for j is in. missing is the code for an
// empty reader.
func (s *Service) await(ctx context.Context, j job, missing Code) (proof, error) {
	var reported Phase
	again := true // a card whose module failed gets one more chance
	for {
		snapshot, changed := s.Cards.Snapshot()
		found, awaited, err := candidates(snapshot, j.serving)
		switch {
		case err != nil && again && ofModule(err):
			again = false
			s.Cards.ReadAgain()
			continue
		case err != nil:
			return proof{}, s.explain(err, j, snapshot)
		case len(found) == 1 && !j.showKeys:
			return found[0], nil
		case len(found) > 0:
			if p := s.remembered(j, found); p.card != nil {
				return p, nil
			}
			p, err := s.choose(ctx, j, found)
			if p.card != nil || err != nil {
				return p, err
			}
			continue
		}
		phase := WaitingForCard
		if awaited == CodeNoService || awaited == CodeNoReader {
			phase = WaitingForReader
		}
		if phase != reported {
			reported = phase
			j.report(Progress{Phase: phase})
		}
		if awaited == CodeNoCard {
			awaited = missing
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return proof{}, withATR(ended(ctx, awaited), snapshot)
		}
	}
}

// withATR says of which card an unknown one is, for those who look after cards.
func withATR(err error, snapshot Snapshot) error {
	i := slices.IndexFunc(snapshot.Readers, func(r Reader) bool { return r.ATR != "" })
	if e, ok := errors.AsType[*Error](err); ok && e.Code == CodeCardUnknown && i >= 0 {
		return &Error{Code: e.Code, ATR: snapshot.Readers[i].ATR, Err: e.Err}
	}
	return err
}

func ofModule(err error) bool {
	code := CodeOf(err)
	return code == CodeModuleMissing || code == CodeModuleFailed
}

// awaitedFor is what a person is asked for while no card serves.
var awaitedFor = map[State]Code{
	ServiceDown:    CodeNoService,
	NoReader:       CodeNoReader,
	CardUnreadable: CodeCardUnreadable,
	CardUnknown:    CodeCardUnknown,
}

// candidates returns the keys that serve. Without one it says what to wait
// for, or the error when waiting cannot help.
func candidates(snapshot Snapshot, serving func([]Key) ([]Key, Why)) ([]proof, Code, error) {
	var found, blocked []proof
	var unusable Why
	var pending bool
	for _, r := range snapshot.Readers {
		pending = pending || r.Pending
		if r.Card == nil {
			continue
		}
		keys, why := serving(r.Card.Keys())
		if len(keys) == 0 {
			unusable = cmp.Or(unusable, why)
			continue
		}
		for _, k := range keys {
			if p := (proof{card: r.Card, key: k}); r.PIN == PINIsBlocked {
				blocked = append(blocked, p)
			} else {
				found = append(found, p)
			}
		}
	}
	switch {
	case len(found) > 0 || pending:
		return found, CodeNoCard, nil
	case len(blocked) > 0:
		return blocked[:1], "", nil // asked again: another program may have unblocked it
	case unusable != "":
		return nil, "", &Error{Code: CodeNoUsableCertificate, Why: unusable}
	}
	for _, r := range snapshot.Readers {
		if r.Problem != "" {
			return nil, "", &Error{Code: r.Problem, How: r.How}
		}
	}
	return nil, cmp.Or(awaitedFor[snapshot.State], CodeNoCard), nil
}

// choose lets the person choose, in one window at a time. Its proof is empty
// when other keys serve meanwhile, and the choice has to be made anew.
func (s *Service) choose(ctx context.Context, j job, found []proof) (proof, error) {
	j.report(Progress{Phase: Choosing})
	if err := s.patience.wait(ctx, j.origin); err != nil {
		return proof{}, ended(ctx, CodeTimedOut)
	}
	if !s.choosing.TryLock() {
		return proof{}, &Error{Code: CodeBusy}
	}
	defer s.choosing.Unlock()
	ctx, stop := s.whileOffered(ctx, j, found)
	defer stop()
	n, err := s.askForKey(ctx, j, found)
	switch {
	case errors.Is(err, errChanged):
		return proof{}, nil
	case err != nil:
		s.patience.note(j.origin, err)
		return proof{}, err
	case n < 0 || n >= len(found):
		return proof{}, &Error{Code: CodeInternal, Err: errors.New("the prompt chose a key that was not offered")}
	}
	p := found[n]
	p.choice = choice{offered: keysOf(found), chosen: n}
	return p, nil
}

func (s *Service) askForKey(ctx context.Context, j job, found []proof) (int, error) {
	dialog, err := s.Prompter.Open(ctx, About{Origin: j.origin, Purpose: j.purpose, Lang: j.lang})
	if err != nil {
		return 0, closed(ctx, err)
	}
	defer dialog.Close()
	choices := make([]KeyChoice, len(found))
	for i, p := range found {
		c := p.key.Certificate
		choices[i] = KeyChoice{Holder: p.key.Holder(), Issuer: c.Issuer.CommonName, Expiry: c.NotAfter, Reader: p.card.Reader()}
	}
	n, err := dialog.ChooseKey(ctx, choices)
	if err != nil {
		return 0, closed(ctx, err)
	}
	return n, nil
}

// whileOffered returns a context that ends with errChanged when other keys
// serve than those that are offered. Whatever else changes about readers, such
// as another program that looks at a card, is nothing to who is choosing.
func (s *Service) whileOffered(ctx context.Context, j job, offered []proof) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			snapshot, changed := s.Cards.Snapshot()
			if found, _, _ := candidates(snapshot, j.serving); !slices.EqualFunc(found, offered, proof.sameKey) {
				cancel(errChanged)
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (p proof) sameKey(o proof) bool {
	return p.card.Insertion() == o.card.Insertion() && p.key.ID == o.key.ID
}

var errChanged = errors.New("signin: the cards changed")

// ended is the error of a request whose context ended: of its own cause, else
// cancelled, else awaited when time ran out.
func ended(ctx context.Context, awaited Code) error {
	cause := context.Cause(ctx)
	if e, ok := errors.AsType[*Error](cause); ok {
		return e
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return &Error{Code: awaited}
	}
	return &Error{Code: CodeCancelled, Err: cause}
}

// closed is the error of a prompt: when the context ended, its cause says why
// the window closed.
func closed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if errors.Is(context.Cause(ctx), errChanged) {
		return errChanged
	}
	return ended(ctx, CodeTimedOut)
}

// withCauseOn returns a context that ends with cause when the channel closes.
func withCauseOn(ctx context.Context, closed <-chan struct{}, cause error) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-closed:
			cancel(cause)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
