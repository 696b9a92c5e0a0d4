package signin

import (
	"context"
	"errors"
)

// ask asks for the PIN until the card signs, and returns the signatures, also
// next to an error. The window goes with the card and with the page. No lock and
// no transaction is held while the person types; only the card's one place for a
// PIN operation is.
func (s *Service) ask(ctx context.Context, j job, p proof) ([][]byte, error) {
	if err := s.patience.wait(ctx, j.origin); err != nil {
		return nil, ended(ctx, CodeTimedOut)
	}
	release, err := p.card.Acquire()
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, stop := withCauseOn(ctx, p.card.Gone(), &Error{Code: CodeCardRemoved})
	defer stop()

	hash, digests, err := j.compose(p.key)
	if err != nil {
		return nil, err
	}
	tries, err := p.card.Tries(ctx, p.key)
	if err != nil {
		return nil, closed(ctx, err)
	}
	signatures, err := s.signWithPIN(ctx, j, p, tries, CardSignRequest{Key: p.key, Hash: hash, Digests: digests})
	s.patience.note(j.origin, err)
	return signatures, err
}

// signWithPIN is the conversation: one window, a PIN, and after a wrong one
// another with the new count.
func (s *Service) signWithPIN(ctx context.Context, j job, p proof, tries int, req CardSignRequest) ([][]byte, error) {
	if tries == 0 {
		return nil, &Error{Code: CodePINBlocked}
	}
	about := About{
		Origin: j.origin, Purpose: j.purpose, Items: j.items, Holder: p.key.Holder(), Reader: p.card.Reader(), Lang: j.lang,
	}
	dialog, err := s.Prompter.Open(ctx, about)
	if err != nil {
		return nil, closed(ctx, err)
	}
	defer dialog.Close()
	wrong, last := false, tries == 1
	asking := Progress{Phase: WaitingForPIN}
	for {
		j.report(asking)
		question := PINQuestion{TriesLeft: tries, Wrong: wrong, LastTry: last}
		answer, err := askForPIN(ctx, p.card, dialog, question)
		if err != nil {
			err = closed(ctx, err)
			if wrong && CodeOf(err) == CodeCancelled {
				// The person gave up. That the PIN was wrong is what the page
				// can help with.
				return nil, &Error{Code: CodePINWrong, TriesLeft: tries, Err: err}
			}
			return nil, err
		}
		if last && !answer.LastTry {
			answer.PIN.Wipe()
			return nil, &Error{Code: CodeInternal, Err: errors.New("the prompt did not ask before the last try")}
		}
		req.PIN, req.AllowLastTry = answer.PIN, last
		signatures, err := signShown(ctx, j, p.card, dialog, question, req)
		answer.PIN.Wipe()
		s.recordPIN(j, p.key, len(signatures) > 0, err)
		switch {
		case err == nil:
			return signatures, nil
		case len(signatures) > 0:
			return signatures, closed(ctx, err)
		}
		e, _ := errors.AsType[*Error](err)
		switch {
		case errors.Is(err, ErrLastTry):
			// Another program spent tries while the person typed, or the card
			// does not tell how many there are.
			wrong, last = false, true
			asking = Progress{Phase: WaitingForPIN}
			if tries != TriesUnknown {
				tries = 1
			}
		case e != nil && e.Code == CodePINWrong && e.TriesLeft != 0:
			tries, wrong = e.TriesLeft, true
			last = tries == 1 || tries == TriesUnknown
			asking = Progress{Phase: WrongPIN, TriesLeft: tries}
		case e != nil && e.Code == CodePINWrong:
			return nil, &Error{Code: CodePINBlocked, Err: err}
		default:
			return nil, closed(ctx, err)
		}
	}
}

// recordPIN writes down what came of a PIN. One that the card was not given
// leaves no line, and one that made a signature was right, whatever came after.
func (s *Service) recordPIN(j job, key Key, right bool, err error) {
	e := Event{What: WhatPIN, Origin: j.origin, Certificate: key.Certificate, Outcome: OutcomeOK}
	switch known, _ := errors.AsType[*Error](err); {
	case err == nil || right:
	case errors.Is(err, ErrLastTry):
		return
	case known != nil:
		e.Outcome, e.TriesLeft = string(known.Code), known.TriesLeft
		if known.Code == CodePINWrong && known.TriesLeft == 0 {
			e.Outcome = string(CodePINBlocked)
		}
	default:
		e.Outcome = string(CodeCancelled)
	}
	s.Audit.Record(e)
}

// askForPIN asks for the PIN. Where it is typed on the reader, that is up to the
// card, and only the extra yes is asked for here.
func askForPIN(ctx context.Context, card Card, dialog Dialog, q PINQuestion) (PINAnswer, error) {
	if !card.Keypad() {
		return dialog.AskPIN(ctx, q)
	}
	if q.LastTry {
		if err := dialog.ConfirmLastTry(ctx, q); err != nil {
			return PINAnswer{}, err
		}
	}
	return PINAnswer{LastTry: q.LastTry}, nil
}
