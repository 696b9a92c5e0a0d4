package prompt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// An inquiry is a connection that asks what the agent knows and is no tray: it
// takes no tray's place, is asked nothing, and ends with its answer. It comes
// through the tray's socket because who may ask is decided there already.

// Facts are what only a running agent knows of itself.
type Facts struct {
	Version   string    `json:"version"`
	Started   time.Time `json:"started"`
	Process   int       `json:"process"`
	Addresses []string  `json:"addresses"`       // where pages reach it
	Asks      string    `json:"asks"`            // who asks for the PIN: tray or terminal
	Broker    string    `json:"broker,omitzero"` // from where its connections are handed over, where they are
	// PolicyFile is the file that somebody named instead of this system's places.
	PolicyFile     string    `json:"policyFile,omitzero"`
	PolicySince    time.Time `json:"policySince"`             // when the policy in force was read
	PolicyProblems []string  `json:"policyProblems,omitzero"` // why what is written now is not in force
	LogLevel       string    `json:"logLevel"`
	LogFile        string    `json:"logFile,omitzero"`
	SystemLog      string    `json:"systemLog,omitzero"` // why the system's log has no audit lines; empty when it has
	Tray           TrayFacts `json:"tray,omitzero"`
	Status         Status    `json:"status"`
}

// TrayFacts are of the tray that is connected.
type TrayFacts struct {
	Connected bool      `json:"connected"`
	Version   string    `json:"version,omitzero"`
	Since     time.Time `json:"since,omitzero"`
}

// inquiry is the first frame of a connection that is no tray.
type inquiry struct {
	Protocol int  `json:"protocol"`
	Records  bool `json:"records"` // the log's last records too
}

// record is one record of the log.
type record struct {
	Line string `json:"line"`
}

// inquired is after the last record.
type inquired struct{}

// ErrNoAgent means that no agent of this user and session answers.
var ErrNoAgent = errors.New("prompt: no agent of this user answers")

// inquiryWait bounds an inquiry: the answer is ready when it is asked for.
const inquiryWait = 5 * time.Second

// Inquire asks the agent at path, DefaultPath when empty, for what it knows and
// with records also for the last of its log. No agent is ErrNoAgent.
func Inquire(ctx context.Context, path string, records bool) (facts Facts, lines []string, err error) {
	err = converse(ctx, path, kindInquire, inquiry{wireVersion, records}, func(conn net.Conn) error {
		facts, lines, err = readFacts(conn)
		return err
	})
	return facts, lines, err
}

// converse puts one question to the agent, and reads its answer.
func converse(ctx context.Context, path string, k kind, question any, read func(net.Conn) error) error {
	if path == "" {
		var err error
		if path, err = DefaultPath(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, inquiryWait)
	defer cancel()
	conn, err := dial(ctx, path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAgent, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer conn.Close()
	// Nothing that a stranger at the agent's place says is believed.
	if err := checkServer(conn); err != nil {
		return err
	}
	if err := writeFrame(conn, k, question); err != nil {
		return err
	}
	return read(conn)
}

func readFacts(conn net.Conn) (facts Facts, lines []string, err error) {
	for {
		f, err := readFrame(conn)
		if err != nil {
			return Facts{}, nil, err
		}
		switch f.kind {
		case kindFacts:
			if err := f.decode(&facts); err != nil {
				return Facts{}, nil, err
			}
		case kindRecord:
			var r record
			if err := f.decode(&r); err != nil {
				return Facts{}, nil, err
			}
			lines = append(lines, r.Line)
		case kindInquired:
			return facts, lines, nil
		default:
			return Facts{}, nil, fmt.Errorf("%w: %q in an inquiry", errFrame, f.kind)
		}
	}
}

// inform answers an inquiry.
func (s *Server) inform(conn net.Conn, q inquiry) error {
	if err := tell(conn, kindFacts, s.facts()); err != nil {
		return err
	}
	if q.Records && s.cfg.Records != nil {
		for _, line := range s.cfg.Records() {
			if err := tell(conn, kindRecord, record{line}); err != nil {
				return err
			}
		}
	}
	return tell(conn, kindInquired, inquired{})
}

// tell writes one frame of an answer.
func tell(conn net.Conn, k kind, v any) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return writeFrame(conn, k, v)
}

func (s *Server) facts() Facts {
	var facts Facts
	if s.cfg.Facts != nil {
		facts = s.cfg.Facts()
	}
	facts.Version = s.cfg.Version
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tray != nil {
		facts.Tray = TrayFacts{Connected: true, Version: s.tray.version, Since: s.tray.since}
	}
	if s.status != nil {
		facts.Status = *s.status
	}
	return facts
}
