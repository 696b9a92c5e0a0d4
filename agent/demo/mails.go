package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mailView is a mail of the site's as the control page shows it.
type mailView struct{ To, Subject, Text string }

// readMails reads what the site has sent, the newest first.
func readMails(folder string) ([]mailView, error) {
	entries, err := os.ReadDir(folder) // in the order of their names, which begin with the time
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the first has yet to come
	}
	if err != nil {
		return nil, err
	}
	var mails []mailView
	for _, e := range slices.Backward(entries) {
		if !strings.HasSuffix(e.Name(), ".eml") {
			continue
		}
		one, err := readMail(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		mails = append(mails, one)
	}
	return mails, nil
}

func readMail(path string) (mailView, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return mailView{}, err
	}
	m, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return mailView{}, err
	}
	body := m.Body
	if strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	shown, err := io.ReadAll(body)
	subject, wordErr := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	return mailView{To: m.Header.Get("To"), Subject: subject, Text: string(shown)}, errors.Join(err, wordErr)
}
