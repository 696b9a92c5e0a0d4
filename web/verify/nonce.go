package verify

import (
	"container/list"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

// nonceBytes is how much randomness a nonce has. Base64 makes 44 characters of
// it, the least that Web eID's format allows.
const nonceBytes = 32

// ErrNoNonce is what NonceStore.Take returns when nothing is kept for a session.
var ErrNoNonce = errors.New("verify: no nonce is kept for this session")

// NonceStore keeps one nonce for each session. A site with several servers puts
// a store here that they share. It must be safe for concurrent use.
type NonceStore interface {
	// Put keeps nonce for sessionKey in place of an earlier one. The store may
	// forget it after expires.
	Put(ctx context.Context, sessionKey, nonce string, expires time.Time) error
	// Take returns what is kept and forgets it, in one step: of two calls at
	// once, one gets ErrNoNonce.
	Take(ctx context.Context, sessionKey string) (nonce string, expires time.Time, err error)
}

// MemoryStore is a NonceStore for one process. When it is full it forgets the
// oldest nonce: a flood of challenges shortens the time that others have, and
// does not lock them out.
type MemoryStore struct {
	limit int

	mu    sync.Mutex
	byKey map[string]*list.Element // guarded by mu
	order *list.List               // of memoryNonce, oldest first; guarded by mu
}

type memoryNonce struct {
	key, nonce string
	expires    time.Time
}

// NewMemoryStore returns a store of at most limit nonces, each about 300 bytes.
func NewMemoryStore(limit int) *MemoryStore {
	return &MemoryStore{limit: max(limit, 1), byKey: map[string]*list.Element{}, order: list.New()}
}

// Put implements NonceStore.
func (s *MemoryStore) Put(_ context.Context, sessionKey, nonce string, expires time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.byKey[sessionKey]; ok {
		s.removeLocked(old)
	}
	for s.order.Len() >= s.limit {
		s.removeLocked(s.order.Front())
	}
	s.byKey[sessionKey] = s.order.PushBack(memoryNonce{sessionKey, nonce, expires})
	return nil
}

// Take implements NonceStore.
func (s *MemoryStore) Take(_ context.Context, sessionKey string) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byKey[sessionKey]
	if !ok {
		return "", time.Time{}, ErrNoNonce
	}
	kept := s.removeLocked(found)
	return kept.nonce, kept.expires, nil
}

func (s *MemoryStore) removeLocked(e *list.Element) memoryNonce {
	kept := s.order.Remove(e).(memoryNonce)
	delete(s.byKey, kept.key)
	return kept
}

// Challenge returns a fresh nonce for one attempt of the session: 44 characters
// of base64. It replaces an earlier one of the same session, and serves one
// call of Verify or Resume within Config.NonceLife.
func (v *Verifier) Challenge(ctx context.Context, sessionKey string) (string, error) {
	if err := checkSessionKey(sessionKey); err != nil {
		return "", err
	}
	random := make([]byte, nonceBytes)
	_, _ = rand.Read(random) // never fails, crypto/rand says
	nonce := base64.StdEncoding.EncodeToString(random)
	if err := v.nonces.Put(ctx, sessionKey, nonce, v.clock().Add(v.nonceLife)); err != nil {
		return "", refuse(CodeInternal, err)
	}
	return nonce, nil
}

func (v *Verifier) takeNonce(ctx context.Context, sessionKey string) (string, error) {
	if err := checkSessionKey(sessionKey); err != nil {
		return "", err
	}
	nonce, expires, err := v.nonces.Take(ctx, sessionKey)
	switch {
	case errors.Is(err, ErrNoNonce):
		return "", refuse(CodeNonceUnknown, nil)
	case err != nil:
		return "", refuse(CodeInternal, err)
	case nonce == "":
		return "", refuseText(CodeInternal, "the nonce store returned an empty nonce")
	case !v.clock().Before(expires):
		return "", refuse(CodeNonceExpired, nil)
	}
	return nonce, nil
}

// checkSessionKey refuses the empty key, which all sessions without one would
// share, and keys that would fill the store.
func checkSessionKey(key string) error {
	if key == "" || len(key) > 512 {
		return refuseText(CodeInternal, "a session key of 1 to 512 bytes is needed")
	}
	return nil
}
