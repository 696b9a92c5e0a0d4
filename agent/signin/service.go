package signin

import (
	"context"
	"crypto"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Config is what a Service works with. Every field but Choices and Desktop
// is required.
type Config struct {
	Cards    Cards
	Prompter Prompter
	Rules    Rules
	Tokens   Tokens
	Audit    Audit
	Log      *slog.Logger
	Choices  Choices // nil remembers none
	Desktop  Desktop // nil is never locked
}

// Service carries out the use cases for one person's agent.
type Service struct {
	Config
	sessions *sessions
	patience patience
	choosing sync.Mutex // held while a window to choose in is open, and never waited for
}

// New returns a Service. Sessions follow the cards only while Run runs.
func New(c Config) *Service {
	return &Service{Config: c, sessions: newSessions(c.Rules)}
}

// Run keeps the sessions in step with the cards until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	return s.sessions.run(ctx, s.Cards)
}

// Snapshot returns what is known of readers and cards, as Cards does.
func (s *Service) Snapshot() (Snapshot, <-chan struct{}) { return s.Cards.Snapshot() }

// Removal is what happens to an origin's sessions when the card is out.
func (s *Service) Removal(origin string) Removal { return s.Rules.Removal(origin) }

// Authenticate signs a person in: it waits for a card, lets them type their
// PIN, and returns the token and the session it began. report is called from
// the caller's goroutine.
//
// Its errors are *Error. A wait that runs out of time ends with the code of
// what was awaited.
func (s *Service) Authenticate(ctx context.Context, req Request, report func(Progress)) (Result, error) {
	j := s.tokenJob("authenticate", ToSignIn, req, report)
	j.serving = s.usable
	p, token, err := s.token(ctx, j)
	s.record(j, p, err)
	if err != nil {
		return Result{}, err
	}
	return Result{Token: token, Session: s.sessions.begin(req.Origin, p.card, p.key)}, nil
}

// tokenJob is a job whose one signature becomes a token.
func (s *Service) tokenJob(what string, purpose Purpose, req Request, report func(Progress)) job {
	return job{
		what: what, purpose: purpose, origin: req.Origin, lang: req.Lang, report: report,
		compose: func(k Key) (crypto.Hash, [][]byte, error) {
			hash, digest, err := s.Tokens.Compose(k, req.Origin, req.Nonce)
			if err != nil {
				return 0, nil, &Error{Code: CodeInternal, Err: err}
			}
			return hash, [][]byte{digest}, nil
		},
	}
}

// token carries out a tokenJob.
func (s *Service) token(ctx context.Context, j job) (proof, Token, error) {
	p, err := s.prove(ctx, j)
	if err != nil {
		return p, Token{}, err
	}
	hash, digests, err := j.compose(p.key)
	if err != nil {
		return p, Token{}, err
	}
	token, err := s.Tokens.Finish(p.key, hash, digests[0], p.signatures[0])
	if err != nil {
		return p, Token{}, &Error{Code: CodeCardUnreadable, Err: err}
	}
	return p, token, nil
}

// Resume goes on with a session whose card came back: a new PIN and a new
// token by the very certificate that began it. It ends with CodeSessionUnknown
// when the session ended, also while the person types.
func (s *Service) Resume(ctx context.Context, req ResumeRequest, report func(Progress)) (Token, error) {
	j := s.tokenJob("resume", ToResume, req.Request, report)
	p, token, err := s.resume(ctx, req.Session, j)
	s.record(j, p, err)
	return token, err
}

func (s *Service) resume(ctx context.Context, session string, j job) (proof, Token, error) {
	certificate, done, err := s.sessions.resumable(session, j.origin)
	if err != nil {
		return proof{}, Token{}, err
	}
	ctx, stop := withCauseOn(ctx, done, &Error{Code: CodeSessionUnknown})
	defer stop()
	j.serving = func(keys []Key) ([]Key, Why) {
		i := slices.IndexFunc(keys, func(k Key) bool { return k.Certificate.Equal(certificate) })
		if i < 0 {
			return nil, ""
		}
		return s.usable(keys[i : i+1])
	}
	p, token, err := s.token(ctx, j)
	if err == nil {
		err = s.sessions.resumed(session, j.origin, p.card)
	}
	if err != nil {
		return p, Token{}, err
	}
	return p, token, nil
}

// Attach joins an origin to a session that began on an earlier page. The
// events come in order; the channel is closed by detach, after the session's
// end, or when the receiver is too slow for them.
func (s *Service) Attach(origin, session string) (SessionStanding, <-chan SessionEvent, func(), error) {
	return s.sessions.attach(session, origin)
}

// EndSession ends a session at its page's wish.
func (s *Service) EndSession(origin, session string) error {
	return s.sessions.end(session, origin)
}

// usable returns the keys that may sign people in. A card's signing key is
// always of the wrong usage, so what is wrong with another key is the better
// reason: it is the one that somebody can mend.
func (s *Service) usable(keys []Key) (usable []Key, why Why) {
	why = WhyNone
	for _, k := range keys {
		ok, reason := s.Rules.Usable(k, time.Now())
		if ok && isForDocuments(k, keys) {
			ok, reason = false, WhyBothUsages
		}
		switch {
		case ok:
			usable = append(usable, k)
		case why == WhyNone || reason != WhyWrongUsage:
			why = reason
		}
	}
	// On many cards both keys may sign people in. The one that also makes
	// binding signatures is then left out of it.
	if plain := slices.DeleteFunc(slices.Clone(usable), binds); len(plain) > 0 {
		usable = plain
	}
	return usable, why
}

// isForDocuments reports whether a key has two certificates and is, by one of
// them, the card's key for documents.
func isForDocuments(k Key, keys []Key) bool {
	return slices.ContainsFunc(keys, func(o Key) bool { return k.isTwin(o) && (binds(k) || binds(o)) })
}

// binds reports whether a key is for documents, by its certificate or its card.
func binds(k Key) bool {
	return k.For == ForSignatures || k.Certificate.KeyUsage&x509.KeyUsageContentCommitment != 0
}

func (s *Service) record(j job, p proof, err error) {
	e := Event{What: j.what, Origin: j.origin, Certificate: p.key.Certificate, Outcome: OutcomeOK, Items: j.items}
	if j.items > 0 {
		e.Signed = len(p.signatures)
	}
	if err != nil {
		e.Outcome = string(CodeOf(err))
		s.Log.Info("a request ended early", "what", j.what, "origin", j.origin, "err", err)
	}
	s.Audit.Record(e)
}
