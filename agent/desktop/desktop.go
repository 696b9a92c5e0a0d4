// Package desktop knows how the person's session on this computer stands:
// whether it is at the screen or remote, and whether it is locked or left for
// another. Nobody can type a PIN into such a one, so its [Lock] has an agent ask
// nobody, and forget its cards, until the person is back.
//
// Linux is asked through logind on the system's D-Bus, Windows through its
// terminal services, macOS through its registry of devices. Where nobody tells,
// the environment says what kind of session it is, and it counts as unlocked.
//
// It never locks or unlocks anything and never waits for long. It is tested with
// a real bus and a stand-in for logind, and in package session with a whole agent.
package desktop

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/cardea-agent/cardea/agent/doctor"
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
	Away   bool // another session has the screen, or nobody is connected to it
}

// Unattended reports whether nobody can be asked.
func (s Session) Unattended() bool { return s.Locked || s.Away }

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
	} else if session.Away {
		findings = append(findings, doctor.Finding{Code: doctor.SessionLocked, Seen: "Another session has the screen, or nobody is connected."})
	}
	return findings
}
