package web

import (
	"context"
	"net/http"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/push"
)

// meView is a person's own page: what they may do, and which browsers of theirs
// hear of pages.
type meView struct {
	frame
	Teams     []string
	Devices   []incident.Subscribed
	PublicKey string // by which a browser subscribes, "" when piket sends no pushes
}

func (a *app) mePage(w http.ResponseWriter, r *http.Request) {
	person := personOf(r)
	view := meView{frame: a.frame(r, "You", person)}
	for _, t := range a.Inventory().Teams {
		for _, name := range t.Members {
			if name == person.Name {
				view.Teams = append(view.Teams, t.Name)
			}
		}
	}
	if a.Push != nil {
		record, err := a.Push.Load(r.Context(), person.Name)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if record != nil {
			view.Devices = record.Devices
		}
		if sender := a.Push.Sender(); len(sender.Config.Services) > 0 && reporter.admits(person) {
			view.PublicKey = sender.Key.Public()
		}
	}
	a.render(w, http.StatusOK, "me.html", view)
}

// onDevices carries out what a person says of their browsers, on their own
// record, which the first of them opens.
func (a *app) onDevices(ctx context.Context, by inventory.Person, judge func(*incident.Incident) ([]incident.Payload, error)) error {
	if a.Push == nil {
		return complaint{http.StatusNotFound, "this piket sends no pushes", "mail reaches you all the same"}
	}
	judged := func(m moment) ([]incident.Payload, error) { return judge(m.incident) }
	if err := a.onRecord(ctx, push.Record(by.Name), push.Opening(by.Name), incident.Person(by.Name), judged); err != nil {
		return err
	}
	return a.Push.Refresh(ctx)
}

// subscribing is what a browser says of itself.
type subscribing struct {
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	Key      string `json:"key"`
	Auth     string `json:"auth"`
}

func (a *app) subscribe(w http.ResponseWriter, r *http.Request) {
	var s subscribing
	err := readJSON(r, &s)
	if err == nil {
		err = a.onDevices(r.Context(), personOf(r), func(record *incident.Incident) ([]incident.Payload, error) {
			device := incident.Subscribed{Name: s.Name, Endpoint: s.Endpoint, Key: s.Key, Auth: s.Auth}
			if err := a.Push.Sender().Config.Check(device); err != nil {
				return nil, complaint{http.StatusUnprocessableEntity, err.Error(), "push.services in the configuration lists who may be called"}
			}
			return desk.Subscribe(record, personOf(r), device)
		})
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]bool{"subscribed": true})
}

func (a *app) unsubscribe(w http.ResponseWriter, r *http.Request) {
	device := r.PostFormValue("device")
	err := a.onDevices(r.Context(), personOf(r), func(record *incident.Incident) ([]incident.Payload, error) {
		return desk.Unsubscribe(record, device, personOf(r).Name+" took it back")
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/me", http.StatusSeeOther)
}
