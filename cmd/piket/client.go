package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
)

// client talks to a running piket as one person.
type client struct {
	base, tokenFile, caFile string
}

// declare adds the flags by which a command finds piket.
func (c *client) declare(cmd *kingpin.CmdClause) {
	cmd.Flag("piket.url", "Where piket runs.").Default("http://127.0.0.1:9490").Envar("PIKET_URL").StringVar(&c.base)
	cmd.Flag("token-file", "File with your token; without it the environment variable PIKET_TOKEN is read.").Envar("PIKET_TOKEN_FILE").StringVar(&c.tokenFile)
	cmd.Flag("ca-file", "Certificates that vouch for piket, instead of the system's.").StringVar(&c.caFile)
}

// clientTimeout bounds one request.
const clientTimeout = 30 * time.Second

// do sends one request and decodes the answer into out (nil: is not read). An
// error that piket answered carries its hint.
func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	answer, err := c.fetch(ctx, method, path, in)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return withHint(fmt.Errorf("read piket's answer: %w", err), "is it a piket that answers at "+c.base+"?")
	}
	return nil
}

// fetch sends one request and returns the answer as it is.
func (c *client) fetch(ctx context.Context, method, path string, in any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	request, err := c.request(ctx, method, path, in)
	if err != nil {
		return nil, err
	}
	transport, err := c.transport()
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, withHint(fmt.Errorf("reach piket: %w", err), "is it running there? name it with --piket.url")
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<20))
	if err != nil {
		return nil, fmt.Errorf("read piket's answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		return nil, refusal(response.StatusCode, answer)
	}
	return answer, nil
}

func (c *client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.base, "/")+path, body)
	if err != nil {
		return nil, fmt.Errorf("address of piket: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	token, err := c.token()
	if err != nil {
		return nil, withHint(err, "your token is what the inventory's token_file for you holds")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return request, nil
}

func (c *client) token() (string, error) {
	ref := secret.Ref{File: c.tokenFile}
	if c.tokenFile == "" {
		if _, ok := os.LookupEnv("PIKET_TOKEN"); !ok {
			return "", nil // a demo asks for none
		}
		ref = secret.Ref{Env: "PIKET_TOKEN"}
	}
	value, err := ref.Read()
	if err != nil {
		return "", err
	}
	return value.Reveal(), nil
}

func (c *client) transport() (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	roots, err := trusted.CAs(c.caFile)
	if err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return t, nil
}

// refusal makes an error of what piket answered.
func refusal(status int, answer []byte) error {
	var said struct{ Error, Hint string }
	if json.Unmarshal(answer, &said) != nil || said.Error == "" {
		return fmt.Errorf("piket answered with status %d", status)
	}
	err := errors.New(said.Error)
	if said.Hint == "" {
		return err
	}
	return withHint(err, said.Hint)
}
