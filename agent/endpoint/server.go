package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardea-agent/cardea/agent/peer"
	"github.com/cardea-agent/cardea/agent/signin"
)

// Backend does what pages ask for. Its errors are mapped by protocol.FromError.
// Only methods with a context may take time.
type Backend interface {
	// Snapshot returns what is known of readers and cards, and a channel
	// that is closed when a newer snapshot exists.
	Snapshot() (signin.Snapshot, <-chan struct{})
	// Authenticate signs somebody in. It calls progress until it returns.
	Authenticate(ctx context.Context, req signin.Request, progress func(signin.Progress)) (signin.Result, error)
	// Resume goes on with a session whose card came back.
	Resume(ctx context.Context, req signin.ResumeRequest, progress func(signin.Progress)) (signin.Token, error)
	// GetSigningCertificate lets the person choose and show a certificate.
	GetSigningCertificate(ctx context.Context, origin, lang string, progress func(signin.Progress)) (signin.SigningCertificate, error)
	// Sign has the person sign documents.
	Sign(ctx context.Context, req signin.SignRequest, progress func(signin.Progress)) (signin.SignResult, error)
	// Attach subscribes to a session. The channel is closed when the
	// subscriber is too slow. After EventEnded nothing follows. detach ends
	// the subscription.
	Attach(origin, session string) (standing signin.SessionStanding, events <-chan signin.SessionEvent, detach func(), err error)
	// EndSession ends a session by its page's wish.
	EndSession(origin, session string) error
	// Removal is what an origin's pages do when the card is out.
	Removal(origin string) signin.Removal
}

// Origins is the list of allowed origins. The answer comes at once: handshakes
// wait for it. It may change at any time.
type Origins interface {
	// Rights returns what an origin may ask for; known is false for an
	// origin that is not allowed.
	Rights(origin string) (rights []string, known bool)
	// Listed reports whether an administrator listed the origin, and not the
	// person alone. There is always a place for one that is.
	Listed(origin string) bool
	// Refused is told of an origin whose handshake was right in all but that
	// it is not allowed, when it was turned away. It must not wait.
	Refused(origin string)
}

// Peers finds out who owns the other end of an accepted connection.
type Peers interface {
	Of(conn net.Conn) (peer.Owner, error)
}

// Config is what a Server works with. All of it is required but what says so.
type Config struct {
	Backend Backend
	Origins Origins
	Peers   Peers
	Self    peer.Owner // the only user and session that is let in

	Version   string       // of the agent, for hello and health
	Port      int          // the port that pages name; 0 takes that of each connection's own end
	Developer bool         // also lets in http origins with loopback names that are on the list
	Log       *slog.Logger // nil logs nothing
	Audit     signin.Audit // hears of refusals; nil writes nothing down
	// Contact is whom people ask for the help of a kind, by the protocol's word
	// for who can act; nil names nobody.
	Contact func(kind string) string
}

// The limits of protocol version 1.
const (
	maxPerOrigin    = 8        // connections
	maxConnections  = 32       // of the user
	maxUnlisted     = 16       // of those, connections of origins that the person alone allowed
	maxHeader       = 16 << 10 // bytes
	maxMessage      = 64 << 10 // bytes
	maxBatch        = 1 << 20  // bytes of a sign request
	maxRunning      = 8        // requests of one connection that wait for a person
	headerTimeout   = 2 * time.Minute
	pingInterval    = 30 * time.Second
	pongTimeout     = 20 * time.Second
	writeTimeout    = 10 * time.Second
	goodbyeTimeout  = time.Second // for the other end to answer a close frame
	outgoingBacklog = 64          // messages
)

// The limits of connections that have not sent a request.
const (
	// maxSilent is how many may stay open. It is more than what a browser opens
	// at all (Chromium: 256 for WebSockets and 256 for the rest; Firefox: 900),
	// so that a page which opens all that it can does not push out the connection
	// that another page holds while the browser asks its person.
	maxSilent = 1024
	// timeToSpeak is how long none is pushed out: a busy computer may take that
	// long to send what it has to say. What was sent and is yet to be read is no
	// silence.
	timeToSpeak = time.Second
	// mostSilent is how many there may be when many come within that time.
	mostSilent = 4096
)

// Server is the door. It is made by New and used for one Serve.
type Server struct {
	Config
	refusals refusals
	slots    slots
	silent   silent
	live     sync.WaitGroup // accepted connections, upgraded or not
}

// New makes a Server.
func New(config Config) *Server {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Config: config, refusals: refusals{log: config.Log, audit: config.Audit}}
}

// connKey finds the connection of a request in its context.
type connKey struct{}

// Serve lets pages in through the listeners, which it takes over, until ctx
// ends or a listener fails. A card that is at work for a page by then is waited
// for, and the page is answered. When it returns, all that it started has ended.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	if len(listeners) == 0 {
		return errors.New("endpoint: no listener")
	}
	group, ctx := errgroup.WithContext(ctx)
	web := &http.Server{
		Handler:                      http.HandlerFunc(s.handle),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            headerTimeout,
		MaxHeaderBytes:               maxHeader,
		ConnState:                    s.connState,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	for _, l := range listeners {
		group.Go(func() error {
			if err := web.Serve(door{l, s}); ctx.Err() == nil {
				return fmt.Errorf("endpoint: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		for _, l := range listeners {
			_ = l.Close()
		}
		return nil
	})
	err := group.Wait()
	// Nothing new comes in any more. The open connections say goodbye;
	// handshakes on silent ones are refused until those are closed too.
	s.slots.wait()
	_ = web.Close()
	s.live.Wait()
	return err
}

// connState keeps count of connections. An upgraded one leaves it to upgrade.
func (s *Server) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.live.Add(1)
		s.silent.add(conn)
	case http.StateActive, http.StateHijacked: // it sent a request
		s.silent.remove(conn)
	case http.StateClosed:
		s.silent.remove(conn)
		s.live.Done()
	}
}
