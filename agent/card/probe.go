package card

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc"
)

// Check is what doctor's checks of readers, cards and certificates work with.
type Check struct {
	Config
	// Excluded names the rule by which a key is not usable.
	Excluded func(signin.Key, time.Time) string
	// Devices and Drivers are what the system knows of readers beside PC/SC.
	Devices func(context.Context) ([]pcsc.Device, error)
	Drivers func() []pcsc.DriverPackage
	// Built is a time before which this program cannot run; zero is unknown.
	Built time.Time
	Now   func() time.Time
}

// soon is how long before its end a certificate is worth a word: what a renewal
// takes in an organisation of some size.
const soon = 30 * 24 * time.Hour

// Probe reads what is in the readers once, as the agent does, and looks at all
// of it.
func (c Check) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "card readers and cards", Func: c.look}
}

func (c Check) look(ctx context.Context) []doctor.Finding {
	manager := New(c.Config)
	snapshot, service := manager.once(ctx)
	if service != nil {
		code := doctor.ServiceDown
		if errors.Is(service, pcsc.ErrDenied) {
			code = doctor.ServiceDenied
		}
		return append([]doctor.Finding{{Code: code, Seen: fmt.Sprintf("The smartcard service cannot be used: %v.", service)}}, c.clock(nil)...)
	}
	if len(snapshot.Readers) == 1 && snapshot.Readers[0].Name == "" { // not one look was finished
		return append([]doctor.Finding{{Code: doctor.CheckTimedOut, Seen: "The smartcard service did not answer in time."}}, c.clock(nil)...)
	}
	findings := []doctor.Finding{{Code: doctor.ServiceRuns, Seen: "The smartcard service answers."}}
	findings = append(findings, c.readers(ctx, snapshot)...)
	var certificates []signin.Key
	seen := false
	for _, r := range snapshot.Readers {
		findings = append(findings, c.card(r, manager.List)...)
		seen = seen || r.Pending || r.Status != signin.NoCard
		if r.Card != nil {
			certificates = append(certificates, r.Card.Keys()...)
		}
	}
	if !seen && len(snapshot.Readers) > 0 {
		findings = append(findings, doctor.Finding{Code: doctor.NoCard, Seen: "No card is in a reader."})
	}
	return append(findings, c.clock(certificates)...)
}

// letGo is how long letting go of readers may take.
const letGo = 500 * time.Millisecond

