package desk

import (
	"fmt"
	"slices"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// maxDevices is how many browsers of one person hear of pages.
const maxDevices = 10

// Subscribe has a browser hear of pages, on its owner's own record. One that is
// there already changes nothing.
func Subscribe(record *incident.Incident, by inventory.Person, s incident.Subscribed) ([]incident.Payload, error) {
	s.Person, s.Name, s.Device = by.Name, clip(s.Name), fmt.Sprintf("%s/P%d", record.ID, record.Version+1)
	if s.Name == "" {
		s.Name = "a browser"
	}
	old := slices.IndexFunc(record.Devices, func(d incident.Subscribed) bool { return d.Endpoint == s.Endpoint })
	switch {
	case old >= 0 && record.Devices[old].Key == s.Key && record.Devices[old].Auth == s.Auth:
		return nil, nil
	case old >= 0:
		return []incident.Payload{incident.Unsubscribed{Device: record.Devices[old].Device, Why: "it has new keys"}, s}, nil
	case len(record.Devices) >= maxDevices:
		return nil, fmt.Errorf("subscribe: %w: fewer browsers; %d hear of pages already", ErrIncomplete, len(record.Devices))
	}
	return []incident.Payload{s}, nil
}

// Unsubscribe has a browser hear of nothing any more.
func Unsubscribe(record *incident.Incident, device, why string) ([]incident.Payload, error) {
	if !slices.ContainsFunc(record.Devices, func(d incident.Subscribed) bool { return d.Device == device }) {
		return nil, fmt.Errorf("unsubscribe: %w: there is no browser %q", ErrNotNow, device)
	}
	return []incident.Payload{incident.Unsubscribed{Device: device, Why: why}}, nil
}
