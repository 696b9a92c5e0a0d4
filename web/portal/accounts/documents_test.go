package accounts

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/web/portal/store"
)

// signed are signatures of documents with these names.
func signed(names ...string) (all []store.Signature) {
	for _, name := range names {
		digest := sha256.Sum256([]byte(name))
		all = append(all, store.Signature{
			Document: name, Size: 7, Digest: digest[:], Algorithm: "ES256", Signature: []byte("signature of " + name),
		})
	}
	return all
}

func TestSignaturesAreKeptForTheirSigner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, id := s.ann()
	blue := identity(t, "111122223333", 1)
	s.register(token, "Blue card", blue)
	ids, err := s.KeepSignatures(ctx, token, blue, signed("letter.pdf", "notes.pdf"))
	check(t, err)
	found, err := s.Signatures(ctx, token, 0)
	check(t, err)
	want := signed("letter.pdf", "notes.pdf")
	for i := range want {
		want[i].ID, want[i].User, want[i].Certificate, want[i].Signer = ids[i], id, blue.Certificate.Raw, "Ann Reed"
		want[i].Holder, want[i].Kept = store.Holder{Issuer: "CN=Cards", ID: "111122223333"}, s.Now()
	}
	wants(t, found, []store.Signature{want[1], want[0]})
	one, err := s.Signature(ctx, token, ids[0])
	check(t, err)
	wants(t, one, want[0])
	details := map[string]string{"documents": "2", "card": "Blue card", "issuer": "CN=Cards", "holder": "111122223333"}
	wants(t, s.last(id).Action, ActionDocumentsSigned)
	wants(t, s.last(id).Details, details)

	lines := len(s.actions(id))
	s.pass(time.Minute)
	again, err := s.KeepSignatures(ctx, token, blue, signed("letter.pdf", "notes.pdf"))
	check(t, err)
	wants(t, again, ids)
	wants(t, len(s.actions(id)), lines) // they were sent again, not signed again
}

func TestSignaturesOfAnotherPersonsCardAreNotKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	anns, id := s.ann()
	blue, green := identity(t, "111122223333", 1), identity(t, "444455556666", 2)
	s.register(anns, "Blue card", blue)
	bob := s.user("bob@hospital.example", "bob has a password", store.RoleUser)
	bobs := s.signIn("bob@hospital.example", "bob has a password")
	before := s.actions(id)
	_, err := s.KeepSignatures(ctx, bobs, blue, signed("letter.pdf"))
	refused(t, err, CodeDifferentCard)
	_, err = s.KeepSignatures(ctx, bobs, green, signed("letter.pdf"))
	refused(t, err, CodeCardNotRegistered)
	refused(t, s.CheckSigner(ctx, bobs, blue), CodeDifferentCard)
	refused(t, s.CheckSigner(ctx, bobs, green), CodeCardNotRegistered)
	check(t, s.CheckSigner(ctx, anns, blue))
	found, err := s.Signatures(ctx, bobs, 0)
	check(t, err)
	wants(t, len(found), 0)
	wants(t, s.actions(id), before)
	wants(t, s.last(bob).Action, ActionSignedIn)

	ids, err := s.KeepSignatures(ctx, anns, blue, signed("letter.pdf"))
	check(t, err)
	for _, number := range []store.SignatureID{ids[0], ids[0] + 1, 0, -1} { // theirs or none: no difference
		_, err = s.Signature(ctx, bobs, number)
		refused(t, err, CodeSignatureNotFound)
	}
}

func TestALockedPageNeitherKeepsNorShowsSignatures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	token, _ := s.ann()
	blue := identity(t, "111122223333", 1)
	s.register(token, "Blue card", blue)
	token = s.signInByCard(blue)
	check(t, s.Lock(ctx, token))
	_, err := s.KeepSignatures(ctx, token, blue, signed("letter.pdf"))
	refused(t, err, CodePageLocked)
	_, err = s.Signatures(ctx, token, 0)
	refused(t, err, CodePageLocked)
	_, err = s.Signature(ctx, token, 1)
	refused(t, err, CodePageLocked)
	check(t, s.Resume(ctx, token, blue))
	_, err = s.KeepSignatures(ctx, token, blue, signed("letter.pdf"))
	check(t, err)
}

func TestADocumentsNameIsShownInOneLine(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		" letter.pdf ": "letter.pdf", "a\u202efdp.exe": "a\ufffdfdp.exe", "two\nlines": "two\ufffdlines", "": "\ufffd",
		strings.Repeat("ŵ", 300): strings.Repeat("ŵ", 255), "\xff": "\ufffd",
	} {
		if got := documentName(name); got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
	}
}
