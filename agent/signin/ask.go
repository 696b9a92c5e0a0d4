package signin

import (
	"context"
	"crypto"
	"errors"
)

// ask asks for the PIN until the card signs, and returns the token. The window
// goes with the card and with the page. No lock and no transaction is held
// while the person types; only the card's one place for a PIN operation is.
func (s *Service) ask(ctx context.Context, j job, p proof) (Token, error) {
	if err := s.patience.wait(ctx, j.Origin); err != nil {
		return Token{}, ended(ctx, CodeTimedOut)
	}
	release, err := p.card.Acquire()
	if err != nil {
		return Token{}, err
	}
	defer release()
	ctx, stop := withCauseOn(ctx, p.card.Gone(), &Error{Code: CodeCardRemoved})
	defer stop()

	hash, digest, err := s.Tokens.Compose(p.key, j.Origin, j.Nonce)
	if err != nil {
		return Token{}, &Error{Code: CodeInternal, Err: err}
	}
	tries, err := p.card.Tries(ctx)
	if err != nil {
		return Token{}, closed(ctx, err)
	}
	signature, err := s.signWithPIN(ctx, j, p, tries, hash, digest)
	s.patience.note(j.Origin, err)
	if err != nil {
		return Token{}, err
	}
	token, err := s.Tokens.Finish(p.key, hash, digest, signature)
	if err != nil {
		return Token{}, &Error{Code: CodeCardUnreadable, Err: err}
	}
	return token, nil
}

// signWithPIN is the conversation: one window, a PIN, and after a wrong one
// another with the new count.
func (s *Service) signWithPIN(ctx context.Context, j job, p proof, tries int, hash crypto.Hash, digest []byte) ([]byte, error) {
	if tries == 0 {
		return nil, &Error{Code: CodePINBlocked}
	}
	about := About{Origin: j.Origin, Purpose: j.purpose, Holder: p.key.Holder(), Reader: p.card.Reader(), Lang: j.Lang}
	dialog, err := s.Prompter.Open(ctx, about)
	if err != nil {
		return nil, closed(ctx, err)
	}
	defer dialog.Close()
	wrong, last := false, tries == 1
	asking := Progress{Phase: WaitingForPIN}
	for {
		j.report(asking)
		answer, err := dialog.AskPIN(ctx, PINQuestion{TriesLeft: tries, Wrong: wrong, LastTry: last})
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
		j.report(Progress{Phase: Signing})
		signature, err := p.card.Sign(ctx, p.key, answer.PIN, last, hash, digest)
		answer.PIN.Wipe()
		if err == nil {
			return signature, nil
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
