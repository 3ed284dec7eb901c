package inventory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"text/template"
	"time"

	"github.com/spinware/piket/internal/secret"
	"github.com/spinware/piket/internal/trusted"
)

// RemoteHands are the people on site.
type RemoteHands struct {
	Name      string   `yaml:"name,required"`
	Email     []string `yaml:"email,required"`
	Telephone string   `yaml:"telephone"`
	Reference string   `yaml:"reference"` // contract or access reference that they ask for

	Language   string        `yaml:"language"`           // of their page, "nl" or "en"; "en" when empty
	AccessCode secret.Ref    `yaml:"access_code,secret"` // of the door: shown on their page, and nowhere else
	CallBack   string        `yaml:"call_back"`          // telephone number at which they reach an engineer
	HourlyRate int           `yaml:"hourly_rate"`        // in whole units of the currency; 0 when it is not known
	Visit      time.Duration `yaml:"visit"`              // what is billed at least; DefaultVisit when 0
	CostLimit  int           `yaml:"cost_limit"`         // up to which nobody is asked; 0 means that somebody always is, once the cost is known
	Currency   string        `yaml:"currency"`           // DefaultCurrency when empty

	Kind    string       `yaml:"kind"` // how an order reaches them, one of OrderKinds; "mail" when empty
	HTTP    *OrderHTTP   `yaml:"http"`
	Equinix *EquinixSite `yaml:"equinix"`
}

// OrderKinds are the ways in which a work order reaches somebody.
var OrderKinds = []string{"mail", "http", "equinix"}

// OrderHTTP hands a work order to another company's machine as one request.
type OrderHTTP struct {
	URL          string            `yaml:"url,required"`
	Method       string            `yaml:"method"`         // POST when empty
	Headers      map[string]string `yaml:"headers"`        // none of them secret
	Token        secret.Ref        `yaml:"token,secret"`   // sent as: Authorization: Bearer …
	APIKey       secret.Ref        `yaml:"api_key,secret"` // sent in the header that api_key_header names
	APIKeyHeader string            `yaml:"api_key_header"`
	CAFile       string            `yaml:"ca_file"`
	Body         string            `yaml:"body,required"`   // a text/template that makes JSON
	Reference    string            `yaml:"reference"`       // where its number stands in the answer: data.ticket.id
	Key          string            `yaml:"idempotency_key"` // header in which the receiver takes one; "" when it takes none
}

// EquinixSite is where and for whom Equinix Smart Hands are ordered.
type EquinixSite struct {
	URL          string     `yaml:"url"` // DefaultEquinixURL when empty
	CAFile       string     `yaml:"ca_file"`
	ClientID     string     `yaml:"client_id,required"`
	ClientSecret secret.Ref `yaml:"client_secret,secret,required"`
	IBX          string     `yaml:"ibx,required"`     // AM1
	Cage         string     `yaml:"cage,required"`    // AM1:01:001MC3
	Account      string     `yaml:"account,required"` // its account number
	User         string     `yaml:"user,required"`    // who orders and is notified, as Equinix knows them
	Expedited    bool       `yaml:"expedited"`        // costs more; otherwise it takes a day or more
}

// What an empty field of remote hands means.
const (
	DefaultVisit      = time.Hour
	DefaultCurrency   = "EUR"
	DefaultEquinixURL = "https://api.equinix.com"
)

// Cost is what one visit will cost as far as is known, 0 when it is not.
func (h RemoteHands) Cost() int {
	visit := cmp.Or(h.Visit, DefaultVisit)
	return int(math.Ceil(float64(h.HourlyRate) * visit.Hours()))
}

// Vendor is another company that is asked for a part or for its people [2.4].
type Vendor struct {
	Name      string   `yaml:"name,required"`
	Title     string   `yaml:"title"`
	Contract  string   `yaml:"contract"`
	Email     []string `yaml:"email,required"`
	Telephone string   `yaml:"telephone"`
	Language  string   `yaml:"language"`

	Acknowledge time.Duration `yaml:"acknowledge"` // by their contract; DefaultVendorAcknowledge when 0
	Arrive      time.Duration `yaml:"arrive"`      // DefaultVendorArrive when 0
}

// What a vendor's contract says when the inventory does not.
const (
	DefaultVendorAcknowledge = 4 * time.Hour
	DefaultVendorArrive      = 24 * time.Hour
)

// OrderFields is what the body of an [OrderHTTP] may say of a work order.
type OrderFields struct {
	Order, Incident, Subject, Text       string
	Site, Room, Rack, Unit               string
	Server, Serial, AssetTag, Model      string
	Priority, Link, AccessCode, CallBack string
	Reference, Currency                  string
	AcknowledgeBy, ArriveBy              string // RFC 3339
	Cost, CostLimit                      int
}

