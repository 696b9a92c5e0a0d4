package store

import (
	"crypto/sha256"
	"testing"
	"time"
)

// signed is a signature of a user's, of a document with this text.
func signed(user UserID, text string) Signature {
	digest := sha256.Sum256([]byte(text))
	return Signature{
		User: user, Document: text + ".pdf", Size: int64(len(text)), Digest: digest[:],
		Algorithm: "ES256", Signature: []byte("signature of " + text), Certificate: []byte("der"),
		Signer: "Ann Reed", Holder: Holder{"CN=Cards", "7"}, Kept: noon,
	}
}

func TestSignaturesComeBackTheLatestFirst(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		u, other := ann(t, s, "ann@hospital.example"), ann(t, s, "bob@hospital.example")
		var all []Signature
		for _, text := range []string{"letter", "prescription", ""} {
			one := signed(u.ID, text)
			var err error
			one.ID, _, err = s.AddSignature(ctx, one)
			check(t, err)
			all = append([]Signature{one}, all...)
		}
		_, _, err := s.AddSignature(ctx, signed(other.ID, "letter"))
		check(t, err)

		got, err := s.SignaturesOf(ctx, u.ID, 0, 10)
		check(t, err)
		wants(t, got, all)
		got, err = s.SignaturesOf(ctx, u.ID, all[0].ID, 1)
		check(t, err)
		wants(t, got, all[1:2])
		one, err := s.Signature(ctx, all[2].ID)
		check(t, err)
		wants(t, one, all[2])
		_, err = s.Signature(ctx, 99)
		isError(t, err, ErrNotFound)
	})
}

func TestASignatureThatIsSentTwiceIsKeptOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		ctx := t.Context()
		u := ann(t, s, "ann@hospital.example")
		first := signed(u.ID, "letter")
		var again SignatureID
		check(t, s.InTx(ctx, func(tx Tx) (err error) {
			var added bool
			if first.ID, added, err = tx.AddSignature(ctx, first); err != nil || !added {
				t.Errorf("the first time: %v, %v", added, err)
			}
			renamed := first
			renamed.Document, renamed.Kept = "copy.pdf", noon.Add(time.Hour)
			again, added, err = tx.AddSignature(ctx, renamed)
			wants(t, added, false)
			return err
		}))
		wants(t, again, first.ID)
		got, err := s.SignaturesOf(ctx, u.ID, 0, 10)
		check(t, err)
		wants(t, got, []Signature{first})
	})
}

func TestASignatureIsSomebodysAndOfAWholeDigest(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, s *SQLite) {
		_, _, err := s.AddSignature(t.Context(), signed(99, "letter"))
		isError(t, err, ErrNotFound)
		cut := signed(ann(t, s, "ann@hospital.example").ID, "letter")
		cut.Digest = cut.Digest[1:]
		if _, _, err := s.AddSignature(t.Context(), cut); err == nil {
			t.Error("a digest that is cut was kept")
		}
	})
}
