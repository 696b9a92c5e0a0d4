// Package desktop knows how the person's session on this computer stands:
// whether it is at the screen or remote, and whether it is locked. Nobody can
// type a PIN into a locked one.
//
// Linux is asked through logind on the system's D-Bus, Windows through its
// terminal services, macOS through its registry of devices. Where nobody tells,
// the environment says what kind of session it is, and it counts as unlocked.
//
// It never locks or unlocks anything and never waits for long. It is tested with
// a real bus and a stand-in for logind.
package desktop

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/cardea-agent/cardea/agent/doctor"
	"github.com/cardea-agent/cardea/agent/signin"
)

// Kind is where a session's screen is.
type Kind string

// The kinds.
const (
	AtScreen Kind = "at the screen"
	Remote   Kind = "remote"
	None     Kind = "no desktop"
)

// Session is how a session stands.
type Session struct {
	Kind   Kind
	How    string // in the system's words, such as wayland or RDP; may be empty
	Locked bool
}

// patience bounds a question to the system. A sign-in waits for the answer.
const patience = time.Second

// Look asks the system about the session of this process.
func Look(ctx context.Context) (Session, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return look(ctx)
}

// fromEnvironment is what the programs that start sessions leave behind.
func fromEnvironment(get func(string) string) Session {
	switch {
	case get("SSH_CONNECTION") != "":
		return Session{Kind: Remote, How: "ssh"}
	case get("XRDP_SESSION") != "":
		return Session{Kind: Remote, How: "RDP"}
	case get("VNCDESKTOP") != "":
		return Session{Kind: Remote, How: "VNC"}
	case get("WAYLAND_DISPLAY") != "":
		return Session{Kind: AtScreen, How: "wayland"}
	case get("DISPLAY") != "":
		return Session{Kind: AtScreen, How: "x11"}
	}
	return Session{Kind: None}
}

func environment() Session { return fromEnvironment(os.Getenv) }

// Prompter asks nobody while the desktop is locked: a page that knows that can
// say so, and a window behind the lock would be found hours later.
type Prompter struct {
	signin.Prompter
	Look func(context.Context) (Session, error)
	Log  *slog.Logger
}

// Open is Prompter's, with the code CodeSessionLocked in front of it.
func (p Prompter) Open(ctx context.Context, about signin.About) (signin.Dialog, error) {
	session, err := p.Look(ctx)
	switch {
	case err != nil:
		p.Log.Debug("whether the desktop is locked is not known", "err", err)
	case session.Locked:
		return nil, &signin.Error{Code: signin.CodeSessionLocked}
	}
	return p.Prompter.Open(ctx, about)
}

// Check is what doctor's check of the session works with.
type Check struct {
	Look func(context.Context) (Session, error)
}

// Probe looks at the session.
func (c Check) Probe() doctor.Probe {
	return doctor.ProbeFunc{Title: "the desktop session", Func: c.look}
}

func (c Check) look(ctx context.Context) []doctor.Finding {
	session, err := c.Look(ctx)
	if err != nil {
		return []doctor.Finding{{Code: doctor.CheckFailed, Seen: fmt.Sprintf("How the session stands cannot be found out: %v.", err)}}
	}
	how := ""
	if session.How != "" {
		how = " (" + session.How + ")"
	}
	code := map[Kind]doctor.Code{AtScreen: doctor.SessionAtScreen, Remote: doctor.SessionRemote, None: doctor.SessionNone}[session.Kind]
	findings := []doctor.Finding{{Code: code, Seen: fmt.Sprintf("The session is %s%s.", session.Kind, how)}}
	if session.Locked {
		findings = append(findings, doctor.Finding{Code: doctor.SessionLocked, Seen: "The desktop is locked."})
	}
	return findings
}

var _ signin.Prompter = Prompter{}
