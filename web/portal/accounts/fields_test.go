package accounts

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/web/portal/store"
)

func TestAnAddressIsOneAccountHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ann@hospital.example":              "ann@hospital.example",
		" Ann.Reed+x@Hospital.EXAMPLE\r\n":  "ann.reed+x@hospital.example",
		"o'neil_2@xn--bcher-kva.example":    "o'neil_2@xn--bcher-kva.example",
		"a@b":                               "a@b",
		strings.Repeat("a", 64) + "@b.test": strings.Repeat("a", 64) + "@b.test",
	} {
		got, err := NormalizeEmail(text)
		check(t, err)
		wants(t, got, want)
	}
	for _, text := range []string{
		"", "ann", "@hospital.example", "ann@", "ann@@hospital.example", "ann@hospital..example", "ann@.example",
		"ann@hospital.example.", "ann@-a.example", "ann@a-.example", "ann@[192.0.2.1]", "ann@hospital_1.example",
		`"ann"@hospital.example`, "Ann <ann@hospital.example>", "<ann@hospital.example>", "ann(x)@hospital.example",
		"a b@hospital.example", "ann@hospital.example, bob@hospital.example", "ann@hospital.example\nBcc: b@c",
		"ann\x00@hospital.example", "ann..reed@hospital.example", ".ann@hospital.example", "ann.@hospital.example",
		"аnn@hospital.example", "ann@hоspital.example", "ſam@hospital.example", "\u212aate@hospital.example", // look-alikes
		strings.Repeat("a", 65) + "@b.test", "a@" + strings.Repeat("b", 64) + ".test", "a@" + strings.Repeat("b.", 130) + "test",
	} {
		got, err := NormalizeEmail(text)
		if e := refused(t, err, CodeFieldInvalid); e.Field != FieldEmail {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestTwoSpellingsOfAnAddressAreOneAccount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ann()
	_, err := s.AddUser(t.Context(), NewUser{Email: "ANN.REED@hospital.example ", Name: "Ann", Password: annsPass, Language: "en", Role: store.RoleUser})
	refused(t, err, CodeEmailTaken)
}

func FuzzANormalizedAddressStaysAsItIs(f *testing.F) {
	for _, text := range []string{
		"ann@hospital.example", " Ann.Reed@Hospital.EXAMPLE ", `"a b"@c`, "a@[::1]", "a@b, c@d", "ſ@b", "=?utf-8?q?a?=@b", "a@b\n", "a(b)@c", "!#$%&'*+/=?^_`{|}~-@b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := NormalizeEmail(text)
		if err != nil {
			refused(t, err, CodeFieldInvalid)
			return
		}
		again, err := NormalizeEmail(got)
		if err != nil || again != got {
			t.Errorf("%q became %q became %q, %v", text, got, again, err)
		}
		if upper, err := NormalizeEmail(strings.ToUpper(got)); err != nil || upper != got {
			t.Errorf("%q is another account in capitals: %q, %v", got, upper, err)
		}
		if !strings.EqualFold(strings.TrimSpace(text), got) || len(got) > maxEmail {
			t.Errorf("%q became %q", text, got)
		}
		// What a mail is sent to is what was kept, and nothing more.
		list, err := mail.ParseAddressList((&mail.Address{Name: "Ann", Address: got}).String())
		if err != nil || len(list) != 1 || list[0].Address != got {
			t.Errorf("a mail to %q goes to %v, %v", got, list, err)
		}
	})
}
