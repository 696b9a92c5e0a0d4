package accounts

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// mailServer speaks as much of SMTP as a test needs, for one connection, and
// says afterwards what it heard.
type mailServer struct {
	address string
	heard   chan string
	tls     *tls.Config // offers STARTTLS if set
	refuses string      // the command that it refuses
	silent  bool        // never says anything
}

func startMailServer(t *testing.T, change func(s *mailServer)) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{address: l.Addr().String(), heard: make(chan string, 1)}
	change(s)
	go func() {
		defer close(s.heard)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		s.heard <- s.serve(conn)
	}()
	t.Cleanup(func() {
		_ = l.Close()
		for range s.heard { // until it has ended
		}
	})
	return s
}

func (s *mailServer) serve(conn net.Conn) string {
	var heard strings.Builder
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	lines := bufio.NewReader(conn)
	if !s.silent {
		say("220 mail.example ESMTP")
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return heard.String()
		}
		heard.WriteString(line)
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch {
		case s.silent:
		case verb == s.refuses:
			say("550 no")
		case verb == "EHLO" && s.tls != nil:
			say("250-mail.example\r\n250-AUTH PLAIN\r\n250 STARTTLS")
		case verb == "EHLO":
			say("250-mail.example\r\n250 AUTH PLAIN")
		case verb == "STARTTLS":
			say("220 go on")
			private := tls.Server(conn, s.tls)
			conn, lines = private, bufio.NewReader(private)
			s.tls = nil
		case verb == "AUTH":
			say("235 welcome")
		case verb == "DATA":
			say("354 go on")
			for line != ".\r\n" {
				if line, err = lines.ReadString('\n'); err != nil {
					return heard.String()
				}
				heard.WriteString(line)
			}
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return heard.String()
		default:
			say("250 ok")
		}
	}
}

// serverTLS is a certificate for 127.0.0.1, and the pool that trusts it.
func serverTLS(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

var mailToAnna = Message{
	To: mail.Address{Name: "Anna Example", Address: "anna@hospital.example"}, Language: "en",
	Subject: "A card was registered", Body: "Hello,\n.\nthe end\n",
}

func TestAMailGoesToTheServerOverTLSAndSignedIn(t *testing.T) {
	config, pool := serverTLS(t)
	s := startMailServer(t, func(s *mailServer) { s.tls = config })
	mailer := SMTP{
		Address: s.address, From: mail.Address{Name: "Hospital", Address: "no-reply@hospital.example"},
		User: "portal", Password: "secret", TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}
	if err := mailer.Send(t.Context(), mailToAnna); err != nil {
		t.Fatal(err)
	}
	heard := <-s.heard
	for _, want := range []string{
		"STARTTLS\r\nEHLO", "AUTH PLAIN ", "MAIL FROM:<no-reply@hospital.example>", "RCPT TO:<anna@hospital.example>",
		"Subject: A card was registered\r\n", "\r\n..\r\nthe end\r\n.\r\n", // a lone dot is doubled (RFC 5321, section 4.5.2)
	} {
		if !strings.Contains(heard, want) {
			t.Errorf("the server did not hear %q:\n%s", want, heard)
		}
	}
}

func TestAMailServerWhoseCertificateDoesNotHoldHearsNothing(t *testing.T) {
	config, _ := serverTLS(t)
	s := startMailServer(t, func(s *mailServer) { s.tls = config })
	if err := (SMTP{Address: s.address, From: mail.Address{Address: "x@hospital.example"}, User: "portal", Password: "secret"}).Send(t.Context(), mailToAnna); err == nil {
		t.Error("the mail was sent")
	}
	if heard := <-s.heard; strings.Contains(heard, "AUTH") || strings.Contains(heard, "MAIL") {
		t.Errorf("the server heard %s", heard)
	}
}

func TestOnlyThisComputersMailServerIsSpokenToInTheClear(t *testing.T) {
	s := startMailServer(t, func(*mailServer) {})
	if err := (SMTP{Address: s.address, From: mail.Address{Address: "x@hospital.example"}}).Send(t.Context(), mailToAnna); err != nil {
		t.Errorf("to this computer: %v", err)
	}
	<-s.heard
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || network.IP.IsLoopback() || network.IP.To4() == nil {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(network.IP.String(), "0"))
		if err != nil {
			continue
		}
		elsewhere := &mailServer{heard: make(chan string, 1)}
		go func() {
			conn, err := l.Accept()
			if err == nil {
				elsewhere.heard <- elsewhere.serve(conn)
				_ = conn.Close()
			}
		}()
		err = SMTP{Address: l.Addr().String(), From: mail.Address{Address: "x@hospital.example"}}.Send(t.Context(), mailToAnna)
		_ = l.Close()
		if heard := <-elsewhere.heard; !errors.Is(err, errClear) || strings.Contains(heard, "MAIL") {
			t.Errorf("to a server elsewhere: %v, which heard %s", err, heard)
		}
		return
	}
	t.Skip("this computer has no address but its own")
}

func TestAMailThatTheServerRefusesOrNeverTakesIsAnError(t *testing.T) {
	for _, verb := range []string{"AUTH", "MAIL", "RCPT", "DATA"} {
		s := startMailServer(t, func(s *mailServer) { s.refuses = verb })
		err := SMTP{Address: s.address, From: mail.Address{Address: "x@hospital.example"}, User: "portal", Password: "secret"}.Send(t.Context(), mailToAnna)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s is refused: %v", verb, err)
		}
	}
	s := startMailServer(t, func(s *mailServer) { s.silent = true })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (SMTP{Address: s.address, From: mail.Address{Address: "x@hospital.example"}}).Send(ctx, mailToAnna); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent server: %v", err)
	}
}
