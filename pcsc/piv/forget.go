package piv

import "github.com/cardea-agent/cardea/pcsc/apdu"

// Recognise finds out how a card's PIN is to be forgotten, without reading the
// card. It fails with ErrNotPIV, and when the transaction does.
func Recognise(tx Transaction, mode apdu.Mode) (Settings, error) {
	a, err := selectApplication(tx, mode)
	if err != nil {
		return Settings{}, err
	}
	settings := Settings{Mode: mode}
	if settings.PIN, err = a.pinReference(); lost(err) {
		return Settings{}, err
	}
	return settings, nil
}

// Forget makes the card forget a PIN that others verified, such as a module: by
// the command for that, and where the card does not say that nothing is verified
// any more, by ResetAtEnd. The error is that of the transaction.
func Forget(tx Transaction, settings Settings) error {
	forgotten := false
	defer func() { // deferred, because sending can panic
		if !forgotten {
			tx.ResetAtEnd()
		}
	}()
	a, err := selectApplication(tx, settings.Mode)
	if err != nil {
		return err
	}
	if _, err := a.forget(settings.PIN); err != nil {
		return err
	}
	// A card that does not know the command may take it for this question.
	now, err := a.tries(settings.PIN)
	forgotten = err == nil && !now.verified
	return err
}
