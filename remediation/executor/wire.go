package executor

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/probes"
)

// What goes over the socket. An order carries no address, no key and no server
// but by name. Once the executor has its session open it asks whether the order
// still holds, and the daemon answers in the same request.
type (
	orderMessage struct {
		Intent  incident.Intended `json:"intent"`
		Timeout time.Duration     `json:"timeout"` // nanoseconds
	}
	leaveMessage struct {
		Go  bool   `json:"go"`
		Why string `json:"why,omitempty"` // not, if not
	}
	replyMessage struct {
		Ask     bool             `json:"ask,omitempty"` // for a leaveMessage; the result is still to come
		Outcome incident.Outcome `json:"outcome,omitempty"`
		Detail  string           `json:"detail,omitempty"`
	}
	standingMessage struct {
		Trouble string `json:"trouble"` // why no order is carried out, "" when they are
	}
	lookMessage struct {
		How     string        `json:"how"`
		Server  string        `json:"server"`
		Timeout time.Duration `json:"timeout"`
	}
	sightMessage struct {
		State    probes.State   `json:"state"`
		Reason   string         `json:"reason"`
		Facts    map[string]any `json:"facts,omitempty"`
		Latency  time.Duration  `json:"latency"`
		Expiry   probes.Expiry  `json:"expiry"`
		Evidence []string       `json:"evidence,omitempty"`
	}
)

const (
	orderPath    = "/v2/order" // 1 knew no question
	lookPath     = "/v1/look"
	standingPath = "/v1/standing"

	maxRequestBytes = 64 << 10
	maxReplyBytes   = 1 << 20
)

// values reads one value after the other, and nothing that it does not know.
func values(r io.Reader) *json.Decoder {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	return d
}

// decode reads exactly one value.
func decode(r io.Reader, into any) error {
	d := values(r)
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the end")
	}
	return nil
}

// facts turns the numbers of JSON back into what a prober gives: whole ones are
// int, as runbooks' conditions expect.
func facts(how string, m map[string]any) map[string]any {
	kind := "bmc"
	if how == Boot {
		kind = "boot"
	}
	for name, v := range m {
		if f, ok := v.(float64); ok && probes.Facts[kind][name] == "int" {
			m[name] = int(f)
		}
	}
	return m
}
