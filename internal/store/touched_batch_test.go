package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/spinware/piket/internal/incident"
)

// Within one transaction each reservation sees those before it, and none that
// came to nothing, whatever was remembered of actions on the way.
func TestABatchSeesItsOwnActionsAndNoneThatFailed(t *testing.T) {
	onEach(t, func(t *testing.T, s *Store) {
		since := time.Now().Add(-time.Hour)
		plan := func(server string, fail error) func(context.Context, *batch) (folded, error) {
			inc, err := s.Create(ctx, incident.Event{Actor: incident.Piket, Payload: incident.Opened{
				Title: server, Subject: incident.Subject{Kind: "server", Name: server}, Site: "ams1",
			}})
			if err != nil {
				t.Fatal(err)
			}
			drafts, err := encode([]incident.Event{{Actor: incident.Piket, Payload: incident.Intended{
				Intent: inc.ID + "/I2", Step: "cut", Attempt: 1, Server: server, Action: "power", Verb: "cycle",
			}}})
			if err != nil {
				t.Fatal(err)
			}
			return func(ctx context.Context, b *batch) (folded, error) {
				old, err := s.current(ctx, b, inc.ID)
				if err != nil {
					return folded{}, err
				}
				made, err := s.extend(ctx, b, &growth{id: inc.ID, old: old, drafts: drafts})
				return made, errors.Join(err, fail)
			}
		}
		var seen []string
		look := func(ctx context.Context, b *batch) (folded, error) {
			for range 2 { // the second time nothing has changed
				at, err := s.touches(ctx, b, since)
				if err != nil {
					return folded{}, err
				}
				var servers []string
				for _, a := range at.from(since) {
					servers = append(servers, a.Server)
				}
				seen = append(seen, fmt.Sprint(servers))
			}
			return folded{}, nil
		}
		failed := errors.New("mine")
		errs := group(t, s, look, plan("web-1", nil), look, plan("web-2", failed), look, plan("web-3", nil), look)
		for n, err := range errs {
			if wrong := n == 3; wrong != errors.Is(err, failed) || !wrong && err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
		}
		want := []string{"[]", "[]", "[web-1]", "[web-1]", "[web-1]", "[web-1]", "[web-1 web-3]", "[web-1 web-3]"}
		if !slices.Equal(seen, want) {
			t.Errorf("seen were %q, want %q", seen, want)
		}
		after, err := s.Touches(ctx, since)
		if err != nil || len(after) != 2 {
			t.Errorf("afterwards there are %d (%v)", len(after), err)
		}
	})
}
