package remediation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spinware/piket/internal/failpoint"
	"github.com/spinware/piket/internal/incident"
)

// sendTimeout bounds one send, from opening the session to the answer. It is
// shorter than [Limits.NotAfter], so that a send cannot outlive its intent.
const sendTimeout = 25 * time.Second

// intend writes an intent down before anything is sent, with the room that it
// takes up: in the same transaction the guards are asked once more, on what every
// other incident holds by then.
func (e *Engine) intend(ctx context.Context, f Facts, intent incident.Intended) error {
	_, err := e.Store.AppendIf(ctx, f.Incident.ID, f.Incident.Version, f.stillAllows(intent), f.memory(),
		incident.Event{Actor: incident.Piket, Payload: intent})
	return err
}

// stillAllows asks the guards about an intent again, with what has been touched
// by now, and with what it was good for.
func (f Facts) stillAllows(intent incident.Intended) func([]*incident.Touch) error {
	return func(touched []*incident.Touch) error {
		if f.Touched = f.asOfNow(touched); f.Incident.IsDrill() {
			f.Touched = nil // what is pretended needs no room
		}
		f.Results = map[string][]*incident.Touch{intent.Step: learnt(intent, f.Results[intent.Step], touched)}
		if why := f.forbids(intent); why != "" {
			return fmt.Errorf("%w: %s", errHeldBack, why)
		}
		return nil
	}
}

// send owns the intent, then sends it once, then writes down what is known of
// it. Nothing here is ever repeated: if the last line cannot be written, the
// intent stays claimed, and settle calls it unknown.
func (e *Engine) send(ctx context.Context, f Facts, intent incident.Intended) error {
	if intent.GivesPower() {
		failpoint.Reach(failpoint.DutyPlanned)
	}
	failpoint.Reach(failpoint.SendPlanned)
	watch, left := e.Clock.Stopwatch(), intent.NotAfter.Sub(f.Now)
	inc, err := e.Store.AppendIf(ctx, f.Incident.ID, f.Incident.Version, f.stillAllows(intent), f.memory(),
		incident.Event{Actor: incident.Piket, Payload: incident.Claimed{Intent: intent.Intent, Owner: e.Owner}})
	if err != nil {
		return err
	}
	failpoint.Reach(failpoint.SendClaimed)
	// Stopping piket does not cut a send in half.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer cancel()
	said := e.carryOut(ctx, f, intent, func() bool { return watch() > left })
	failpoint.Reach(failpoint.SendAnswered)
	e.Log.Info("sent", "incident", inc.ID, "server", intent.Server, "action", intent.What(), "result", said.Text())
	_, err = e.Store.Record(context.WithoutCancel(ctx), inc.ID, incident.Event{Actor: incident.Piket, Payload: said})
	if err != nil {
		return fmt.Errorf("record the outcome of %s: %w", intent.What(), err)
	}
	failpoint.Reach(failpoint.SendRecorded)
	e.stale(inc.ID)
	return nil
}

// carryOut hands the intent to its action, with the checks that only make
// sense at the very last moment, and says what came of it. What a freeze stopped was
// never sent and does not count as a try.
func (e *Engine) carryOut(ctx context.Context, f Facts, intent incident.Intended, late func() bool) incident.Payload {
	refused := incident.OutcomeRecorded{Intent: intent.Intent, Outcome: incident.OutcomeRefused}
	server, ok := f.Inventory.Server(intent.Server)
	if !ok || server.Serial != intent.Serial || server.UUID != intent.UUID {
		refused.Detail = "the inventory's entry for " + intent.Server + " has changed since this was planned"
		return refused
	}
	if f.Incident.IsDrill() || intent.Drill {
		return pretend(intent)
	}
	action, ok := e.Actions[intent.Action]
	if !ok {
		refused.Detail = fmt.Sprintf("this piket has no action %q", intent.Action)
		return refused
	}
	if e.About != nil {
		if err := e.About(f.Incident.ID, intent); err != nil {
			refused.Detail = Clause("it could not be written down beside the database first: "+err.Error(), 200)
			return refused
		}
	}
	var stopped error
	result := action(ctx, Order{Intent: intent, Server: server, Last: func() error {
		stopped = nil
		if !intent.TakesBack() {
			stopped = e.undisturbed(ctx, f)
		}
		if stopped == nil { // asked last, because whatever is asked takes time
			stopped = e.last(ctx, f.Incident.ID, intent, late)
		}
		return stopped
	}})
	if (errors.Is(stopped, errFrozen) || errors.Is(stopped, errHeldBack)) && result.Outcome == incident.OutcomeRefused {
		return incident.Voided{Intent: intent.Intent, Reason: stopped.Error()}
	}
	return incident.OutcomeRecorded{Intent: intent.Intent, Outcome: result.Outcome, Detail: result.Detail}
}

// undisturbed asks at the very last moment whether hands have gone into the rack, or
// people have said that it is another machine: they may have since the guards were
// asked.
func (e *Engine) undisturbed(ctx context.Context, f Facts) error {
	inc, err := e.Store.Load(ctx, f.Incident.ID)
	if err != nil {
		return fmt.Errorf("it is not known who is in the rack: %w", err)
	}
	now := Facts{Incident: inc, Inventory: f.Inventory}
	server, _ := f.Inventory.Server(inc.Subject.Name)
	if err := errors.Join(e.hands(ctx, &now, server), e.identity(ctx, &now, server.Name)); err != nil {
		return fmt.Errorf("it is not known who is in the rack: %w", err)
	}
	switch {
	case now.inRack() != "":
		return fmt.Errorf("%w: hands are in its rack, for %s", errHeldBack, now.inRack())
	case now.otherMachine() != "":
		return fmt.Errorf("%w: %s", errHeldBack, now.otherMachine())
	}
	return nil
}

var errFrozen = errors.New("frozen")

// last is asked with the session open, right before the write. A clock that was
// set back does not make time for a send that is late by its watch.
func (e *Engine) last(ctx context.Context, incidentID string, intent incident.Intended, late func() bool) error {
	if err := e.Mine(ctx, incidentID); err != nil {
		return fmt.Errorf("it is not known to be this piket's to send any more: %w", err)
	}
	if why := e.Frozen(); why != "" {
		return fmt.Errorf("%w: %s", errFrozen, why)
	}
	if late() || e.Clock.Now().After(intent.NotAfter) {
		return fmt.Errorf("its time to be sent (%s) has passed", clockTime(intent.NotAfter))
	}
	return ctx.Err()
}
