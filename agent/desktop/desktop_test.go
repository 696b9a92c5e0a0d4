package desktop

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/cardea-agent/cardea/agent/signin"
	"github.com/cardea-agent/cardea/agent/signin/signintest"
)

func TestTheEnvironmentTellsWhatKindOfSessionItIs(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Session
	}{
		{nil, Session{Kind: None}},
		{map[string]string{"DISPLAY": ":0"}, Session{Kind: AtScreen, How: "x11"}},
		{map[string]string{"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, Session{Kind: AtScreen, How: "wayland"}},
		{map[string]string{"DISPLAY": ":10", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, Session{Kind: Remote, How: "ssh"}},
		{map[string]string{"DISPLAY": ":10", "XRDP_SESSION": "1"}, Session{Kind: Remote, How: "RDP"}},
		{map[string]string{"DISPLAY": ":1", "VNCDESKTOP": "me"}, Session{Kind: Remote, How: "VNC"}},
	} {
		if got := fromEnvironment(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.env, got, c.want)
		}
	}
}

func TestALockedScreenOfMacOSIsRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		"<dict><key>CGSSessionScreenIsLocked</key>\n\t<true/></dict>": true,
		"<dict><key>CGSSessionScreenIsLocked</key><false/></dict>":    false,
		"<dict><key>kCGSSessionOnConsoleKey</key><true/></dict>":      false,
	} {
		if got := screenIsLocked([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestNobodyIsAskedBehindALockedScreen(t *testing.T) {
	for _, c := range []struct {
		session Session
		err     error
		want    signin.Code
	}{
		{Session{Kind: AtScreen}, nil, ""},
		{Session{Kind: AtScreen, Locked: true}, nil, signin.CodeSessionLocked},
		{Session{Kind: AtScreen, Away: true}, nil, signin.CodeSessionLocked},
		{Session{}, errors.New("no answer"), ""}, // not known is not locked
	} {
		look := func(context.Context) (Session, error) { return c.session, c.err }
		p := Prompter{signintest.NewPrompter(), NewLock(look, func(bool) {}, slog.New(slog.DiscardHandler))}
		d, err := p.Open(t.Context(), signin.About{})
		if c.want == "" {
			if err != nil {
				t.Fatalf("%+v: %v", c.session, err)
			}
			d.Close()
			continue
		}
		if signin.CodeOf(err) != c.want {
			t.Errorf("%+v: %v", c.session, err)
		}
	}
}
