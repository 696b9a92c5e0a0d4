package verify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	fetchTimeout = 5 * time.Second
	// reloadAfter bounds how long a revocation stays unseen because an older
	// answer is still valid; while its source is down the older answer is used.
	reloadAfter = time.Hour
	// retryAfter spares a source that just failed.
	retryAfter = 5 * time.Second

	maxCachedAnswers = 10_000
	maxCachedLists   = 100
	// maxAddresses is how many of a certificate's addresses are tried.
	maxAddresses = 3
)

func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: fetchTimeout,
		// A redirect could lead to an address that no issuer named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

// firstWebURLs leaves out ldap addresses, and what an odd certificate has too
// many of.
func firstWebURLs(texts []string) []string {
	var usable []string
	for _, text := range texts {
		if isWebURL(text) && len(usable) < maxAddresses {
			usable = append(usable, text)
		}
	}
	return usable
}

// fetch returns the body of the response, which must be 200 and no longer than
// limit.
func fetch(client *http.Client, req *http.Request, limit int64) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", req.URL.Host, resp.Status)
	}
	return readAll(resp.Body, limit)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("longer than %d bytes", limit)
	}
	return body, nil
}

// cache keeps what sources answered while it may be used. Of several callers
// for one key, one asks the source and the others wait for it.
type cache[T any] struct {
	clock func() time.Time
	limit int

	mu      sync.Mutex
	entries map[string]*entry[T] // guarded by mu
}

// entry is one answer. Whoever has put a value into turn may use the rest.
type entry[T any] struct {
	turn   chan struct{}
	value  T
	until  time.Time // value may be used before this; zero: there is none
	reload time.Time // the source is asked again from then on
	err    error     // of the last try to load, nil when it went well
}

func newCache[T any](clock func() time.Time, limit int) *cache[T] {
	return &cache[T]{clock: clock, limit: limit, entries: map[string]*entry[T]{}}
}

func (c *cache[T]) entry(key string) *entry[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		for old := range c.entries {
			if len(c.entries) < c.limit {
				break
			}
			delete(c.entries, old) // any one: it is only asked again
		}
		e = &entry[T]{turn: make(chan struct{}, 1)}
		c.entries[key] = e
	}
	return e
}

// get returns the kept answer, or loads one. load also says until when its
// answer may be used.
func (c *cache[T]) get(ctx context.Context, key string, load func(context.Context) (T, time.Time, error)) (T, error) {
	var none T
	e := c.entry(key)
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return none, ctx.Err()
	}
	now := c.clock()
	if !now.Before(e.reload) {
		value, until, err := load(ctx)
		if err == nil {
			e.value, e.until, e.reload, e.err = value, until, until, nil
			if soon := now.Add(reloadAfter); soon.Before(until) {
				e.reload = soon
			}
			return value, nil
		}
		if ctx.Err() != nil {
			return none, ctx.Err() // says nothing about the source
		}
		e.err, e.reload = err, now.Add(retryAfter)
	}
	if now.Before(e.until) {
		return e.value, nil
	}
	return none, e.err
}
