package prompt

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cardea-agent/cardea/agent/signin"
)

func TestAPINTravelsFromTheTrayToTheAgent(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	var seen signin.About
	var asked []signin.PINQuestion
	fake.open = func(_ context.Context, a signin.About) error { seen = a; return nil }
	fake.askPIN = func(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
		asked = append(asked, q)
		return answerWith(canary)(ctx, q)
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)

	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	questions := []signin.PINQuestion{{TriesLeft: 3}, {TriesLeft: 1, Wrong: true, LastTry: true}, {TriesLeft: signin.TriesUnknown}}
	for _, q := range questions {
		a, err := d.AskPIN(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if got := pinOf(t, a); got != canary || a.LastTry != q.LastTry {
			t.Errorf("answer %q, last try %v", got, a.LastTry)
		}
	}
	d.Close()
	d.Close()
	<-fake.closed
	if seen != about {
		t.Errorf("the tray showed %+v, want %+v", seen, about)
	}
	if !slices.Equal(asked, questions) {
		t.Errorf("the tray was asked %+v", asked)
	}
	if _, err := d.AskPIN(t.Context(), questions[0]); signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("asking in a closed dialog: %v", err)
	}
}

func TestAKeyIsChosenByItsNumber(t *testing.T) {
	path := socketPath(t)
	keys := []signin.KeyChoice{
		{Holder: "A", Issuer: "CA 1", Expiry: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), Reader: "R1"},
		{Holder: "B", Issuer: "CA 2", Expiry: time.Date(2028, 1, 2, 3, 4, 5, 0, time.UTC), Reader: "R2"},
	}
	fake := newFake()
	fake.chooseKey = func(_ context.Context, got []signin.KeyChoice) (int, error) {
		if !slices.Equal(got, keys) {
			t.Errorf("the tray was shown %+v", got)
		}
		return 1, nil
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if n, err := d.ChooseKey(t.Context(), keys); n != 1 || err != nil {
		t.Errorf("chose %d, %v", n, err)
	}
	fake.chooseKey = func(context.Context, []signin.KeyChoice) (int, error) { return 7, nil }
	if _, err := d.ChooseKey(t.Context(), keys); err == nil {
		t.Error("a key that was not offered was taken")
	}
}

func TestThePersonsNoIsCancelled(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	fake.askPIN = func(context.Context, signin.PINQuestion) (signin.PINAnswer, error) {
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled, Err: errors.New("private words")}
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = d.AskPIN(t.Context(), signin.PINQuestion{})
	wantCode(t, err, signin.CodeCancelled)
}

func TestAWindowThatCannotBeDrawnIsNoPromptUI(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	fake.open = func(context.Context, signin.About) error { return errors.New("no OpenGL") }
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, err = d.AskPIN(t.Context(), signin.PINQuestion{})
	wantCode(t, err, signin.CodeNoPromptUI)
}

// unserved is a Server that nobody can dial, for tests on a synthetic clock.
func unserved(t *testing.T) *Server {
	t.Helper()
	s, err := NewServer(ServerConfig{Path: socketPath(t), Version: "1.2.3", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.listener.Close() })
	return s
}

func TestWithoutATrayOpenFailsWithinThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := unserved(t)
		began := time.Now()
		_, err := server.Open(t.Context(), about)
		wantCode(t, err, signin.CodeNoPromptUI)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAHungTrayIsNoPromptUIAndIsToldToCloseWhatItMayStillShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := unserved(t)
		ours, theirs := net.Pipe()
		link := newTrayLink(ours)
		server.replaceTray(link)
		d, err := server.Open(t.Context(), about)
		if err != nil {
			t.Fatal(err)
		}
		tray := rawTray{t, theirs}
		heard := make(chan bool)
		go func() { // it reads, and says nothing
			var o opening
			var c closing
			tray.expect(kindOpen, &o)
			tray.expect(kindAskPIN, &pinQuestion{})
			tray.expect(kindClose, &c)
			heard <- o.Dialog == c.Dialog
		}()
		began := time.Now()
		_, err = d.AskPIN(t.Context(), signin.PINQuestion{})
		wantCode(t, err, signin.CodeNoPromptUI)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if !<-heard {
			t.Error("another dialog was closed than the one that was opened")
		}
	})
}

