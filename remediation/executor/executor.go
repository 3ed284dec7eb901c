// Package executor is the only holder of the keys to BMCs and SSH. It carries
// out orders one at a time per intent, and believes nobody: what an order says is
// held against an inventory, runbooks, a freeze file and a journal of its own, so
// that a daemon that has gone wrong or was broken into can neither repeat a send
// nor switch off a crowd.
//
//	x := &executor.Executor{Inventory: …, Journal: j, Caps: executor.DefaultCaps, …}
//	engine.Actions = executor.Actions(x.Do)
//
// It is the same value in the daemon's own process and, behind [Server] and
// [Client], in another one.
package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spinware/piket/internal/clock"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/journal"
	"github.com/spinware/piket/probes"
	"github.com/spinware/piket/remediation"
	"github.com/spinware/piket/runbooks"
)

// Executor carries out orders. Every field must be set.
type Executor struct {
	Inventory func() *inventory.Inventory
	Runbooks  func() *runbooks.Library
	Actions   map[string]remediation.Action // the drivers, by the intent's action
	Look      map[string]probes.Prober      // what needs a key to look, by [Probe], [Watch] and [Boot]
	Frozen    func() string
	Images    func() []string  // hosts from which disk images may come; none when empty
	Journal   *journal.Journal // of the executor alone
	Caps      func() Caps
	Clock     *clock.Clock
	Log       *slog.Logger

	mu sync.Mutex // from the look into the journal to the record of the intent
}

// The looks: at a BMC for somebody who waits, and for a schedule; and over SSH at
// which boot a server runs in.
const (
	Probe = "probe"
	Watch = "watch"
	Boot  = "boot"

	Identity = "identity" // which machine a BMC belongs to
)

// The kinds of records in the executor's journal.
const (
	began = "begun" // is about to be sent, or was
	ended = "ended" // with the outcome in What
)

// Kept is how long the executor remembers an intent that it has begun.
const Kept = 366 * 24 * time.Hour

// maxAhead bounds how far in the future an order's last moment may lie. The
// engine gives an intent 30 seconds; an order that stays good for longer is none
// of the engine's.
const maxAhead = 2 * time.Minute

// Actions lists what an executor can do, each carried out by do.
func Actions(do remediation.Action) map[string]remediation.Action {
	return map[string]remediation.Action{incident.ActionPower: do, incident.ActionSSH: do, incident.ActionBoot: do, incident.ActionMedia: do}
}

// Err says why no order is carried out, nil when they are: once the journal could
// not be written, every order is refused until the executor is started again, by
// somebody who has made room on the disk.
func (x *Executor) Err() error {
	if err := x.Journal.Err(); err != nil {
		return fmt.Errorf("the executor cannot write down what it is about to send, and refuses every order until it is started again: %w", err)
	}
	return nil
}

// Do is a [remediation.Action]. It uses nothing of o but the intent and Last:
// the server is that of its own inventory. Before anything is opened the intent is
// in the journal; an intent that already is there is Unknown and is not carried
// out, whatever became of it. Last, if there is one, and the executor's own last
// check are asked with the session open.
func (x *Executor) Do(ctx context.Context, o remediation.Order) remediation.Result {
	watch := x.Clock.Stopwatch()
	result := x.do(ctx, o, watch)
	x.Log.Info("order", "intent", o.Intent.Intent, "server", o.Intent.Server, "action", o.Intent.What(), "outcome", string(result.Outcome), "detail", result.Detail)
	return result
}

func (x *Executor) do(ctx context.Context, o remediation.Order, watch func() time.Duration) remediation.Result {
	i, now := o.Intent, x.Clock.Now()
	server, err := x.check(i, now)
	if err != nil {
		return refused(err)
	}
	if err := x.begin(i, server, now); errors.Is(err, errBegun) {
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: err.Error()}
	} else if err != nil {
		return refused(err)
	}
	left := i.NotAfter.Sub(now)
	result := x.Actions[i.Action](ctx, remediation.Order{Intent: i, Server: server, Last: func() error {
		if o.Last != nil {
			if err := o.Last(); err != nil {
				return err
			}
		}
		if why := x.Frozen(); why != "" {
			return fmt.Errorf("frozen: %s", why)
		}
		if watch() > left || x.Clock.Now().After(i.NotAfter) {
			return errLate
		}
		return ctx.Err()
	}})
	x.end(i, result)
	return result
}

var (
	errLate  = errors.New("its time to be sent has passed")
	errBegun = errors.New("the executor has begun this intent before, and begins none twice")
)

// begin reserves room for the intent and writes it down, in one piece.
func (x *Executor) begin(i incident.Intended, server inventory.Server, now time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	records := x.Journal.All()
	for _, r := range records {
		if r.Kind == began && r.Intent == i.Intent {
			return errBegun
		}
	}
	if err := x.Err(); err != nil {
		return err
	}
	if err := x.Caps().allow(i, server, records, now); err != nil {
		return err
	}
	return x.Journal.Append(journal.Record{Kind: began, At: now, Intent: i.Intent, Server: server.Name, Site: server.Site, What: word(i)})
}

// end writes down what came of an intent. If that fails, the intent goes on
// counting as under way, and nothing more is begun: the journal is broken.
func (x *Executor) end(i incident.Intended, result remediation.Result) {
	err := x.Journal.Append(journal.Record{Kind: ended, At: x.Clock.Now(), Intent: i.Intent, Server: i.Server, What: string(result.Outcome)})
	if err != nil {
		x.Log.Error("what came of an order could not be written down", "intent", i.Intent, "err", err)
	}
}

// LookAt takes one look that needs a key, at a server of the executor's own
// inventory.
func (x *Executor) LookAt(ctx context.Context, how, server string, timeout time.Duration) probes.Result {
	look, ok := x.Look[how]
	s, known := x.Inventory().Server(server)
	if !ok || !known {
		return probes.Result{State: probes.Unknown, Reason: "the executor has no such look, or no such server"}
	}
	var target probes.Target
	switch {
	case how == Boot && s.SSH != nil:
		target = probes.Target{Name: s.Name, Address: s.Address, SSH: s.SSH, Timeout: timeout}
	case how != Boot && s.BMC != nil:
		target = probes.Target{Name: "BMC of " + s.Name, Address: s.BMC.Address, BMC: s.BMC, Timeout: timeout}
	default:
		return probes.Result{State: probes.Unknown, Reason: "the executor's inventory has no way to look at it"}
	}
	return look(ctx, target)
}

func refused(err error) remediation.Result {
	return remediation.Result{Outcome: incident.OutcomeRefused, Detail: remediation.Clause(err.Error(), 200)}
}
