package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cardea-agent/cardea/web/portal"
	"github.com/cardea-agent/cardea/web/portal/accounts"
	"github.com/cardea-agent/cardea/web/portal/store"
	"github.com/cardea-agent/cardea/web/portal/texts"
)

// accounts are those of the database. end closes it.
func (c *config) accounts(kept *store.SQLite, log *slog.Logger) (a *accounts.Accounts, end func() error, err error) {
	mailer, err := c.mailer()
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	a, err = accounts.New(accounts.Config{
		Store: kept, Mailer: mailer, Texts: texts.ByKey(), Language: c.Language, Site: c.Title, Policy: c.Policy, Log: log,
	})
	if err != nil {
		return nil, nil, errors.Join(err, kept.Close())
	}
	return a, func() error { a.Close(); return kept.Close() }, nil
}

func (c *config) mailer() (accounts.Mailer, error) {
	from, err := c.Mail.from(c.Title)
	if err != nil {
		return nil, err
	}
	if c.Mail.Folder != "" {
		return accounts.Folder{Path: c.Mail.Folder, From: from}, nil
	}
	if _, _, err := net.SplitHostPort(c.Mail.SMTP); err != nil {
		return nil, fmt.Errorf("mail.smtp: %w", err)
	}
	password, err := c.Mail.password()
	return accounts.SMTP{Address: c.Mail.SMTP, From: from, User: c.Mail.User, Password: password}, err
}

// site puts the parts together, on a database that open opens.
func (c *config) site(open func() (*store.SQLite, error), log *slog.Logger) (site http.Handler, end func() error, err error) {
	verifier, err := c.verifier()
	if err != nil {
		return nil, nil, err
	}
	kept, err := open()
	if err != nil {
		return nil, nil, err
	}
	a, end, err := c.accounts(kept, log)
	if err != nil {
		return nil, nil, err
	}
	address := remoteAddress
	if c.BehindProxy {
		address = forwardedAddress
	}
	return portal.New(portal.Config{
		Origin: c.Origin, AgentPort: c.AgentPort, Verifier: verifier, Accounts: a, Title: c.Title,
		Contacts: c.Contacts.forPages(), ClientAddress: address, Log: log,
	}), end, nil
}

// tls is nil where a server in front has the certificate.
func (c *config) tls() (*tls.Config, error) {
	if c.TLS.Key == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.TLS.Certificate, c.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}

// check makes everything that run makes, but listens on nothing and leaves the
// database as it is: that of another version is brought up to date by run.
func check(ctx context.Context, c *config, out io.Writer) error {
	_, err := c.tls()
	if err != nil {
		return err
	}
	if folder, err := os.Stat(filepath.Dir(c.Database)); err != nil || !folder.IsDir() {
		return fmt.Errorf("database: %s is to be in a folder that exists", c.Database)
	}
	_, end, err := c.site(func() (*store.SQLite, error) { return store.OpenMemory(ctx) }, nil)
	if err != nil {
		return err
	}
	if err := end(); err != nil {
		return err
	}
	if c.Revocation.Mode != "hardFail" {
		fmt.Fprintf(out, "Beware: with revocation.mode %q a card that was reported lost may sign in.\n", c.Revocation.Mode)
	}
	contacts := c.Contacts.byName()
	for _, name := range slices.Sorted(maps.Keys(contacts)) {
		if contacts[name] == (contact{}) {
			fmt.Fprintf(out, "Beware: without contacts.%s people are not told whom to call.\n", name)
		}
	}
	_, err = fmt.Fprintf(out, "%s can be served.\n", c.Origin)
	return err
}

// run serves the site until ctx ends, and lets open requests finish for a
// moment.
func run(ctx context.Context, c *config, errs io.Writer) error {
	log := slog.New(slog.NewTextHandler(errs, nil))
	secure, err := c.tls()
	if err != nil {
		return err
	}
	site, end, err := c.site(func() (*store.SQLite, error) { return store.Open(ctx, c.Database) }, log)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return errors.Join(err, end())
	}
	if secure != nil {
		secure.NextProtos = []string{"h2", "http/1.1"}
		l = tls.NewListener(l, secure)
	}
	server := &http.Server{
		Handler: site, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("the site is served", "origin", c.Origin, "address", l.Addr().String(), "version", version)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(patience) != nil {
			err = server.Close()
		}
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
	}
	return errors.Join(err, end())
}

// remoteAddress is who is at the other end of the connection.
func remoteAddress(r *http.Request) netip.Addr {
	address, _ := netip.ParseAddrPort(r.RemoteAddr) // one that is none is the zero address
	return address.Addr().Unmap()
}

// forwardedAddress is whom the server in front had at its other end: the last
// address that it added. Those before are the caller's own words.
func forwardedAddress(r *http.Request) netip.Addr {
	all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	address, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1]))
	if err != nil {
		return remoteAddress(r)
	}
	return address.Unmap().WithZone("")
}
