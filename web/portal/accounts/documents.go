package accounts

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"

	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/verify"
)

// SignaturesOnPage is the most that Signatures returns.
const SignaturesOnPage = 20

// maxDocument is the longest name of a document, in characters.
const maxDocument = 255

// KeepSignatures keeps what one person signed in one go, and returns the numbers
// in the same order. Package verify has checked each signature, and signer is
// whose they are: it must be a card of the user's own that signed. Of a
// signature only Document, Size, Digest, Algorithm and Signature are used.
//
// Errors: those of the session, CodeCardNotRegistered, CodeDifferentCard.
func (a *Accounts) KeepSignatures(ctx context.Context, token string, signer verify.Identity, signed []store.Signature) (ids []store.SignatureID, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		card, err := w.cardOf(ctx, tx, signer)
		if err != nil {
			return err
		}
		count := 0
		for _, s := range signed {
			s.Document = documentName(s.Document)
			s.User, s.Certificate, s.Signer, s.Holder, s.Kept = w.user.ID, signer.Certificate.Raw, signer.DisplayName, card.Holder, w.now
			id, added, err := tx.AddSignature(ctx, s)
			if err != nil {
				return err
			}
			ids = append(ids, id)
			if added {
				count++
			}
		}
		if count == 0 { // the page sent them again
			return nil
		}
		details := detailsOf(card)
		details["documents"] = strconv.Itoa(count)
		return w.note(ctx, tx, w.user.ID, ActionDocumentsSigned, details)
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// CheckSigner refuses whose signatures KeepSignatures would refuse. It proves
// nothing, and is for who would sign in vain.
//
// Errors: as KeepSignatures.
func (a *Accounts) CheckSigner(ctx context.Context, token string, signer verify.Identity) error {
	return a.as(ctx, token, func(tx store.Tx, w who) error {
		_, err := w.cardOf(ctx, tx, signer)
		return err
	})
}

// cardOf returns the user's own card that signed.
func (w who) cardOf(ctx context.Context, tx store.Tx, signer verify.Identity) (store.Card, error) {
	card, err := tx.CardByHolder(ctx, store.Holder{Issuer: signer.Issuer, ID: signer.UserID})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return card, refuse(CodeCardNotRegistered)
	case err == nil && card.User != w.user.ID:
		return card, refuse(CodeDifferentCard)
	}
	return card, err
}

// documentName is a name in one line that shows all that it has. A file may be
// called anything, and its name is no reason to lose a signature.
func documentName(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(name, string(unicode.ReplacementChar)))
	letters := []rune(strings.TrimSpace(name))
	if len(letters) == 0 {
		return string(unicode.ReplacementChar)
	}
	return string(letters[:min(len(letters), maxDocument)])
}

// Signatures returns the user's own, the latest first: at most SignaturesOnPage
// before the one numbered before, from the end if that is zero.
func (a *Accounts) Signatures(ctx context.Context, token string, before store.SignatureID) (signed []store.Signature, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		signed, err = tx.SignaturesOf(ctx, w.user.ID, before, SignaturesOnPage)
		return err
	})
	return signed, err
}

// Signature returns one of the user's own.
//
// Errors: those of the session, CodeSignatureNotFound.
func (a *Accounts) Signature(ctx context.Context, token string, id store.SignatureID) (s store.Signature, err error) {
	err = a.as(ctx, token, func(tx store.Tx, w who) error {
		s, err = tx.Signature(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && s.User != w.user.ID {
			return refuse(CodeSignatureNotFound)
		}
		return err
	})
	if err != nil {
		return store.Signature{}, err
	}
	return s, nil
}
