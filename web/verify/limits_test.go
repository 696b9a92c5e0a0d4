package verify

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestABodyOverItsLimitIsRefusedWhole(t *testing.T) {
	for length, want := range map[int]bool{0: true, 9: true, 10: true, 11: false} {
		body, err := readAll(strings.NewReader(strings.Repeat("x", length)), 10)
		if (err == nil) != want || err == nil && len(body) != length {
			t.Errorf("%d bytes: %d read, %v", length, len(body), err)
		}
	}
}

func TestOnlyAFewWebAddressesOfACertificateAreUsed(t *testing.T) {
	got := firstWebURLs([]string{
		"ldap://a/", "file:///etc/passwd", "http://", "http://user@h/", "://", "/x", "http://1/", "https://2/x", "http://3/", "http://4/",
	})
	if want := []string{"http://1/", "https://2/x", "http://3/"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Keys that no card has would cost the server time: they are refused unused.
func TestRSAKeysOfOddLengthsAreRefused(t *testing.T) {
	for bits, want := range map[uint]bool{1024: false, 2047: false, 2048: true, 3072: true, 4096: true, 8192: true, 8193: false, 1 << 15: false} {
		public := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), bits-1), E: 65537}
		token := parsedToken{algorithm: "RS256", certificate: &x509.Certificate{PublicKey: public}}
		if _, err := token.checkedAlgorithm(); (err == nil) != want {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

func TestTheCacheHasALimit(t *testing.T) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	c := newCache[int](func() time.Time { return now }, 3)
	for i := range 10 {
		got, err := c.get(t.Context(), fmt.Sprint(i), func(context.Context) (int, time.Time, error) { return i, now.Add(time.Minute), nil })
		if err != nil || got != i || len(c.entries) > 3 {
			t.Errorf("%d: got %d, %v, %d entries", i, got, err, len(c.entries))
		}
	}
}

func TestWhoGivesUpWaitingDoesNotSpoilTheAnswerForOthers(t *testing.T) {
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	c := newCache[int](func() time.Time { return now }, 3)
	gone, cancel := context.WithCancel(t.Context())
	_, err := c.get(gone, "list", func(ctx context.Context) (int, time.Time, error) {
		// While this one loads, another waits and gives up.
		waiting, stop := context.WithCancel(t.Context())
		stop()
		if _, err := c.get(waiting, "list", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("the waiting one: %v", err)
		}
		cancel()
		return 0, time.Time{}, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the loading one: %v", err)
	}
	got, err := c.get(t.Context(), "list", func(context.Context) (int, time.Time, error) { return 7, now.Add(time.Minute), nil })
	if err != nil || got != 7 {
		t.Errorf("the next one: %d, %v", got, err)
	}
}
