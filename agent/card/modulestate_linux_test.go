package card

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cardea-agent/cardea/agent/card/cards"
	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/pcsc/virtual"
	"github.com/cardea-agent/cardea/pkcs11/host"
)

func formatATR(atr []byte) string { return fmt.Sprintf("% X", atr) }

func TestAMissingModuleIsTheProblemOfAListedCardAndOfNoOther(t *testing.T) {
	for name, c := range map[string]struct {
		file, atr string
		problem   signin.Code
		logged    string
	}{
		"no such file":           {"/usr/lib/cardea-has-no-such-module.so", foreignATR, signin.CodeModuleMissing, "not installed"},
		"a file of anybody's":    {"/tmp", foreignATR, signin.CodeModuleMissing, "is not trusted"},
		"a card that is on none": {"/usr/lib/cardea-has-no-such-module.so", "3B 01 02 03", "", "not installed"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			list, err := listOf(t, c.atr, c.file).With([]byte(`unknown = ["module"]`))
			if err != nil {
				t.Fatal(err)
			}
			d := startDesk(t, Config{List: list, Modules: newFakeModule().open, Log: slog.New(slog.NewTextHandler(&log, nil))}, "Reader 1")
			d.slot.Insert(virtual.NewCard(d.ca, virtual.Foreign()))
			r := d.state(signin.CardUnknown).Readers[0]
			if r.Problem != c.problem || r.ATR != foreignATR {
				t.Errorf("the reader shows %+v", r)
			}
			if !strings.Contains(log.String(), c.logged) {
				t.Errorf("logged %s", &log)
			}
			d.slot.Remove()
			if r := d.state(signin.NoCard).Readers[0]; r.Problem != "" {
				t.Errorf("the empty reader shows %+v", r)
			}
		})
	}
}

func TestWithoutAWayToStartModulesTheyAreMissing(t *testing.T) {
	d := makeDesk(t, listOf(t, foreignATR, anyFile), "Reader 1")
	d.slot.Insert(virtual.NewCard(d.ca, virtual.Foreign()))
	if r := d.state(signin.CardUnknown).Readers[0]; r.Problem != signin.CodeModuleMissing {
		t.Errorf("the reader shows %+v", r)
	}
}

func TestAModuleThatFailsOnceWhileItReadsACardIsAskedAgain(t *testing.T) {
	s := newScene(t)
	s.module.next(fails(crashed(false)))
	s.in()
	if n := s.module.count("Tokens"); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestAModuleThatRefusesWhileCardsGoInIsAskedMoreOften(t *testing.T) {
	s := newScene(t)
	refused := fails(&host.Error{Call: "C_GetSlotList", Kind: host.ErrFailed})
	s.module.next(refused, refused)
	s.in()
	if n := s.module.count("Tokens"); n != 3 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestAModuleThatGoesOnFailingIsAskedAgainForARequest(t *testing.T) {
	s := newScene(t)
	seen := make(chan struct{})
	s.module.next(fails(crashed(false)), fails(&host.Failure{How: host.Hung}), func(string) error {
		<-seen
		return &host.Failure{How: host.Refused}
	})
	s.insert()
	if r := s.state(signin.CardUnreadable).Readers[0]; r.Problem != signin.CodeModuleFailed || r.How != signin.ModuleHung {
		t.Fatalf("the reader shows %+v", r)
	}
	s.ReadAgain()
	if n, _ := s.Snapshot(); !n.Readers[0].Pending || n.Readers[0].Problem != "" {
		t.Errorf("while it is asked again: %+v", n.Readers[0])
	}
	close(seen)
	if r := s.state(signin.CardUnreadable).Readers[0]; r.How != signin.ModuleRefused {
		t.Fatalf("the reader shows %+v", r)
	}
	s.ReadAgain()
	if r := s.state(signin.Ready).Readers[0]; r.Problem != "" || r.Card == nil {
		t.Errorf("the reader shows %+v", r)
	}
	before, _ := s.Snapshot()
	s.ReadAgain() // nothing to do
	if after, _ := s.Snapshot(); after.Readers[0].Card != before.Readers[0].Card || s.module.count("Tokens") != 4 {
		t.Errorf("a card that was read is read again: %v", s.module.calls)
	}
}

func TestAModuleThatDoesNotKnowTheCardLeavesItToTheNext(t *testing.T) {
	list, err := listOf(t, "3B 01 02 03", anyFile).With([]byte(`
unknown = ["first", "gone", "second"]
[[module]]
id = "first"
name = "First"
files = {linux = ["/etc/group"]}
[[module]]
id = "gone"
name = "Gone"
files = {linux = ["/etc/cardea-has-no-such-module.so"]}
[[module]]
id = "second"
name = "Second"
files = {linux = ["/etc/passwd"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	first, second := newFakeModule(), newFakeModule()
	opened := map[string]Module{"/etc/group": first, "/etc/passwd": second}
	d := startDesk(t, Config{List: list, Modules: func(_ cards.Module, file string) Module { return opened[file] }}, "Reader 1")
	s := &scene{desk: d, module: second, card: virtual.NewCard(d.ca, virtual.Foreign()), token: newFakeToken(t, "Anna", 1)}
	c := s.in()
	if len(s.card.Trace()) == 0 {
		t.Error("nobody asked whether it is a PIV card")
	}
	if _, _, err := s.sign(c, s.token.pin, false); err != nil {
		t.Error(err)
	}
	if first.count("Tokens") != 1 || first.count("Sign") != 0 {
		t.Errorf("the first module was called %v", first.calls)
	}
}

func TestTheModulesProcessesEndWithTheAgent(t *testing.T) {
	var module *fakeModule
	t.Run("agent", func(t *testing.T) {
		s := newScene(t)
		s.in()
		module = s.module
	})
	if !module.closed {
		t.Error("the module's process goes on")
	}
}