// once runs a Manager until it has read all cards, or for as long as ctx allows.
func (m *Manager) once(ctx context.Context) (signin.Snapshot, error) {
	// What is known shortly before the end is worth more than being late.
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/5))
		defer cancel()
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // at its end it forgets what it saw
	defer stop()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = m.Run(running) }()
	for {
		snapshot, changed := m.Snapshot()
		reading := slices.ContainsFunc(snapshot.Readers, func(r signin.Reader) bool {
			return r.Pending && r.Status != signin.CardUnreadable // that one is only read again
		})
		if !reading || ctx.Err() != nil {
			m.mu.Lock()
			service := m.service
			m.mu.Unlock()
			stop()
			select {
			case <-ended:
			case <-time.After(letGo): // it hangs in a driver
			}
			return snapshot, service
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// readers tells of the readers, and of devices that should be readers.
func (c Check) readers(ctx context.Context, snapshot signin.Snapshot) []doctor.Finding {
	var findings []doctor.Finding
	listed := 0
	for _, r := range snapshot.Readers {
		listed++
		findings = append(findings, doctor.Finding{Code: doctor.ReaderFound, Seen: fmt.Sprintf("%q is connected. %s", r.Name, c.drivers())})
	}
	if listed == 0 {
		findings = append(findings, doctor.Finding{Code: doctor.NoReader, Seen: "The smartcard service lists no reader. " + c.drivers()})
	}
	devices, err := c.Devices(ctx)
	if err != nil {
		return append(findings, doctor.Finding{Code: doctor.CheckFailed, Seen: sentence(err.Error())})
	}
	// A device may be several readers; more devices than readers cannot be.
	missing := len(devices) - listed
	for _, d := range devices {
		switch {
		case d.Trouble != "":
			findings = append(findings, doctor.Finding{Code: doctor.ReaderWithoutDriver, Seen: fmt.Sprintf("%s is plugged in, and %s.", d.Name, d.Trouble)})
		case missing > 0:
			findings = append(findings, doctor.Finding{Code: doctor.ReaderWithoutDriver,
				Seen: fmt.Sprintf("%s is plugged in. Of %d such devices, %d are listed as readers. %s", d.Name, len(devices), listed, c.drivers())})
		}
	}
	return findings
}

func (c Check) drivers() string {
	var names []string
	for _, d := range c.Drivers() {
		names = append(names, strings.TrimSpace(d.Name+" "+d.Version))
	}
	if len(names) == 0 {
		return "No driver's package was found."
	}
	return "Drivers: " + strings.Join(names, ", ") + "."
}

// card tells of what is in one reader.
func (c Check) card(r signin.Reader, list *cards.List) []doctor.Finding {
	in := fmt.Sprintf("The card in %q", r.Name)
	switch {
	case r.Problem == signin.CodeModuleFailed:
		return []doctor.Finding{{Code: doctor.ModuleBroken, Seen: fmt.Sprintf("The software for the card in %q failed: it %s.", r.Name, howFailed[r.How])}}
	case r.Status == signin.CardUnreadable:
		return []doctor.Finding{{Code: doctor.CardUnreadable, Seen: in + " does not answer as it should."}}
	case r.Status == signin.CardUnknown:
		return c.unknown(r, in, list)
	case r.Card != nil:
		findings := []doctor.Finding{{Code: doctor.CardKnown, Seen: fmt.Sprintf("%s has %d certificates.", in, len(r.Card.Keys()))}}
		switch r.PIN {
		case signin.PINIsBlocked:
			findings = append(findings, doctor.Finding{Code: doctor.PINBlocked, Seen: in + " has no PIN tries left."})
		case signin.PINFinal, signin.PINLow:
			left := map[signin.PINState]string{signin.PINFinal: "one PIN try", signin.PINLow: "two PIN tries"}[r.PIN]
			findings = append(findings, doctor.Finding{Code: doctor.PINLow, Seen: in + " has " + left + " left."})
		}
		return append(findings, c.certificates(r.Card.Keys(), in)...)
	case r.Pending:
		return []doctor.Finding{{Code: doctor.CardBusy, Seen: in + " was not read in time."}}
	}
	return nil
}

// howFailed says in words how card software failed.
var howFailed = map[signin.How]string{
	signin.ModuleCrashed: "crashed", signin.ModuleHung: "did not answer in time", signin.ModuleRefused: "refused to work",
}

// unknown tells of a card that nothing here can speak to, and which modules it
// would need.
func (c Check) unknown(r signin.Reader, in string, list *cards.List) []doctor.Finding {
	atr, _ := hex.DecodeString(strings.ReplaceAll(r.ATR, " ", ""))
	way := list.For(atr)
	kind := "is on no list"
	if way.Name != "" {
		kind = "is of the kind " + way.Name
	}
	findings := []doctor.Finding{{Code: doctor.CardUnknown, Seen: fmt.Sprintf("%s %s. Its ATR is %s.", in, kind, r.ATR)}}
	if way.Name == "" {
		return findings // modules for unknown cards are tried, and none is needed
	}
	for _, m := range way.Modules {
		if _, err := m.File(); errors.Is(err, cards.ErrMissing) {
			findings = append(findings, doctor.Finding{Code: doctor.ModuleMissing, Seen: fmt.Sprintf("%s needs %s, which is not installed.", in, m.Name)})
		}
	}
	return findings
}

// certificates tells of each certificate whether it may sign its holder in. It
// names no holder.
func (c Check) certificates(keys []signin.Key, in string) []doctor.Finding {
	now := c.Now()
	var findings []doctor.Finding
	reason := "It has no certificates."
	serves := false
	for _, k := range keys {
		ends := k.Certificate.NotAfter
		what := fmt.Sprintf("Certificate %s, issued by %q,", k.ID, k.Certificate.Issuer.CommonName)
		usable, why := c.Usable(k, now)
		f := doctor.Finding{Code: doctor.CertificateUsable, Seen: fmt.Sprintf("%s is valid until %s: %s.", what, day(ends), daysUntil(ends, now))}
		switch {
		case usable && ends.Sub(now) < soon:
			f.Code, serves = doctor.CertificateExpiring, true
		case usable:
			serves = true
		case why == signin.WhyExpired && now.Before(ends):
			f.Code, serves = doctor.CertificateExpiring, true
			f.Seen = fmt.Sprintf("%s is valid until %s, which the policy (%s) takes for too short.", what, day(ends), c.Excluded(k, now))
		case why == signin.WhyExpired:
			f.Code, serves = doctor.CertificateExpired, true
			f.Seen = fmt.Sprintf("%s expired on %s: %s.", what, day(ends), daysUntil(ends, now))
		case why == signin.WhyNotYetValid:
			f.Code, serves = doctor.CertificateTooEarly, true
			f.Seen = fmt.Sprintf("%s is valid from %s on: %s.", what, day(k.Certificate.NotBefore), daysUntil(k.Certificate.NotBefore, now))
		default:
			f.Code, f.Seen = doctor.CertificateExcluded, fmt.Sprintf("%s is not for signing in: %s.", what, c.Excluded(k, now))
			reason = f.Seen
		}
		findings = append(findings, f)
	}
	if !serves {
		findings = append(findings, doctor.Finding{Code: doctor.NoCertificate, Seen: in + " cannot sign anybody in. " + reason})
	}
	return findings
}

// clock compares the computer's date with what it cannot be before.
func (c Check) clock(keys []signin.Key) []doctor.Finding {
	now := c.Now()
	const fair = 24 * time.Hour // time zones, and builds in other ones
	if !c.Built.IsZero() && now.Add(fair).Before(c.Built) {
		return []doctor.Finding{{Code: doctor.ClockBehind, Seen: fmt.Sprintf("The computer says %s, and this program is of %s.", day(now), day(c.Built))}}
	}
	for _, k := range keys {
		if begins := k.Certificate.NotBefore; now.Before(begins) {
			return []doctor.Finding{{Code: doctor.ClockBehind, Seen: fmt.Sprintf("The computer says %s, and certificate %s begins on %s.", day(now), k.ID, day(begins))}}
		}
	}
	return []doctor.Finding{{Code: doctor.ClockPlausible, Seen: "The computer says " + now.Format("2006-01-02 15:04 MST") + "."}}
}

func day(t time.Time) string { return t.Format("2006-01-02") }

func daysUntil(t, now time.Time) string {
	days := int(math.Floor(t.Sub(now).Hours() / 24))
	switch {
	case days < 0:
		return fmt.Sprintf("%d days ago", -days)
	case days == 1:
		return "1 day left"
	}
	return fmt.Sprintf("%d days left", days)
}

// sentence makes an error's text one.
func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
