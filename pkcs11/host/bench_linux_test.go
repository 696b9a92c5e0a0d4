package host_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardea-agent/cardea/pkcs11"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// each runs f for each iteration and reports the median and the least time.
func each(b *testing.B, prepare, f func() error) {
	b.Helper()
	var times []time.Duration
	for b.Loop() {
		if err := prepare(); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(times[0].Microseconds())/1000, "least-ms")
}

// The floor is the same module in one process, with the same calls.
func BenchmarkSign(b *testing.B) {
	token := pkcs11test.New(b, pkcs11test.P256)
	for name, n := range map[string]int{"1": 1, "250": 250} {
		b.Run("hosted/"+name, func(b *testing.B) {
			h, _ := newHost(b, token, func(c *host.Config) { c.SpareFor = time.Hour })
			r := request(token, 0, n)
			each(b, func() error {
				// While a person types the PIN, a process gets ready.
				time.Sleep(50 * time.Millisecond)
				return nil
			}, func() error {
				_, err := h.Sign(b.Context(), r)
				return err
			})
		})
		b.Run("raw/"+name, func(b *testing.B) {
			for _, setting := range token.Env {
				name, value, _ := strings.Cut(setting, "=")
				b.Setenv(name, value)
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			module, err := pkcs11.Open(token.Module, func(string) {})
			if err != nil {
				b.Fatal(err)
			}
			batch := request(token, 0, n).Batch
			signing := pkcs11.Signing{
				PIN: func() ([]byte, error) { return []byte(pkcs11test.PIN), nil }, Keypad: func(bool) {},
				Next: func() error { return nil }, Signed: func([]byte) {}, Ended: func(error) {},
			}
			each(b, func() error { return nil }, func() error {
				if err := module.Initialize(); err != nil {
					return err
				}
				if err := module.Sign(batch, signing); err != nil {
					return err
				}
				return module.Finalize()
			})
		})
	}
}
