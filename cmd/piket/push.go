package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/notify"
	"github.com/spinware/piket/internal/push"
	"github.com/spinware/piket/internal/signed"
	"github.com/spinware/piket/internal/store"
)

// pushFile is where the key of pushes lies in a storage directory.
const pushFile = "push.key"

// pushKey returns the key by which push services know this piket. It is made at
// the first start and lies beside that of the links: a subscription is bound to
// it.
func pushKey(dir string, s *store.Store) (push.Key, error) {
	fresh := push.NewKey().Reveal()
	var kept string
	var err error
	if s.Shared() {
		kept, err = s.Keep(context.Background(), "push", fresh)
	} else {
		kept, err = signed.KeepFile(filepath.Join(dir, pushFile), fresh)
	}
	if err != nil {
		return push.Key{}, fmt.Errorf("key for pushes: %w", err)
	}
	return push.ParseKey(kept)
}

var pushService = regexp.MustCompile(`\A(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?\z|\A\[[0-9a-f:]+\](:[0-9]{1,5})?\z`)

// push checks who may be called.
func (c *configChecker) push() {
	services := c.config.Push.Services
	for i := range services {
		if services[i] != "" && !pushService.MatchString(services[i]) {
			c.add(&services[i], "services: want a host such as fcm.googleapis.com or *.example.net, found %q", services[i])
		}
	}
}

// newBook returns what is known of the browsers that hear of pages.
func (d *Daemon) newBook(key push.Key) *push.Book {
	return &push.Book{Store: d.store, Clock: d.clk, Source: d.inventory, Log: d.log, Sender: func() push.Sender {
		config := d.settings.Load().config
		contact := config.Web.ExternalURL
		if config.Mail.From != "" {
			contact = "mailto:" + config.Mail.From
		}
		return push.Sender{Config: config.Push, Key: key, Contact: contact}
	}}
}

// push carries a page to every browser of one person. One that has it is enough;
// a browser that has taken its subscription back is forgotten.
func (d *Daemon) push(ctx context.Context, m notify.Mail) (string, error) {
	if len(m.To) != 1 {
		return "", fmt.Errorf("%w: a push names one person, not %d", notify.ErrRefused, len(m.To))
	}
	record, err := d.book.Load(ctx, m.To[0])
	if err != nil {
		return "", err
	}
	if record == nil || len(record.Devices) == 0 {
		return "", fmt.Errorf("%w: no browser of %s hears of pages any more", notify.ErrRefused, m.To[0])
	}
	sender, told := d.book.Sender(), 0
	var failed, passing error
	for _, device := range record.Devices {
		// The id of the message in the tag: what is told twice is shown once.
		err := sender.Send(ctx, device, push.Note{Title: m.Subject, Path: m.Body, Tag: m.ID}, d.clk.Now())
		switch {
		case err == nil:
			told++
			d.metrics.pushes.WithLabelValues("delivered").Inc()
			continue
		case errors.Is(err, push.ErrGone):
			d.metrics.pushes.WithLabelValues("gone").Inc()
			if err := d.forgetBrowser(ctx, record.ID, device, "its push service says that it is gone"); err != nil {
				return "", err
			}
		case errors.Is(err, push.ErrRefused):
			d.metrics.pushes.WithLabelValues("refused").Inc()
		default:
			d.metrics.pushes.WithLabelValues("failed").Inc()
			passing = errors.Join(passing, err)
		}
		failed = errors.Join(failed, err)
	}
	switch {
	case told > 0:
		return fmt.Sprintf("accepted for %s of %s", count(told, "browser", "browsers"), m.To[0]), nil
	case passing == nil:
		return "", fmt.Errorf("%w: %w", notify.ErrRefused, failed)
	}
	return "", cmp.Or(passing, failed)
}

// forgetBrowser takes a browser off its owner's record. It is written down even while
// piket is being stopped.
func (d *Daemon) forgetBrowser(ctx context.Context, record string, device incident.Subscribed, why string) error {
	ctx = context.WithoutCancel(ctx)
	_, err := d.store.Record(ctx, record, incident.Event{Actor: incident.Piket, Payload: incident.Unsubscribed{Device: device.Device, Why: why}})
	if err != nil {
		return err
	}
	return d.book.Refresh(ctx)
}
