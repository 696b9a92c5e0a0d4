package main

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cardea-agent/cardea/agent/protocol"
	"github.com/cardea-agent/cardea/agent/stricttoml"
	"github.com/cardea-agent/cardea/web/portal"
	"github.com/cardea-agent/cardea/web/verify"
)

// config is the file of settings. docs/portal.md shows each.
type config struct {
	Origin      string `toml:"origin"`
	Title       string `toml:"title"`
	Listen      string `toml:"listen"`
	Database    string `toml:"database"`
	Policy      string `toml:"policy"`
	Language    string `toml:"language"`
	AgentPort   int    `toml:"agentPort"`
	BehindProxy bool   `toml:"behindProxy"`

	TLS        tlsFiles   `toml:"tls"`
	Cards      cards      `toml:"cards"`
	Revocation revocation `toml:"revocation"`
	Mail       mails      `toml:"mail"`
	Contacts   contacts   `toml:"contacts"`
}

type tlsFiles struct {
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
}

type cards struct {
	Roots           []string          `toml:"roots"`
	Intermediates   []string          `toml:"intermediates"`
	UserID          string            `toml:"userID"`
	UserIDPattern   string            `toml:"userIDPattern"`
	Policies        []string          `toml:"policies"`
	NoExtendedUsage bool              `toml:"noExtendedUsage"`
	NonRepudiation  bool              `toml:"nonRepudiation"`
	IssuerNames     map[string]string `toml:"issuerNames"`
}

type revocation struct {
	Mode               verify.RevocationMode `toml:"mode"`
	OCSP               bool                  `toml:"ocsp"`
	OCSPURL            string                `toml:"ocspURL"`
	CRLs               []string              `toml:"crls"`
	CRLFromCertificate bool                  `toml:"crlFromCertificate"`
}

type mails struct {
	From         string `toml:"from"`
	Folder       string `toml:"folder"`
	SMTP         string `toml:"smtp"`
	User         string `toml:"user"`
	PasswordFile string `toml:"passwordFile"`
}

type contacts struct {
	LocalAdministrator contact `toml:"localAdministrator"`
	CardIssuer         contact `toml:"cardIssuer"`
	SoftwareDesk       contact `toml:"softwareDesk"`
	MailDesk           contact `toml:"mailDesk"`
}

type contact struct {
	Name  string `toml:"name"`
	Phone string `toml:"phone"`
	Email string `toml:"email"`
	Hours string `toml:"hours"`
}

