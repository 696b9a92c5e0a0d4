//go:build linux || darwin

// Package visitortest is a person at their desk, for tests of a machine that
// several people share: a tray whose person types their PIN at once, and the
// pages that they sign in to. Each is a process of that person's user, since
// the operating system's word about users is what such tests are about.
//
// A test program becomes one by calling Main first thing in TestMain and
// starting itself again with Arg and a Desk. It is for tests alone, holds no
// logic of the product, and is tested by those who use it.
package visitortest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cardea-agent/cardea/agent/endpoint/endpointtest"
	"github.com/cardea-agent/cardea/agent/prompt"
	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/signin"
)

// Arg makes a test program a person: it is followed by a Desk as JSON.
const Arg = "be-a-visitor"

// limit is far above what opening a page takes, or one sign-in.
const limit = 60 * time.Second

// Desk is what a person is told.
type Desk struct {
	Holder    string   // the name on this person's card
	PIN       string   // of it
	Socket    string   // where the agent meets the tray; empty for no tray
	Addresses []string // of the one port
	Origin    string
}

// Main is the person, if this process is one; then it does not return.
func Main() {
	if len(os.Args) == 3 && os.Args[1] == Arg {
		os.Exit(visit(os.Args[2]))
	}
}

// visit does what each line of standard input says and answers each with one:
//
//	signin N   sign in N times, with a page for each address in turn
//	keep       open a page and keep it
//	kept       sign in with the page that was kept
//	last       the same, as the last thing that page does
//	raw        send a handshake and tell what came back first
//	forge ...  try to be somebody else; see forge
func visit(told string) int {
	var d Desk
	if err := json.Unmarshal([]byte(told), &d); err != nil {
		fmt.Println(err)
		return 1
	}
	v := &visitor{Desk: d}
	if d.Socket != "" {
		stop, err := v.startTray()
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer stop()
	}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := v.do(lines.Text()); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Println("ok")
	}
	return 0
}

type visitor struct {
	Desk
	kept  *endpointtest.Page
	agent net.Conn // to the broker

	mu    sync.Mutex
	wrong error // a question that was not this person's
}

func (v *visitor) do(line string) error {
	var n int
	switch word, rest, _ := strings.Cut(line, " "); word {
	case "signin":
		if _, err := fmt.Sscan(rest, &n); err != nil {
			return err
		}
		return v.signIns(n)
	case "keep":
		page, err := v.open(v.Addresses[0])
		v.kept = page
		return err
	case "kept":
		return v.signIn(v.kept)
	case "last":
		_, err := v.authenticate(v.kept)
		return err
	case "raw":
		return raw(v.Addresses[0])
	case "forge":
		what, at, _ := strings.Cut(rest, " ")
		return v.forge(what, at)
	default:
		return fmt.Errorf("what is %q?", line)
	}
}

// open opens a page.
func (v *visitor) open(address string) (*endpointtest.Page, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return endpointtest.Open(ctx, address, v.Origin)
}

func (v *visitor) signIns(n int) error {
	var pages []*endpointtest.Page
	for _, address := range v.Addresses {
		page, err := v.open(address)
		if err != nil {
			return fmt.Errorf("at %s: %w", address, err)
		}
		defer page.Close()
		pages = append(pages, page)
	}
	for i := range n {
		if err := v.signIn(pages[i%len(pages)]); err != nil {
			return fmt.Errorf("sign-in %d: %w", i, err)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wrong
}

// signIn signs in, looks whose card it was, and ends the session.
func (v *visitor) signIn(page *endpointtest.Page) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	session, err := v.authenticate(page)
	if err != nil {
		return err
	}
	return page.Call(ctx, protocol.MethodEndSession, protocol.EndSessionParams{Session: session}, nil)
}

// authenticate returns the session.
func (v *visitor) authenticate(page *endpointtest.Page) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	random := make([]byte, 36)
	_, _ = rand.Read(random) // never fails
	var result protocol.AuthenticateResult
	nonce := base64.StdEncoding.EncodeToString(random)
	if err := page.Call(ctx, protocol.MethodAuthenticate, protocol.AuthenticateParams{Nonce: nonce}, &result); err != nil {
		return "", err
	}
	der, err := base64.StdEncoding.DecodeString(result.Token.UnverifiedCertificate)
	if err != nil {
		return "", err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", err
	}
	if cert.Subject.CommonName != v.Holder {
		return "", fmt.Errorf("%s signed in with the card of %s", v.Holder, cert.Subject.CommonName)
	}
	return result.Session, nil
}

// raw tells what comes back for a handshake, which is nothing for who has no
// agent.
func raw(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	_, _ = io.WriteString(conn, "GET "+protocol.Path+" HTTP/1.1\r\n\r\n") // it may be closed already
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if os.IsTimeout(err) {
		return errors.New("the connection is still open")
	}
	if answer != "" {
		return fmt.Errorf("came back: %q", answer)
	}
	return nil
}

// forge tries to take somebody's place. An error that begins with "refused" is
// the system's own.
func (v *visitor) forge(what, at string) (err error) {
	switch what {
	case "connect":
		_, err = net.Dial("unix", at)
	case "replace":
		err = os.Remove(at)
	case "port":
		_, err = net.Listen("tcp", at)
	case "agent":
		v.agent, err = net.Dial("unix", at)
		return err
	case "heard": // more than a welcome since "agent"
		_ = v.agent.SetReadDeadline(time.Now().Add(time.Second))
		heard, _ := io.ReadAll(v.agent)
		if string(heard) != "w" {
			return fmt.Errorf("the broker said %q", heard)
		}
		return nil
	default:
		return fmt.Errorf("what is %q?", what)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("refused: %w", err)
	}
	return fmt.Errorf("not refused: %w", err)
}

// startTray connects a tray whose person types their PIN at once.
func (v *visitor) startTray() (stop func(), err error) {
	connected := make(chan struct{})
	once := sync.OnceFunc(func() { close(connected) })
	client, err := prompt.NewClient(prompt.ClientConfig{
		Path: v.Socket, Version: "test", Prompter: v, Log: slog.New(slog.DiscardHandler),
		OnReport: func(r prompt.Report) {
			if r.Connected && r.Known && r.Status.State == signin.Ready {
				once()
			}
		},
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	select {
	case <-connected:
		return func() {
			cancel()
			if err := <-ended; err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}, nil
	case err := <-ended:
		cancel()
		return nil, err
	case <-time.After(limit):
		cancel()
		return nil, errors.New("the card never became ready")
	}
}

func (v *visitor) Open(_ context.Context, about signin.About) (signin.Dialog, error) {
	if about.Holder != v.Holder || about.Origin != v.Origin {
		v.mu.Lock()
		v.wrong = fmt.Errorf("%s was asked for the PIN of %s at %s", v.Holder, about.Holder, about.Origin)
		v.mu.Unlock()
	}
	return typist{pin: v.PIN}, nil
}

// typist answers the one question that is asked here.
type typist struct {
	signin.Dialog
	pin string
}

func (t typist) AskPIN(_ context.Context, q signin.PINQuestion) (signin.PINAnswer, error) {
	if q.Wrong || q.LastTry {
		return signin.PINAnswer{}, &signin.Error{Code: signin.CodeCancelled}
	}
	return signin.PINAnswer{PIN: signin.NewPIN([]byte(t.pin))}, nil
}

func (typist) Close() {}
