//go:build e2e

package main

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (w *world) maildir() string { return filepath.Join(w.dir, "maildir") }

// letter is one mail as its recipient reads it.
type letter struct{ to, subject, body string }

// letters reads everything that the SMTP server has taken.
func (w *world) letters(t *testing.T) (list []letter) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(w.maildir(), "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		list = append(list, readLetter(t, path))
	}
	return list
}

func readLetter(t *testing.T, path string) letter {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	message, err := mail.ReadMessage(file)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text := message.Body
	if strings.EqualFold(message.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		text = quotedprintable.NewReader(text)
	}
	body, err := io.ReadAll(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return letter{message.Header.Get("To"), subject, string(body)}
}

// getsOnce waits until somebody has a mail on an incident whose subject holds
// some words, and returns its text. It must not arrive twice.
func (w *world) getsOnce(t *testing.T, id, to, words string) (body string) {
	t.Helper()
	var found []letter
	until(t, to+" has mail: "+words, func() bool {
		found = slices.DeleteFunc(w.letters(t), func(l letter) bool {
			return !strings.Contains(l.to, to) || !strings.Contains(l.subject, id) || !strings.Contains(l.subject, words)
		})
		return len(found) > 0
	})
	if len(found) != 1 {
		t.Errorf("%s has %d mails %q on %s, not one", to, len(found), words, id)
	}
	return found[0].body
}
