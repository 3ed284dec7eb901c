package silences

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/oneline"
	"github.com/spinware/piket/internal/trusted"
)

// Bounds of one question. A silence takes some 500 bytes.
const (
	askTimeout     = 10 * time.Second
	maxAnswerBytes = 8 << 20
	maxText        = 200 // characters of a comment
)

// rule is a silence with whom it is for.
type rule struct {
	Silence
	begins   time.Time
	matchers alerts.Matchers
}

func (r rule) active(now time.Time) bool { return !now.Before(r.begins) && now.Before(r.Ends) }

// ask reads the silences of one Alertmanager (API v2). It sends one GET and
// follows no redirect; trying again makes sense.
func (c Config) ask(ctx context.Context, url string) ([]rule, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(url, "/")+"/api/v2/silences", nil)
	if err != nil {
		return nil, err
	}
	if !c.Token.IsZero() {
		token, err := c.Token.Read()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswerBytes:
		return nil, fmt.Errorf("the answer is larger than %d MB", maxAnswerBytes>>20)
	}
	return parse(body)
}

func (c Config) client() (*http.Client, error) {
	roots, err := trusted.CAs(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// wireSilence is a gettableSilence of Alertmanager's API v2. Its own Go types
// bring five modules of a code generator with them.
type wireSilence struct {
	ID        string    `json:"id"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	Status    struct {
		State string `json:"state"`
	} `json:"status"`
	Matchers []wireMatcher `json:"matchers"`
}

type wireMatcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual *bool  `json:"isEqual"` // absent before Alertmanager 0.22: true
}

// parse reads a list of silences. One that is not understood spoils the list:
// it could be the one that matters.
func parse(body []byte) ([]rule, error) {
	var list []wireSilence
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the answer is no list of silences: %w", err)
	}
	if list == nil {
		return nil, errors.New("the answer is no list of silences")
	}
	var rules []rule
	for _, s := range list {
		if s.Status.State == "expired" {
			continue
		}
		r, err := s.rule()
		if err != nil {
			return nil, fmt.Errorf("silence %q: %w", oneline.Of(s.ID, maxText), err)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// rule reads s. What Alertmanager calls active has begun, whatever the clock
// here says.
func (s wireSilence) rule() (rule, error) {
	switch {
	case s.ID == "" || s.EndsAt.IsZero() || len(s.Matchers) == 0:
		return rule{}, errors.New("it lacks an id, an end or matchers")
	case s.Status.State != "active" && s.Status.State != "pending":
		return rule{}, fmt.Errorf("its state is %q", oneline.Of(s.Status.State, maxText))
	}
	r := rule{Silence: Silence{
		ID: oneline.Of(s.ID, maxText), By: oneline.Of(s.CreatedBy, maxText), Comment: oneline.Of(s.Comment, maxText), Ends: s.EndsAt.UTC(),
	}}
	if s.Status.State == "pending" {
		r.begins = s.StartsAt
	}
	for _, m := range s.Matchers {
		matcher, err := labels.NewMatcher(m.kind(), m.Name, m.Value)
		if err != nil {
			return rule{}, err
		}
		r.matchers = append(r.matchers, matcher)
	}
	return r, nil
}

func (m wireMatcher) kind() labels.MatchType {
	equal := m.IsEqual == nil || *m.IsEqual
	switch {
	case m.IsRegex && equal:
		return labels.MatchRegexp
	case m.IsRegex:
		return labels.MatchNotRegexp
	case equal:
		return labels.MatchEqual
	}
	return labels.MatchNotEqual
}