func TestOpenWaitsForATrayThatIsStarting(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	opened := make(chan error, 1)
	go func() {
		_, err := server.Open(context.Background(), about)
		opened <- err
	}()
	startTray(t, path, newFake(), io.Discard)
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
}

func TestTheWindowClosesWhenTheRequestEnds(t *testing.T) {
	path := socketPath(t)
	fake := newFake()
	showing := make(chan struct{})
	fake.askPIN = func(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
		close(showing)
		return waitUntilGone(ctx, q)
	}
	server, _ := startServer(t, path, io.Discard)
	startTray(t, path, fake, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	d, err := server.Open(ctx, about)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan error, 1)
	go func() {
		_, err := d.AskPIN(ctx, signin.PINQuestion{})
		asked <- err
	}()
	<-showing
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) && signin.CodeOf(err) != signin.CodeCancelled {
		t.Errorf("AskPIN ended with %v", err)
	}
	<-fake.closed
}

func TestATrayThatDiesWhileItAsksIsReplacedByTheNext(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	first := newFake()
	showing := make(chan struct{})
	first.askPIN = func(ctx context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
		close(showing)
		return waitUntilGone(ctx, q)
	}
	firstRun, _ := startTray(t, path, first, io.Discard)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	go func() {
		<-showing
		firstRun.stop()
		second := newFake()
		second.askPIN = answerWith(canary)
		startTray(t, path, second, io.Discard)
	}()
	a, err := d.AskPIN(t.Context(), signin.PINQuestion{TriesLeft: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := pinOf(t, a); got != canary {
		t.Errorf("PIN %q", got)
	}
}

func TestAWindowThatMakesEveryTrayDieGivesUp(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	stop := make(chan struct{})
	defer close(stop)
	deaths := 0
	ended := make(chan struct{})
	go func() { // a tray that dies of each PIN question, and is started again
		defer close(ended)
		for deaths < 10 {
			conn, err := dial(t.Context(), path)
			if err != nil {
				return
			}
			dieOfPINQuestion(conn)
			deaths++
		}
	}()
	_, err := func() (signin.Dialog, error) {
		d, err := server.Open(t.Context(), about)
		if err != nil {
			return nil, err
		}
		_, err = d.AskPIN(t.Context(), signin.PINQuestion{})
		return nil, err
	}()
	wantCode(t, err, signin.CodeNoPromptUI)
}

func dieOfPINQuestion(conn net.Conn) {
	defer conn.Close()
	_ = writeFrame(conn, kindHello, hello{wireVersion, "dying"})
	for {
		f, err := readFrame(conn)
		if err != nil || f.kind == kindAskPIN {
			return
		}
		if f.kind == kindOpen {
			var o opening
			_ = f.decode(&o)
			_ = writeFrame(conn, kindOpened, answer{ID: o.ID})
		}
	}
}

func TestTheNewestTrayWins(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	server.Publish(signin.Snapshot{Revision: 1, State: signin.NoReader})
	first, second := newFake(), newFake()
	second.askPIN = answerWith(canary)
	firstRun, firstReports := startTray(t, path, first, io.Discard)
	await(t, firstReports, "known to the agent", func(r Report) bool { return r.Known })

	silent := dialRaw(t, path) // no hello: not a tray, supersedes nobody
	_, secondReports := startTray(t, path, second, io.Discard)
	await(t, secondReports, "connected", connected)
	_ = silent
	select {
	case err := <-firstRun.done:
		if !errors.Is(err, ErrSuperseded) {
			t.Fatalf("the first tray ended with %v", err)
		}
		firstRun.done <- err
	case <-time.After(limit):
		t.Fatal("the first tray was not superseded")
	}
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.AskPIN(t.Context(), signin.PINQuestion{}); err != nil {
		t.Errorf("the second tray did not answer: %v", err)
	}
}

func TestTheTraySurvivesARestartOfTheAgent(t *testing.T) {
	path := socketPath(t)
	_, firstRun := startServer(t, path, io.Discard)
	fake := newFake()
	fake.askPIN = answerWith(canary)
	_, reports := startTray(t, path, fake, io.Discard)
	if r := await(t, reports, "connected", connected); r.AgentVersion != "1.2.3" {
		t.Errorf("agent's version %q", r.AgentVersion)
	}
	if err := firstRun.end(t); err != nil {
		t.Fatal(err)
	}
	await(t, reports, "disconnected", disconnected)
	server, _ := startServer(t, path, io.Discard)
	await(t, reports, "connected", connected)
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.AskPIN(t.Context(), signin.PINQuestion{}); err != nil {
		t.Fatal(err)
	}
}

func TestTheTrayIsToldTheLatestStatus(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	server.Publish(signin.Snapshot{Revision: 1, State: signin.NoReader})
	_, reports := startTray(t, path, newFake(), io.Discard)
	await(t, reports, "revision 1", func(r Report) bool { return r.Known && r.Status.Revision == 1 })
	server.Publish(signin.Snapshot{Revision: 2, State: signin.NoCard})
	server.Publish(signin.Snapshot{Revision: 3, State: signin.CardUnknown,
		Readers: []signin.Reader{{Name: "R", Keypad: true, Status: signin.CardUnknown, PIN: signin.PINLow}}})
	r := await(t, reports, "revision 3", func(r Report) bool { return r.Status.Revision == 3 })
	want := ReaderStatus{Name: "R", Keypad: true, Status: signin.CardUnknown, PIN: signin.PINLow}
	if r.Status.State != signin.CardUnknown || !slices.Equal(r.Status.Readers, []ReaderStatus{want}) {
		t.Errorf("status %+v", r.Status)
	}
}

func TestUnknownKindsAreAnsweredUnsupported(t *testing.T) {
	path := socketPath(t)
	server, _ := startServer(t, path, io.Discard)
	tray := dialRaw(t, path)
	tray.hello()
	tray.send("dance", struct{}{})
	var u unsupported
	tray.expect(kindUnsupported, &u)
	if u.Kind != "dance" {
		t.Errorf("unsupported %q", u.Kind)
	}
	// And a question that the tray does not know ends at once.
	d, err := server.Open(t.Context(), about)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	asked := make(chan error, 1)
	go func() {
		_, err := d.AskPIN(t.Context(), signin.PINQuestion{})
		asked <- err
	}()
	tray.expect(kindOpen, &opening{})
	tray.send(kindUnsupported, unsupported{kindOpen})
	wantCode(t, <-asked, signin.CodeNoPromptUI)
}

func TestFramesOutOfOrderEndTheConnection(t *testing.T) {
	path := socketPath(t)
	startServer(t, path, io.Discard)
	for name, misbehave := range map[string]func(r rawTray){
		"no hello first":       func(r rawTray) { r.send(kindOpened, answer{ID: 1}) },
		"hello with a field":   func(r rawTray) { r.send(kindHello, map[string]any{"protocol": 1, "version": "x", "more": 1}) },
		"hello in capitals":    func(r rawTray) { r.send(kindHello, map[string]any{"Protocol": 1, "version": "x"}) },
		"a PIN from nowhere":   func(r rawTray) { r.hello(); r.sendPIN() },
		"no PIN where one was": func(r rawTray) { r.hello(); r.send(kindPINFollows, answer{}); r.send(kindOpened, answer{}) },
		"a frame too long":     func(r rawTray) { _, _ = r.conn.Write([]byte("\xff\xff\xff\xff\x05hello")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := dialRaw(t, path)
			misbehave(r)
			r.expectEnd()
		})
	}
}
