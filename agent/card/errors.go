package card

import (
	"context"
	"errors"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
	"github.com/cardea-agent/cardea/pcsc/piv"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

// translate makes a code of an error of pcsc or piv. tries is the last known
// counter, for a PIN that was refused by its form and spent none. The end of
// the context is passed on as it is.
func translate(err error, tries int) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if wrong, ok := errors.AsType[piv.WrongPIN](err); ok {
		return &signin.Error{Code: signin.CodePINWrong, TriesLeft: wrong.TriesLeft, Err: err}
	}
	if _, ok := errors.AsType[piv.Blocked](err); ok {
		return &signin.Error{Code: signin.CodePINBlocked, Err: err}
	}
	if _, ok := errors.AsType[*signin.Error](err); ok {
		return err
	}
	for _, row := range translations {
		if errors.Is(err, row.is) {
			return &signin.Error{Code: row.code, TriesLeft: tries, Err: err}
		}
	}
	if errors.Is(err, piv.ErrLastTry) {
		return signin.ErrLastTry
	}
	return &signin.Error{Code: signin.CodeCardUnreadable, Err: err}
}

// translations is the one table from errors of the card to codes. Whatever is
// not here is a card that does not answer as it should.
var translations = []struct {
	is   error
	code signin.Code
}{
	{piv.ErrPINForm, signin.CodePINWrong},
	{host.ErrPINForm, signin.CodePINWrong},
	{piv.ErrPINNotSet, signin.CodePINNotSet},
	{piv.ErrNotPIV, signin.CodeCardRemoved}, // it was PIV when it was read
	{errAnotherCard, signin.CodeCardRemoved},
	{pcsc.ErrCardRemoved, signin.CodeCardRemoved},
	{pcsc.ErrNoCard, signin.CodeCardRemoved},
	{pcsc.ErrNoReader, signin.CodeCardRemoved},
	{pcsc.ErrNoService, signin.CodeCardRemoved},
	{pcsc.ErrClosed, signin.CodeCardRemoved},
}
