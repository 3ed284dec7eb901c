package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
)

// equinixWay orders Smart Hands, as Equinix' own description of its interface says
// (Smart Hands API v1, Orders API v2). There is no order that restarts a server and
// none that may be sent twice: it is an order of the kind "other" with the words of
// ours, and after a time-out a person looks.
type equinixWay struct{ inventory.EquinixSite }

const (
	equinixPoll     = 2 * time.Minute
	maxScopeRunes   = 4000
	maxReference    = 50
	equinixExpedite = "EXPEDITED" // costs more, and needs the time by which it must be done
	equinixStandard = "STANDARD"  // a day or more
)

func (w equinixWay) again() bool         { return false }
func (w equinixWay) poll() time.Duration { return equinixPoll }

// smartHands is the body of an order.
type smartHands struct {
	Reference string            `json:"customerReferenceNumber"`
	Purchase  map[string]string `json:"purchaseOrder"`
	Location  struct {
		IBX   string        `json:"ibx"`
		Cages []equinixCage `json:"cages"`
	} `json:"ibxLocation"`
	Contacts []map[string]string `json:"contacts"`
	Schedule map[string]string   `json:"schedule"`
	Service  map[string]string   `json:"serviceDetails"`
}

type equinixCage struct {
	Cage    string `json:"cage"`
	Account string `json:"accountNumber"`
}

func (w equinixWay) body(j job) ([]byte, error) {
	b := smartHands{Reference: clip(j.order.Order, maxReference), Purchase: map[string]string{"purchaseOrderType": "EXEMPTED"}}
	b.Location.IBX, b.Location.Cages = w.IBX, []equinixCage{{w.Cage, w.Account}}
	technical := map[string]string{"contactType": "TECHNICAL", "userName": w.User}
	if j.hands.CallBack != "" {
		technical = map[string]string{"contactType": "TECHNICAL", "name": "On-call", "workPhone": j.hands.CallBack, "workPhonePrefToCall": "ANYTIME"}
	}
	b.Contacts = []map[string]string{{"contactType": "ORDERING", "userName": w.User}, {"contactType": "NOTIFICATION", "userName": w.User}, technical}
	b.Schedule = map[string]string{"scheduleType": equinixStandard}
	if w.Expedited {
		b.Schedule = map[string]string{"scheduleType": equinixExpedite, "requestedCompletionDate": j.order.ArriveBy.UTC().Format(time.RFC3339)}
	}
	b.Service = map[string]string{"scopeOfWork": clip(j.fields.Text, maxScopeRunes)}
	return json.Marshal(b)
}

func clip(text string, runes int) string {
	r := []rune(text)
	return string(r[:min(len(r), runes)])
}

func (w equinixWay) send(ctx context.Context, j job) (answer, error) {
	header, err := w.signIn(ctx)
	if err != nil {
		return answer{}, err // nothing of the order has been sent
	}
	body, err := w.body(j)
	if err != nil {
		return answer{}, refusal{why: err.Error()}
	}
	status, said, err := ask(ctx, http.MethodPost, w.base()+"/v1/orders/smarthands/other", w.CAFile, header, body)
	if err != nil {
		return answer{}, err
	}
	if err := weigh(status); err != nil {
		return answer{}, withReason(err, at(said, "errors.0.message"))
	}
	number := at(said, "orderNumber")
	if number == "" {
		return answer{}, fmt.Errorf("answered %d without the number of an order", status)
	}
	return answer{number, "ordered from Equinix"}, nil
}

// withReason keeps what kind of answer it was, and adds why.
func withReason(err error, why string) error {
	if no, ok := err.(refusal); ok && why != "" {
		no.why += ": " + why
		return no
	}
	return err
}

func (w equinixWay) base() string {
	return strings.TrimSuffix(cmp.Or(w.URL, inventory.DefaultEquinixURL), "/")
}

// signIn gets a token for one request. After five wrong tries Equinix locks the
// account, so that a refused one is not tried again by itself.
func (w equinixWay) signIn(ctx context.Context) (http.Header, error) {
	secret, err := w.ClientSecret.Read()
	if err != nil {
		return nil, refusal{"client_secret cannot be read: " + err.Error(), true}
	}
	body, err := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": w.ClientID, "client_secret": secret.Reveal()})
	if err != nil {
		return nil, refusal{why: err.Error()}
	}
	status, said, err := ask(ctx, http.MethodPost, w.base()+"/oauth2/v1/token", w.CAFile, http.Header{"Content-Type": {"application/json"}}, body)
	token := at(said, "access_token")
	switch {
	case err != nil:
		return nil, refusal{"signing in: " + err.Error(), true}
	case status/100 == 5:
		return nil, refusal{fmt.Sprintf("signing in: answered %d", status), true}
	case status/100 != 2 || token == "":
		return nil, refusal{why: fmt.Sprintf("signing in: answered %d; after five wrong tries the account is locked, so it is not tried again", status)}
	}
	return http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}, nil
}

// equinixStates says what an order's status means here. Somebody may be at the rack
// while it is in progress, so that no power is cut there.
var equinixStates = map[string]string{
	"RECEIVED": incident.OrderAcknowledged, "IN_PROGRESS": incident.OrderOnSite, "ON_HOLD": incident.OrderAcknowledged,
	"CLOSED": incident.OrderDone, "CANCELLED": incident.OrderCancelled,
}

func (w equinixWay) state(ctx context.Context, j job) (state, words string, err error) {
	header, err := w.signIn(ctx)
	if err != nil {
		return "", "", err
	}
	status, said, err := ask(ctx, http.MethodGet, w.base()+"/colocations/v2/orders/"+url.PathEscape(j.order.Reference), w.CAFile, header, nil)
	if err != nil {
		return "", "", err
	}
	if err := weigh(status); err != nil {
		return "", "", err
	}
	is := at(said, "status")
	return equinixStates[is], "Equinix says " + is, nil
}
