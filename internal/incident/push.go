package incident

import (
	"net/url"
	"slices"
)

// Subscribed says that a browser of a person wants to hear of pages: a push
// subscription (RFC 8030). It stands on the person's own record, which is never
// closed. Who knows it can send nothing without piket's own key.
type Subscribed struct {
	Device   string `json:"device"` // its id
	Person   string `json:"person"`
	Name     string `json:"name"`     // what the person calls it
	Endpoint string `json:"endpoint"` // of the browser's push service
	Key      string `json:"key"`      // the browser's public key, base64url
	Auth     string `json:"auth"`     // what only the browser and piket share, base64url
}

func (Subscribed) Kind() Kind { return "subscribed" }
func (p Subscribed) Text() string {
	return sentence("%s hears of pages on %s, by %s.", p.Person, p.Name, p.Service())
}

// Service is the host of the push service.
func (p Subscribed) Service() string {
	u, err := url.Parse(p.Endpoint)
	if err != nil {
		return "an unknown service"
	}
	return u.Host
}

// Unsubscribed takes a subscription back.
type Unsubscribed struct {
	Device string `json:"device"`
	Why    string `json:"why"`
}

func (Unsubscribed) Kind() Kind { return "unsubscribed" }
func (p Unsubscribed) Text() string {
	return sentence("%s hears of no pages any more: %s.", p.Device, p.Why)
}

// subscribe books which browsers there are.
func (i *Incident) subscribe(e Event) {
	switch p := e.Payload.(type) {
	case Subscribed:
		i.Devices = append(i.Devices, p)
	case Unsubscribed:
		i.Devices = slices.DeleteFunc(slices.Clone(i.Devices), func(d Subscribed) bool { return d.Device == p.Device })
	}
}
