package session_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/session"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
	"github.com/cardea-agent/cardea/pkcs11/pkcs11test"
)

// A module's process of the tests loads the module that moduleEnv names, and not
// the one that it is told: that of a list must be the administrators' alone, and
// the tests' is not.
const (
	role      = "pkcs11-host"
	moduleEnv = "CARDEA_TEST_SESSION_MODULE"
)

// isModuleHost does the work of a module's process, where this is one.
func isModuleHost() bool {
	if len(os.Args) < 2 || os.Args[1] != role {
		return false
	}
	if err := host.Serve([]string{os.Getenv(moduleEnv)}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// newModuleWard is a ward whose card is spoken to through a module with faults.
func newModuleWard(t *testing.T) (*ward, *pkcs11test.Faulty) {
	t.Helper()
	module := pkcs11test.NewFaulty(t, pkcs11test.New(t, pkcs11test.P256))
	for _, setting := range append(module.Env, moduleEnv+"="+module.Module) {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	list, err := cards.Parse(fmt.Appendf(nil, `
[[module]]
id = "faulty"
name = "Faulty"
files = {linux = ["/etc/passwd"]}
[[card]]
id = "card"
name = "Card"
atr = "% X"
speak = "pkcs11"
modules = ["faulty"]
`, virtual.Foreign().ATR))
	if err != nil {
		t.Fatal(err)
	}
	command, err := host.Self(role)
	if err != nil {
		t.Fatal(err)
	}
	manager := virtual.NewManager()
	w := newWardWith(t, manager, manager.AddReader(module.Slot), func(c *session.Config) { c.List, c.ModuleHost = list, command })
	w.card = virtual.NewCard(w.ca, virtual.Foreign())
	t.Cleanup(func() {
		if strings.Contains(w.journal.String(), pkcs11test.PIN) {
			t.Errorf("the PIN is in the log:\n%s", w.journal)
		}
	})
	w.startTray()
	return w, module
}

// asks begins a sign-in and types the PIN.
func (w *ward) asks(p *page) message {
	w.t.Helper()
	id := p.send("authenticate", map[string]any{"nonce": nonce()})
	w.asked().Type(pkcs11test.PIN)
	return p.answer(id)
}

func TestAPageIsToldHowAModuleFailedAndItsNextRequestWorks(t *testing.T) {
	w, module := newModuleWard(t)
	p, other := w.open(origin), w.open("https://notes.example")
	w.slot.Insert(w.card)
	for _, fault := range []string{"C_Sign crashes", "C_Login aborts", "C_Sign exits"} {
		module.At(t, 1, fault, 1)
		m := w.asks(p)
		if m.code() != "moduleFailed" || m.Error.Data.Params["how"] != "crashed" {
			t.Errorf("%s: the page got %+v", fault, m)
		}
		if m := w.asks(p); m.code() != "" { // over the same connection
			t.Errorf("after %s: %s", fault, m.code())
		}
	}
	module.At(t, 1, "sign result", 0x5) // CKR_GENERAL_ERROR
	if m := w.asks(p); m.code() != "moduleFailed" || m.Error.Data.Params["how"] != "refused" {
		t.Errorf("the page got %+v", m)
	}
	if m := w.asks(other); m.code() != "" {
		t.Errorf("another page got %s", m.code())
	}
}

func TestAPageIsToldOfAModuleThatFailsBeforeAnyPINAndTheNextRequestWorks(t *testing.T) {
	w, module := newModuleWard(t)
	p := w.open(origin)
	module.Always(t, "C_Initialize crashes", 1)
	w.slot.Insert(w.card)
	m := p.call("authenticate", map[string]any{"nonce": nonce()})
	if m.code() != "moduleFailed" || m.Error.Data.Params["how"] != "crashed" {
		t.Fatalf("the page got %s %v\n%s", m.code(), m.Error.Data.Params, w.journal)
	}
	module.Never(t, "C_Initialize crashes")
	if m := w.asks(p); m.code() != "" {
		t.Errorf("the next request: %s", m.code())
	}
}

func TestAPINIsTypedOnTheReadersKeypad(t *testing.T) {
	w, module := newModuleWard(t)
	module.Always(t, "keypad", 1)
	p := w.open(origin)
	w.slot.Insert(w.card)
	id := p.send("authenticate", map[string]any{"nonce": nonce()})
	if a := w.asked(); !a.Keypad || a.About.Origin != origin {
		t.Fatalf("the tray shows %+v", a)
	}
	module.Key(t, pkcs11test.PIN)
	if m := p.answer(id); m.code() != "" {
		t.Fatalf("the page got %s", m.code())
	}
	id = p.send("authenticate", map[string]any{"nonce": nonce()})
	w.asked().Cancel() // in the window, while the reader waits
	if m := p.answer(id); m.code() != "cancelled" {
		t.Errorf("the page got %s", m.code())
	}
}