// errNotJSON is a body that is no JSON.
var errNotJSON = errors.New("it does not make JSON: write {{json .Subject}}, without quotes around it")

// Render makes the body of a request. The error says what is wrong with the
// template; trying again makes no sense.
func (h OrderHTTP) Render(f OrderFields) ([]byte, error) {
	t, err := template.New("body").Funcs(template.FuncMap{"json": asJSON}).Parse(h.Body)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, f); err != nil {
		return nil, err
	}
	if !json.Valid(b.Bytes()) {
		return nil, errNotJSON
	}
	return b.Bytes(), nil
}

func asJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

// hostile is an order whose texts hold what breaks out of a string of JSON: a
// template that only works for harmless ones is refused when it is loaded.
func hostile() OrderFields {
	const text = "a \"quote\", a \\ and\na line"
	return OrderFields{
		Order: text, Incident: text, Subject: text, Text: text, Site: text, Room: text, Rack: text, Unit: text, Server: text, Serial: text,
		AssetTag: text, Model: text, Priority: text, Link: text, AccessCode: text, CallBack: text, Reference: text, Currency: text,
		AcknowledgeBy: text, ArriveBy: text, Cost: 1, CostLimit: 1,
	}
}

// remoteHands checks whom a site's work orders go to, and how.
func (c *checker) remoteHands(h *RemoteHands) {
	c.line("name", &h.Name)
	c.line("reference", &h.Reference)
	c.mails(h.Email)
	c.telephone(&h.Telephone)
	c.telephone(&h.CallBack)
	c.word("language", &h.Language, Languages)
	c.word("kind", &h.Kind, OrderKinds)
	c.line("currency", &h.Currency)
	for _, amount := range []*int{&h.HourlyRate, &h.CostLimit} {
		if *amount < 0 {
			c.add(amount, "an amount is not below zero, found %d", *amount)
		}
	}
	if h.Visit < 0 || h.Visit > 24*time.Hour {
		c.add(&h.Visit, "visit: want up to 24h, found %v", h.Visit)
	}
	c.fits("http", h.Kind == "http", h.HTTP != nil, h)
	c.fits("equinix", h.Kind == "equinix", h.Equinix != nil, h)
	if h.HTTP != nil {
		c.orderHTTP(h.HTTP)
	}
	if e := h.Equinix; e != nil && e.URL != "" {
		c.overTLS(&e.URL)
	}
}

// fits checks that a kind of order has its block, and no other.
func (c *checker) fits(kind string, is, given bool, h *RemoteHands) {
	switch {
	case is && !given:
		c.add(&h.Kind, "kind %s needs a block %s:", kind, kind)
	case !is && given:
		c.add(h, "%s: is there, and kind is not %s", kind, kind)
	}
}

func (c *checker) orderHTTP(h *OrderHTTP) {
	c.overTLS(&h.URL)
	c.word("method", &h.Method, []string{"POST", "PUT"})
	if h.APIKey.IsZero() != (h.APIKeyHeader == "") {
		c.add(h, "api_key and api_key_header go together")
	}
	if h.Body == "" {
		return
	}
	if _, err := h.Render(hostile()); err != nil {
		c.add(&h.Body, "body: %v", err)
	}
}

// overTLS checks an address to which secrets go: those of piket, and of a door.
func (c *checker) overTLS(address *string) {
	c.url("url", address)
	if u, err := url.Parse(*address); err == nil && u.Scheme == "http" && !trusted.Loopback(u.Hostname()) {
		c.add(address, "url: want https, because secrets go there")
	}
}

// vendor checks whom staff may ask for parts or people.
func (c *checker) vendor(v *Vendor) {
	c.line("title", &v.Title)
	c.line("contract", &v.Contract)
	c.mails(v.Email)
	c.telephone(&v.Telephone)
	c.word("language", &v.Language, Languages)
	for _, wait := range []*time.Duration{&v.Acknowledge, &v.Arrive} {
		if *wait < 0 {
			c.add(wait, "a time is not below zero, found %v", *wait)
		}
	}
}

// Vendor returns the vendor of that name.
func (inv *Inventory) Vendor(name string) (Vendor, bool) {
	for _, v := range inv.Vendors {
		if v.Name == name {
			v.Acknowledge, v.Arrive = cmp.Or(v.Acknowledge, DefaultVendorAcknowledge), cmp.Or(v.Arrive, DefaultVendorArrive)
			return v, true
		}
	}
	return Vendor{}, false
}
