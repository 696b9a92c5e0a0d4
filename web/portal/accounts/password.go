package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The length of a password in characters. There are no rules about kinds of
// characters (NIST SP 800-63B-4, section 3.1.1.2, which wants 15 where the
// password alone signs in).
const (
	minPassword = 15
	maxPassword = 256
)

// HashCost is what the hash of a password costs (RFC 9106, section 4).
type HashCost struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

// DefaultHashCost is the second choice of RFC 9106, section 4: a tenth of a
// second or so, and 64 MiB.
var DefaultHashCost = HashCost{Memory: 64 << 10, Passes: 3, Lanes: 4}

// The limits of what a kept hash may cost, so that a damaged one does not stop
// the site, and of its parts.
const (
	maxMemory = 256 << 10 // KiB
	maxPasses = 16
	maxLanes  = 16
	saltSize  = 16
	sumSize   = 32
)

func (c HashCost) valid() bool {
	return c.Lanes >= 1 && c.Lanes <= maxLanes && c.Passes >= 1 && c.Passes <= maxPasses &&
		c.Memory >= 8*uint32(c.Lanes) && c.Memory <= maxMemory
}

// passwordHash is an argon2id hash as it is kept: $argon2id$v=19$m=..,t=..,p=..$salt$sum
type passwordHash struct {
	cost HashCost
	salt [saltSize]byte
	sum  [sumSize]byte
}

// randomHash is the hash of no password, which costs as much as a real one.
func randomHash(cost HashCost) passwordHash {
	h := passwordHash{cost: cost}
	_, _ = rand.Read(h.salt[:]) // never fails, crypto/rand says
	_, _ = rand.Read(h.sum[:])
	return h
}

func newHash(password string, cost HashCost) passwordHash {
	h := randomHash(cost)
	h.sum = h.of(password)
	return h
}

// of is the expensive part.
func (h passwordHash) of(password string) [sumSize]byte {
	return [sumSize]byte(argon2.IDKey([]byte(password), h.salt[:], h.cost.Passes, h.cost.Memory, h.cost.Lanes, sumSize))
}

func (h passwordHash) matches(password string) bool {
	sum := h.of(password)
	return subtle.ConstantTimeCompare(sum[:], h.sum[:]) == 1
}

// String is the form that is kept.
func (h passwordHash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.Memory, h.cost.Passes, h.cost.Lanes,
		base64.RawStdEncoding.EncodeToString(h.salt[:]), base64.RawStdEncoding.EncodeToString(h.sum[:]))
}

var errHash = errors.New("accounts: a kept password hash cannot be read")

// parseHash reads what String wrote, and only that.
func parseHash(text string) (passwordHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return passwordHash{}, errHash
	}
	var h passwordHash
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.cost.Memory, &h.cost.Passes, &h.cost.Lanes); err != nil || !h.cost.valid() {
		return passwordHash{}, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) != saltSize || len(sum) != sumSize {
		return passwordHash{}, errHash
	}
	h.salt, h.sum = [saltSize]byte(salt), [sumSize]byte(sum)
	if h.String() != text { // another version or kind, leading zeros, loose ends of base64
		return passwordHash{}, errHash
	}
	return h, nil
}

// hashing calls do when one more hash fits into memory. Without a limit a
// flood of sign-ins would take all of it.
func (a *Accounts) hashing(ctx context.Context, do func()) error {
	select {
	case a.hashes <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.hashes }()
	do()
	return nil
}

// checkNewPassword is for passwords that are set, never for those that are
// tried.
func checkNewPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword || !utf8.ValidString(password) {
		return invalid(FieldPassword)
	}
	return nil
}