// readConfig reads the settings, and finds all that is wrong with them alone.
func readConfig(path string) (*config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c := &config{}
	if err := stricttoml.Decode(text, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.AgentPort = cmp.Or(c.AgentPort, protocol.DefaultPort)
	c.Language = cmp.Or(c.Language, "en")
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (c *config) check() error {
	for _, needed := range [][2]string{
		{"origin", c.Origin}, {"title", c.Title}, {"listen", c.Listen}, {"database", c.Database}, {"policy", c.Policy}, {"mail.from", c.Mail.From},
	} {
		if needed[1] == "" {
			return fmt.Errorf("%s is missing", needed[0])
		}
	}
	for _, file := range [][2]string{
		{"database", c.Database}, {"tls.certificate", c.TLS.Certificate}, {"tls.key", c.TLS.Key},
		{"mail.folder", c.Mail.Folder}, {"mail.passwordFile", c.Mail.PasswordFile},
	} {
		if file[1] != "" && !filepath.IsAbs(file[1]) {
			return fmt.Errorf("%s: %q is no absolute path", file[0], file[1])
		}
	}
	if c.AgentPort < 1 || c.AgentPort > 65535 {
		return fmt.Errorf("agentPort: %d is no port", c.AgentPort)
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return errors.New("tls: certificate and key come together")
	}
	if c.BehindProxy && c.TLS.Key != "" {
		return errors.New("behindProxy: a server in front has the certificate, so there is no tls here")
	}
	if err := c.checkListen(); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if (c.Mail.Folder == "") == (c.Mail.SMTP == "") {
		return errors.New("mail: one of folder and smtp is needed")
	}
	if c.Mail.SMTP == "" && c.Mail.User != "" || (c.Mail.User == "") != (c.Mail.PasswordFile == "") {
		return errors.New("mail: user and passwordFile come together, and are for smtp")
	}
	return nil
}

// checkListen wants a certificate for every address but this computer's own.
func (c *config) checkListen() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return err
	}
	if c.TLS.Key != "" {
		return nil
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("without tls only this computer's own addresses are allowed, not %q", host)
}

// verifier is what knows a card of the organisation's.
func (c *config) verifier() (*verify.Verifier, error) {
	roots, err := pool("cards.roots", c.Cards.Roots)
	if err != nil {
		return nil, err
	}
	if roots == nil {
		return nil, errors.New("cards.roots: name the authorities that issue the cards")
	}
	intermediates, err := pool("cards.intermediates", c.Cards.Intermediates)
	if err != nil {
		return nil, err
	}
	userID, err := c.Cards.userID()
	if err != nil {
		return nil, err
	}
	var policies []x509.OID
	for _, text := range c.Cards.Policies {
		oid, err := x509.ParseOID(text)
		if err != nil {
			return nil, fmt.Errorf("cards.policies: %q is no object identifier", text)
		}
		policies = append(policies, oid)
	}
	r := c.Revocation
	return verify.New(verify.Config{
		Origins: []string{c.Origin}, Roots: roots, Intermediates: intermediates, UserID: userID, Policies: policies,
		NoExtendedUsage: c.Cards.NoExtendedUsage, NonRepudiation: c.Cards.NonRepudiation, IssuerNames: c.Cards.IssuerNames,
		Revocation: verify.Revocation{Mode: r.Mode, OCSP: r.OCSP, OCSPURL: r.OCSPURL, CRLs: r.CRLs, CRLFromCertificate: r.CRLFromCertificate},
	})
}

func (c cards) userID() (verify.UserID, error) {
	if c.UserIDPattern != "" && c.UserID != "commonName" {
		return nil, errors.New("cards.userIDPattern is for the userID commonName")
	}
	switch c.UserID {
	case "subjectSerialNumber":
		return verify.SubjectSerialNumber, nil
	case "commonName":
		if c.UserIDPattern == "" {
			return verify.CommonName, nil
		}
		pattern, err := regexp.Compile(c.UserIDPattern)
		if err != nil {
			return nil, fmt.Errorf("cards.userIDPattern: %w", err)
		}
		return verify.CommonNameMatching(pattern), nil
	}
	return nil, fmt.Errorf("cards.userID: %q is neither commonName nor subjectSerialNumber", c.UserID)
}

// pool reads certificates in PEM. It is nil without files.
func pool(setting string, files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	all := x509.NewCertPool()
	for _, file := range files {
		if !filepath.IsAbs(file) {
			return nil, fmt.Errorf("%s: %q is no absolute path", setting, file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", setting, err)
		}
		found := 0
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", setting, file, err)
			}
			all.AddCert(cert)
			found++
		}
		if found == 0 {
			return nil, fmt.Errorf("%s: %s holds no certificate in PEM", setting, file)
		}
	}
	return all, nil
}

// from is whom the mails are from.
func (m mails) from(title string) (mail.Address, error) {
	from, err := mail.ParseAddress(m.From)
	if err != nil {
		return mail.Address{}, fmt.Errorf("mail.from: %w", err)
	}
	from.Name = cmp.Or(from.Name, title)
	return *from, nil
}

// password is the first line of the file that holds it.
func (m mails) password() (string, error) {
	if m.PasswordFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(m.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("mail.passwordFile: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimRight(line, "\r"), nil
}

// byName are all of them, by what they are called in the file.
func (c contacts) byName() map[string]contact {
	return map[string]contact{
		"localAdministrator": c.LocalAdministrator, "cardIssuer": c.CardIssuer, "softwareDesk": c.SoftwareDesk, "mailDesk": c.MailDesk,
	}
}

func (c contacts) forPages() portal.Contacts {
	return portal.Contacts{
		LocalAdministrator: portal.Contact(c.LocalAdministrator), CardIssuer: portal.Contact(c.CardIssuer),
		SoftwareDesk: portal.Contact(c.SoftwareDesk), MailDesk: portal.Contact(c.MailDesk),
	}
}
