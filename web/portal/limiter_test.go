package portal

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

func TestEachNetworkAddressHasItsOwnLimit(t *testing.T) {
	l := limiter{buckets: map[netip.Prefix]*rate.Limiter{}}
	now := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	one, same, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:0:1::1")
	for i := range changesAtOnce {
		if !l.allow(one, now) {
			t.Fatalf("request %d at once is refused", i)
		}
	}
	if l.allow(one, now) || l.allow(same, now) {
		t.Error("a network that has used its limit up goes on")
	}
	if !l.allow(other, now) || !l.allow(netip.MustParseAddr("203.0.113.9"), now) || !l.allow(netip.Addr{}, now) {
		t.Error("somebody else is refused with it")
	}
	if !l.allow(one, now.Add(time.Second/changesPerSecond)) {
		t.Error("the limit does not come back")
	}
}

func TestAFloodFromManyAddressesKeepsNoMoreThanSome(t *testing.T) {
	l := limiter{buckets: map[netip.Prefix]*rate.Limiter{}}
	now := time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)
	address := netip.MustParseAddr("10.0.0.0")
	for range addressesKept + 10 {
		l.allow(address, now)
		address = address.Next()
	}
	if len(l.buckets) > addressesKept {
		t.Errorf("%d addresses are kept", len(l.buckets))
	}
}
