package accounts

import (
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestAHashIsArgon2idInItsUsualForm(t *testing.T) {
	t.Parallel()
	salt, sum := []byte("sixteen bytes ok"), argon2.IDKey([]byte(annsPass), []byte("sixteen bytes ok"), 2, 64, 3, 32)
	text := "$argon2id$v=19$m=64,t=2,p=3$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(sum)
	h, err := parseHash(text)
	check(t, err)
	wants(t, h.cost, HashCost{Memory: 64, Passes: 2, Lanes: 3})
	wants(t, h.matches(annsPass), true)
	wants(t, h.matches(annsPass+"."), false)
}

func TestTwoHashesOfOnePasswordDiffer(t *testing.T) {
	t.Parallel()
	a, b := newHash(annsPass, cheap), newHash(annsPass, cheap)
	if a.salt == b.salt || a.sum == b.sum {
		t.Errorf("%v and %v", a, b)
	}
	for _, h := range []passwordHash{a, b} {
		wants(t, h.matches(annsPass), true)
		wants(t, randomHash(cheap).matches(annsPass), false)
	}
}

func TestTheDefaultCostIsWhatTheRFCRecommends(t *testing.T) {
	t.Parallel()
	wants(t, DefaultHashCost, HashCost{Memory: 65536, Passes: 3, Lanes: 4})
	wants(t, DefaultHashCost.valid(), true)
	h := newHash(annsPass, DefaultHashCost)
	wants(t, h.matches(annsPass), true)
}

func TestAHashThatIsNotOursIsRefused(t *testing.T) {
	t.Parallel()
	good := newHash(annsPass, cheap).String()
	_, err := parseHash(good)
	check(t, err)
	for _, text := range []string{
		"", "$", "$$$$$", good + "$", good + "=", good + "\n", good[:len(good)-1], good[1:],
		strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=64", "m=064", 1), strings.Replace(good, "m=64", "m=+64", 1), strings.Replace(good, "m=64", "m= 64", 1),
		strings.Replace(good, "m=64", "m=7", 1), strings.Replace(good, "m=64", "m=4294967295", 1), strings.Replace(good, "m=64", "m=262145", 1),
		strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "t=1", "t=17", 1), strings.Replace(good, "p=1", "p=0", 1),
		strings.Replace(good, "p=1", "p=17", 1), strings.Replace(good, "p=1", "p=257", 1), strings.Replace(good, "p=1", "p=1,x=2", 1),
	} {
		if h, err := parseHash(text); err == nil {
			t.Errorf("%q was read as %v", text, h)
		}
	}
}

func FuzzAHashIsReadOnlyAsItIsWritten(f *testing.F) {
	h := newHash(annsPass, cheap).String()
	f.Add(h)
	f.Add(strings.Replace(h, "m=64", "m=0x40", 1))
	f.Add(h + "$")
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$" + strings.Repeat("A", 22) + "$" + strings.Repeat("/", 43))
	f.Add("$2a$12$" + strings.Repeat("x", 53))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err != nil {
			return
		}
		if h.String() != text || !h.cost.valid() {
			t.Errorf("%q was read as %v", text, h)
		}
	})
}
