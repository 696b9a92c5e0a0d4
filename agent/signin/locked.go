package signin

import "context"

// WhileUnlocked returns a context that ends with the code CodeSessionLocked when
// the desktop is locked, and that error at once when it is. A nil Desktop is
// never locked.
func WhileUnlocked(ctx context.Context, d Desktop) (context.Context, func(), error) {
	if d == nil {
		return ctx, func() {}, nil
	}
	if locked, _ := d.Locked(); locked && d.Check(ctx) { // whoever just unlocked it is not turned away
		return nil, nil, &Error{Code: CodeSessionLocked}
	}
	locked, changed := d.Locked()
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for !locked {
			select {
			case <-changed:
				locked, changed = d.Locked()
			case <-ctx.Done():
				return
			}
		}
		cancel(&Error{Code: CodeSessionLocked})
	}()
	return ctx, func() { cancel(nil) }, nil
}

func isLocked(d Desktop) bool {
	if d == nil {
		return false
	}
	locked, _ := d.Locked()
	return locked
}
