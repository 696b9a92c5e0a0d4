package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/cardea-agent/cardea/agent/handover"
)

func TestAgentsDialWhereTheBrokerIs(t *testing.T) {
	if brokersPipe != handover.DefaultPath {
		t.Errorf("%s, and the broker is at %s", brokersPipe, handover.DefaultPath)
	}
}

// TestMain plays the programs that are started: they run until they are ended, or
// end at once where a file says so.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == string(agent)+".exe" || name == string(tray)+".exe" {
		if len(os.Args) > 1 && os.Args[1] == "end" {
			os.Exit(7)
		}
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// mine is the session of this process.
func mine(t *testing.T, s sessions) session {
	t.Helper()
	var number uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &number); err != nil {
		t.Fatal(err)
	}
	list, err := s.sessions()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if errors.Is(one.untold, windows.ERROR_PRIVILEGE_NOT_HELD) {
			t.Skip("needs to be the system: ", one.untold)
		}
		if one.number == number {
			return one
		}
	}
	t.Skipf("nobody sits at session %d, where this runs", number)
	return session{}
}

// tempFolder stays under Wine, whose files Go cannot remove.
func tempFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "cardea-supervisor")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

// beside puts this program beside itself as the two that are started.
func beside(t *testing.T, arguments ...string) sessions {
	t.Helper()
	folder := tempFolder(t)
	for _, p := range []program{agent, tray} {
		self, err := os.ReadFile(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, string(p)+".exe"), self, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return sessions{folder: folder, arguments: func(program) []string { return arguments }}
}

func TestAProgramRunsAsItsPersonAndTellsItsEnd(t *testing.T) {
	s := beside(t, "end")
	here := mine(t, s)
	codes := make(chan uint32, 1)
	p, err := s.start(place{here.number, agent}, here.user, func(code uint32) { codes <- code })
	if err != nil {
		t.Fatal(err)
	}
	if code := <-codes; code != 7 {
		t.Errorf("it ended with %d", code)
	}
	p.release()
}

func TestAProgramThatIsStoppedEnds(t *testing.T) {
	s := beside(t)
	here := mine(t, s)
	codes := make(chan uint32, 1)
	p, err := s.start(place{here.number, tray}, here.user, func(code uint32) { codes <- code })
	if err != nil {
		t.Fatal(err)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if code := <-codes; code != stopped {
		t.Errorf("it ended with %d", code)
	}
	p.release()
}

func TestNothingIsStartedForAnotherThanWhoSits(t *testing.T) {
	s := beside(t)
	here := mine(t, s)
	if _, err := s.start(place{here.number, agent}, "S-1-5-21-1-2-3-1001", nil); err == nil {
		t.Error("it was started")
	}
}

func TestAProgramThatIsMissingIsAnError(t *testing.T) {
	s := sessions{folder: tempFolder(t), arguments: func(program) []string { return nil }}
	here := mine(t, s)
	if _, err := s.start(place{here.number, agent}, here.user, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestASignOutIsToldFromOtherEvents(t *testing.T) {
	for kind := uint32(0); kind < 16; kind++ {
		if got, want := eventOf(kind) == signOut, kind == windows.WTS_SESSION_LOGOFF; got != want {
			t.Errorf("event %d: %v", kind, got)
		}
	}
}

var _ svc.Handler = handler{}
