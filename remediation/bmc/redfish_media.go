package bmc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/remediation"
)

// starts is what the answer about the power said of it. It asks nothing.
func (s *redfish) starts(context.Context) (told, error) {
	sys, err := s.chosen()
	return sys.machine().starts, err
}

// setBoot lets the driver set or clear the boot override. The driver sends every
// field of the system's Boot, and after an error a second time with fewer; what
// goes out is the two that are meant, once.
func (s *redfish) setBoot(ctx context.Context, c *change, device string) error {
	enabled, target := "Once", map[string]string{"pxe": "Pxe", "cdrom": "Cd"}[device]
	if device == incident.BootNone {
		enabled, target = "Disabled", "None"
	}
	body, err := json.Marshal(map[string]any{"Boot": map[string]string{"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target}})
	if err != nil {
		return err
	}
	return s.change(c, func(method, path string) ([]byte, error) {
		sys, err := s.chosen()
		switch {
		case err != nil:
			return nil, err
		case method != http.MethodPatch || path != sys.Path:
			return nil, fmt.Errorf("a write to %s was stopped: it is not the system that was identified", clause(path))
		}
		return body, c.pass(sys.machine())
	}, func() error {
		_, err := s.client.SetBootDevice(ctx, device, false, false)
		return err
	})
}

// drive is a VirtualMedia (DSP0268).
type drive struct {
	link
	Image      string
	Inserted   bool
	MediaTypes []string
	Actions    struct {
		Insert target `json:"#VirtualMedia.InsertMedia"`
		Eject  target `json:"#VirtualMedia.EjectMedia"`
	}
}

type target struct {
	Path string `json:"target"`
}

// maxDrives bounds the requests for the virtual drives of a BMC.
const maxDrives = 24

// drives reads the virtual drives: of the managers, or of the system where those
// have none, as the driver looks for them.
func (s *redfish) drives(ctx context.Context) ([]drive, error) {
	var root struct{ Managers link }
	if err := decodeLoosely(s.wire.root, &root); err != nil {
		return nil, err
	}
	r := s.ask(ctx, maxDrives)
	type holder struct {
		link
		VirtualMedia link
	}
	var holders []holder
	if root.Managers.Path != "" {
		var list collection[link]
		if err := r.get(root.Managers.Path, &list); err != nil {
			return nil, err
		}
		for _, m := range list.Members {
			var h holder
			if err := r.get(m.Path, &h); err != nil {
				return nil, err
			}
			holders = append(holders, h)
		}
	}
	sys, err := s.chosen()
	if err != nil {
		return nil, err
	}
	var own holder
	if err := decodeLoosely(sys.body, &own); err != nil {
		return nil, err
	}
	for _, h := range append(holders, own) {
		if h.VirtualMedia.Path == "" {
			continue
		}
		list, err := members(r, h.VirtualMedia, false, func(d drive) link {
			if d.Actions.Insert.Path == "" && d.MediaTypes == nil {
				return d.link
			}
			return link{}
		})
		if err != nil || len(list) > 0 {
			return list, err
		}
	}
	return nil, errors.New("the BMC has no virtual drive")
}

// changeMedia inserts or ejects, and looks at the drives before and after.
func (s *redfish) changeMedia(ctx context.Context, c *change, i incident.Intended) remediation.Result {
	before, err := s.drives(ctx)
	if err != nil {
		return refused(fmt.Errorf("the virtual drives could not be read: %w", err))
	}
	inserts := i.Verb == incident.MediaInsert
	switch full := slices.IndexFunc(before, func(d drive) bool { return d.Inserted }); {
	case inserts && full >= 0:
		return refused(errors.New("something is in a virtual drive already, and is not piket's to take out"))
	case !inserts && !holds(before, i.ISO):
		return remediation.Result{Outcome: incident.OutcomeDone, Detail: "it was gone already, so nothing was sent"}
	}
	result := c.result(s.setMedia(ctx, c, before, i))
	if result.Outcome != incident.OutcomeDone {
		return result
	}
	after, err := s.drives(ctx)
	switch {
	case err != nil:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: clause("the BMC took it, and its drives could not be read again: " + err.Error())}
	case holds(after, i.ISO) != inserts:
		return remediation.Result{Outcome: incident.OutcomeUnknown, Detail: "the BMC took it, and its virtual drive does not show it"}
	}
	return remediation.Result{Outcome: incident.OutcomeDone, Detail: "the BMC took it, and its virtual drive shows it"}
}

func holds(drives []drive, image string) bool {
	return slices.ContainsFunc(drives, func(d drive) bool { return d.Inserted && d.Image == image })
}

// setMedia lets the driver insert or eject. It would eject what is in the way, and
// after an error try other fields and other drives: one write goes out, to a drive
// that was read.
func (s *redfish) setMedia(ctx context.Context, c *change, drives []drive, i incident.Intended) error {
	image, body := i.ISO, map[string]any{"Image": i.ISO, "Inserted": true, "WriteProtected": true}
	if i.Verb == incident.MediaEject {
		image, body = "", map[string]any{}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return s.change(c, func(method, path string) ([]byte, error) {
		fits := slices.ContainsFunc(drives, func(d drive) bool {
			if i.Verb == incident.MediaEject {
				return d.Actions.Eject.Path == path && d.Image == i.ISO
			}
			return d.Actions.Insert.Path == path && !d.Inserted
		})
		sys, err := s.chosen()
		switch {
		case err != nil:
			return nil, err
		case method != http.MethodPost || !fits:
			return nil, fmt.Errorf("a write to %s was stopped: it is not the virtual drive that was read", clause(path))
		}
		return text, c.pass(sys.machine())
	}, func() error {
		_, err := s.client.SetVirtualMedia(ctx, "CD", image)
		return err
	})
}
