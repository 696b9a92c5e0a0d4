package accounts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"time"
)

// SMTP is a Mailer that hands each message to a mail server (RFC 5321), such as
// the organisation's own. It sends in the clear to this computer alone: another
// server must offer STARTTLS (RFC 3207), with a certificate that holds.
type SMTP struct {
	Address string // host:port
	From    mail.Address
	// User and Password sign in at the server, if User is not empty.
	User, Password string
	// TLS is nil for the system's roots. The server's name is Address's.
	TLS *tls.Config
}

var _ Mailer = SMTP{}

// errClear is why a server gets no message.
var errClear = errors.New("accounts: the mail server offers no STARTTLS")

// Send implements Mailer. It returns when the server has taken the message.
func (s SMTP) Send(ctx context.Context, m Message) (err error) {
	now := time.Now()
	text, err := m.format(s.From, now, messageID(now))
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	// Package smtp knows no context: what ends it closes the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(now) })
	defer stop()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = ctx.Err()
		}
	}()
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	defer client.Close() // the second close, when all went well
	if err := s.greet(client, conn, host); err != nil {
		return err
	}
	if err := client.Mail(s.From.Address); err != nil {
		return err
	}
	if err := client.Rcpt(m.To.Address); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return client.Quit()
}

// greet makes the connection private and signs in.
func (s SMTP) greet(client *smtp.Client, conn net.Conn, host string) error {
	if offered, _ := client.Extension("STARTTLS"); offered {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.TLS != nil {
			config = s.TLS.Clone()
		}
		config.ServerName = host
		if err := client.StartTLS(config); err != nil {
			return err
		}
	} else if peer, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !peer.IP.IsLoopback() {
		return errClear
	}
	if s.User == "" {
		return nil
	}
	if err := client.Auth(smtp.PlainAuth("", s.User, s.Password, host)); err != nil {
		return fmt.Errorf("the mail server refuses %q: %w", s.User, err)
	}
	return nil
}
