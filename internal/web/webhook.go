package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/spinware/piket/alerts"
	"github.com/spinware/piket/internal/failpoint"
)

// sendingTime is how long a notification may take to arrive.
const sendingTime = 10 * time.Second

// webhook takes Alertmanager's notifications, payload version 4. It retries on
// 5xx and on nothing else, so what is our trouble is 503, and 4xx is said only
// of what is wrong with the request itself. 200 means committed.
func (a *app) webhook(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		a.complain(w, r, complaint{http.StatusMethodNotAllowed, r.Method + " is not possible here",
			"let Alertmanager send to exactly this address; a redirect on the way turns POST into GET"})
		return
	}
	if err := a.maySend(r); err != nil {
		var c complaint
		if errors.As(err, &c) && c.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="piket"`)
		}
		a.fail(w, r, err)
		return
	}
	alone, ok := a.senders.enter()
	if !ok {
		a.busy(w, r, "as many notifications as answers are quick for are being taken in already")
		return
	}
	defer a.senders.leave()
	// Who sends slowly must not keep a place from others. Not every listener of
	// the tests has deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(sendingTime))
	body := &arriving{Reader: r.Body, last: time.Now()}
	hook, err := readWebhook(r, body)
	if err != nil {
		a.Log.Warn("webhook refused", "address", a.address(r), "err", err)
		a.fail(w, r, err)
		return
	}
	failpoint.Reach(failpoint.WebhookRead)
	began := body.last // what the way here took is not ours to judge, what follows is
	ctx, cancel := a.senders.patience(r.Context(), alone, len(hook.Alerts), began)
	defer cancel()
	defer func() { a.senders.took(began, time.Now()) }()
	if err := a.Receive(ctx, hook.Alerts, hook.Truncated); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			a.senders.gaveUp(alone)
			a.busy(w, r, fmt.Sprintf("the alerts waited for %v to be written down", time.Since(began).Round(time.Millisecond)))
			return
		}
		a.Log.Error("webhook not taken in", "alerts", len(hook.Alerts), "err", err)
		w.Header().Set("Retry-After", "5")
		a.complain(w, r, complaint{http.StatusServiceUnavailable, "the alerts could not be written down: " + err.Error(),
			"nothing is promised; send the same notification again"})
		return
	}
	failpoint.Reach(failpoint.WebhookBeforeAnswer)
	writeJSON(w, http.StatusOK, map[string]int{"accepted": len(hook.Alerts)})
	failpoint.Reach(failpoint.WebhookAnswered)
}

// busy says that the sender should come again: it is overload, and no error.
func (a *app) busy(w http.ResponseWriter, r *http.Request, why string) {
	w.Header().Set("Retry-After", "5")
	a.complain(w, r, complaint{http.StatusServiceUnavailable, why, "nothing is promised; send the same notification again"})
}

// arriving is a body that knows when its last bytes came.
type arriving struct {
	io.Reader
	last time.Time
}

func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	a.last = time.Now()
	return n, err
}

// readWebhook decodes the body. Its errors are complaints: none is cured by
// sending the same bytes again.
func readWebhook(r *http.Request, body io.Reader) (alerts.Webhook, error) {
	tooLarge := complaint{http.StatusRequestEntityTooLarge, fmt.Sprintf("the notification is larger than %d MiB", alerts.MaxWebhookBytes>>20),
		"set max_alerts in Alertmanager's receiver"}
	if r.ContentLength > alerts.MaxWebhookBytes {
		return alerts.Webhook{}, tooLarge
	}
	hook, err := alerts.DecodeWebhook(body)
	switch {
	case errors.Is(err, alerts.ErrTooLarge):
		return alerts.Webhook{}, tooLarge
	case err != nil:
		return alerts.Webhook{}, complaint{http.StatusBadRequest, err.Error(), "use Alertmanager's default webhook payload, without a payload template"}
	}
	return hook, nil
}

// maySend knows a sender by a verified client certificate or by the token.
func (a *app) maySend(r *http.Request) error {
	config := a.Config()
	if certified(r, config.ClientNames) {
		return nil
	}
	token, sent := bearer(r)
	if !sent {
		if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
			return complaint{http.StatusForbidden, "the client certificate's name is not among those that may report", "add the name to the configuration"}
		}
		return complaint{http.StatusUnauthorized, "the sender is not known", "set http_config.authorization.credentials_file in Alertmanager's receiver"}
	}
	if config.Token.IsZero() {
		return complaint{http.StatusForbidden, "no token is configured for Alertmanager", "configure one in piket, or use a client certificate"}
	}
	want, err := config.Token.Read()
	if err != nil {
		// Who asks is not known yet, and is not told where our secrets lie.
		a.Log.Error("cannot read the sender's token", "err", err)
		return complaint{http.StatusServiceUnavailable, "the sender cannot be judged right now", "look at piket's log, and send it again"}
	}
	if !sameSecret(token, want.Reveal()) {
		return complaint{http.StatusUnauthorized, "the token is not the one that is configured", "compare the two token files"}
	}
	return nil
}

// certified reports whether the listener has verified a certificate that bears
// one of the names.
func certified(r *http.Request, names []string) bool {
	if r.TLS == nil {
		return false
	}
	for _, chain := range r.TLS.VerifiedChains {
		leaf := chain[0]
		for _, name := range append([]string{leaf.Subject.CommonName}, leaf.DNSNames...) {
			if name != "" && slices.Contains(names, name) {
				return true
			}
		}
	}
	return false
}
