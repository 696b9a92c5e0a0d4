// Package supportreport writes the one file that a person sends to their service
// desk: a zip of texts, without anything that is nobody's business.
//
// Whatever goes in passes a [Redactor]: PINs are never in what the agent writes,
// and what has the form of a token, a nonce, a session's id, a signature or a
// whole certificate is taken out of every text, as are the person's names unless
// they want them in. The file is its owner's alone and replaces no other.
//
// It collects nothing itself and sends nothing anywhere. It is tested with texts
// that hold each of those, and by searching a whole agent's report for a PIN.
package supportreport

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Part is one text of a report.
type Part struct {
	Name  string // of the file in the zip
	About string // what it is, for whoever sends it
	Text  string
}

// Entry says what became of a part.
type Entry struct {
	Name, About string
	Bytes       int
}

// Write writes a report to a new file and returns what is in it.
func Write(path string, when time.Time, redactor *Redactor, parts ...Part) (entries []Entry, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("supportreport: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path) // half a report says nothing
		}
	}()
	entries, err = writeZip(f, when, redactor, parts)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("supportreport: %w", err)
	}
	return entries, nil
}

func writeZip(out io.Writer, when time.Time, redactor *Redactor, parts []Part) ([]Entry, error) {
	archive := zip.NewWriter(out)
	var entries []Entry
	for _, p := range parts {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: p.Name, Method: zip.Deflate, Modified: when})
		if err != nil {
			return nil, err
		}
		text := redactor.Redact(p.Text)
		if _, err := io.WriteString(w, text); err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Name: p.Name, About: p.About, Bytes: len(text)})
	}
	return entries, archive.Close()
}

// Tail returns the end of a file, from the beginning of a line on. A file that
// cannot be read is told in its place.
func Tail(path string, most int64) string {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Sprintf("cannot be read: %v\n", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Sprintf("cannot be read: %v\n", err)
	}
	from := max(0, info.Size()-most)
	text, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return fmt.Sprintf("cannot be read: %v\n", err)
	}
	if from > 0 {
		for i, c := range text {
			if c == '\n' {
				return string(text[i+1:])
			}
		}
	}
	return string(text)
}
