package runbooks

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/yamlpos"
)

//go:embed *.yml
var shipped embed.FS

// Library is every runbook that may be chosen, in the order of preference.
type Library struct {
	Books []*Runbook
}

// Parse reads one runbook and checks all of it. The error is a
// yamlpos.Problems: every mistake, each with its place in the file.
func Parse(file string, data []byte) (*Runbook, error) {
	book := &Runbook{Source: string(data)}
	sum := sha256.Sum256(data)
	book.Hash = hex.EncodeToString(sum[:])
	doc, err := yamlpos.Decode(file, data, book)
	c := checker{book: book, doc: doc}
	c.problems.Join(err)
	c.check()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return book, nil
}

// Load reads the shipped runbooks and those that the patterns name. A file of
// the user's comes before the shipped ones, and takes the place of one that
// has the same name. All mistakes of all files come back at once.
func Load(patterns ...string) (*Library, error) {
	library := &Library{}
	var problems yamlpos.Problems
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("runbook pattern %q: %w", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("read runbook: %w", err)
			}
			library.add(file, data, &problems)
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return library, library.addShipped()
}

// add parses one file of the user's into the library, or its mistakes into
// problems.
func (l *Library) add(file string, data []byte, problems *yamlpos.Problems) {
	book, err := Parse(file, data)
	if err != nil {
		problems.Join(err)
		return
	}
	if _, taken := l.Book(book.Name); taken {
		problems.Add(yamlpos.Pos{File: file, Line: 1, Col: 1}, "another file already has a runbook named %q", book.Name)
		return
	}
	l.Books = append(l.Books, book)
}

func (l *Library) addShipped() error {
	entries, err := shipped.ReadDir(".")
	if err != nil {
		return fmt.Errorf("read shipped runbooks: %w", err)
	}
	for _, entry := range entries {
		data, err := shipped.ReadFile(entry.Name())
		if err != nil {
			return fmt.Errorf("read shipped runbooks: %w", err)
		}
		book, err := Parse("shipped/"+entry.Name(), data)
		if err != nil {
			return err
		}
		if _, replaced := l.Book(book.Name); !replaced {
			l.Books = append(l.Books, book)
		}
	}
	return nil
}

// Book returns the runbook of that name.
func (l *Library) Book(name string) (*Runbook, bool) {
	for _, book := range l.Books {
		if book.Name == name {
			return book, true
		}
	}
	return nil, false
}

// Select returns the first runbook that is meant for alerts with these labels,
// or nil.
func (l *Library) Select(labels alerts.Labels) *Runbook {
	for _, book := range l.Books {
		if book.Matches(labels) {
			return book
		}
	}
	return nil
}
