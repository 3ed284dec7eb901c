package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/spinware/piket/internal/desk"
	"github.com/spinware/piket/internal/identity"
	"github.com/spinware/piket/internal/incident"
	"github.com/spinware/piket/internal/inventory"
	"github.com/spinware/piket/internal/photo"
	"github.com/spinware/piket/remediation/technician"
)

// technicianView is the page of whoever is sent to a site, behind a link, on a
// telephone. A GET of it changes nothing.
type technicianView struct {
	W          map[string]string
	Language   string
	Path       string // that its forms go to
	Number     string
	Order      *incident.Order
	Site       inventory.Site
	Room       string
	Server     inventory.Server
	Code       string // the door's, "" before they have accepted
	HasCode    bool
	CallBack   string
	Reference  string
	Limit      string
	Lines      []tickLine
	Over       bool
	HandsIn    bool
	Wait       bool // a power command for the rack may be under way
	MayAccept  bool
	MayArrive  bool
	MayReachIn bool
	Wrong      string // why what was sent was not taken in
}

type tickLine struct {
	N    int
	What string
	Done bool
}

// visitor is who has come by a technician's link.
type visitor struct {
	incident *incident.Incident
	order    *incident.Order
	server   inventory.Server
	site     inventory.Site
}

// sentOut finds out whose order a link is for.
func (a *app) sentOut(w http.ResponseWriter, r *http.Request) (v visitor, ok bool) {
	l, inc, ok := a.linked(w, r, technician.Page)
	if !ok {
		return v, false
	}
	v = visitor{incident: inc, order: inc.OrderOf(inc.ID + "/" + l.Party)}
	if v.order == nil || v.order.Link != l.Path() { // another took its place
		a.render(w, http.StatusNotFound, "no-link.html", nil)
		return v, false
	}
	inv := a.Inventory()
	v.site, _ = inv.Site(inc.Site)
	if inc.Subject.Kind == "server" {
		v.server, _ = inv.Server(inc.Subject.Name)
	}
	return v, true
}

func (v visitor) says() desk.OnSite {
	return desk.OnSite{Incident: v.incident, Order: v.order.Order}
}

func (a *app) technicianPage(w http.ResponseWriter, r *http.Request) {
	if v, ok := a.sentOut(w, r); ok {
		a.render(w, http.StatusOK, "technician.html", a.technicianView(r, v, ""))
	}
}

func (a *app) technicianView(r *http.Request, v visitor, wrong string) technicianView {
	o := v.order
	view := technicianView{
		W: technicianWords[o.Language], Language: o.Language, Path: r.URL.EscapedPath(), Number: v.incident.ID, Order: o, Site: v.site, Server: v.server,
		Over: !o.Open(), HandsIn: !o.HandsIn.IsZero(), Wrong: wrong,
		MayAccept: incident.OrderMay(o.State, incident.OrderAcknowledged), MayArrive: incident.OrderMay(o.State, incident.OrderOnSite),
		MayReachIn: o.InRack() || incident.OrderMay(o.State, incident.OrderOnSite),
	}
	if view.W == nil {
		view.W, view.Language = technicianWords[inventory.DefaultLanguage], inventory.DefaultLanguage
	}
	for _, rack := range v.site.Racks {
		if rack.Name == v.server.Rack {
			view.Room = rack.Room
		}
	}
	for n, what := range o.Checklist {
		view.Lines = append(view.Lines, tickLine{n, what, slices.Contains(o.Ticks, n)})
	}
	if o.Limit > 0 {
		view.Limit = o.Money(max(o.Limit, o.Cost))
	}
	if h := v.site.RemoteHands; h != nil && o.For != incident.ToVendor {
		view.CallBack, view.Reference, view.HasCode = h.CallBack, h.Reference, !h.AccessCode.IsZero()
		if !v.incident.IsDrill() { // nobody goes there
			view.Code = a.accessCode(h, o)
		}
	}
	view.Wait = view.HandsIn && a.powerUnderWay(r.Context(), v)
	return view
}

// accessCode is shown to who has accepted, and to nobody once the order is over. It
// is read when it is shown, and kept nowhere.
func (a *app) accessCode(h *inventory.RemoteHands, o *incident.Order) string {
	if h.AccessCode.IsZero() || !o.AtWork() {
		return ""
	}
	code, err := h.AccessCode.Read()
	if err != nil {
		a.Log.Error("the access code of a site cannot be read", "order", o.Order, "err", err)
		return "?"
	}
	return code.Reveal()
}

// powerUnderWay reports whether a power command for a server of the rack was planned
// before hands went in and has not been answered for: they are told to wait.
func (a *app) powerUnderWay(ctx context.Context, v visitor) bool {
	touches, err := a.Store.Touches(ctx, a.Clock.Now().Add(-time.Hour))
	if err != nil {
		return true // nobody knows
	}
	inv := a.Inventory()
	return slices.ContainsFunc(touches, func(t *incident.Touch) bool {
		s, _ := inv.Server(t.Server)
		near := t.Server == v.server.Name || s.Rack != "" && s.Rack == v.server.Rack || v.server.Name == "" && s.Site == v.site.Name
		return near && t.Live() && t.Action.Action == "power" && t.Outcome == ""
	})
}

// technicianSays takes what they report. The link proves an order, not a person: it
// approves nothing, closes nothing and touches no machine.
func (a *app) technicianSays(w http.ResponseWriter, r *http.Request) {
	v, ok := a.sentOut(w, r)
	if !ok {
		return
	}
	var err error
	switch f := r.PostFormValue; f("act") {
	case "photo":
		err = a.takePhoto(r, v)
	case "identity":
		err = a.claim(r.Context(), v, f("new"))
	default:
		err = a.hear(r.Context(), v, func(s desk.OnSite) ([]incident.Payload, error) { return technicianDeed(s, r) })
	}
	switch {
	case err == nil:
		http.Redirect(w, r, r.URL.EscapedPath(), http.StatusSeeOther)
	case errors.Is(err, photo.ErrRefused), errors.Is(err, desk.ErrIncomplete), errors.Is(err, desk.ErrNotNow), errors.Is(err, desk.ErrEnough), errors.Is(err, desk.ErrRole):
		if inc, err := a.Store.Load(r.Context(), v.incident.ID); err == nil && inc.OrderOf(v.order.Order) != nil { // as it stands by now
			v.incident, v.order = inc, inc.OrderOf(v.order.Order)
		}
		a.render(w, http.StatusUnprocessableEntity, "technician.html", a.technicianView(r, v, err.Error()))
	default:
		a.fail(w, r, err)
	}
}

// technicianDeed judges the buttons of the page.
func technicianDeed(s desk.OnSite, r *http.Request) ([]incident.Payload, error) {
	f := r.PostFormValue
	switch act := f("act"); act {
	case "hands_in", "hands_out":
		return s.Hands(act == "hands_in")
	case "ticks":
		var done []int
		for _, text := range r.PostForm["line"] {
			if n, err := strconv.Atoi(text); err == nil {
				done = append(done, n)
			}
		}
		return s.Tick(done)
	case "finding":
		return s.Find(f("words"))
	case "part":
		return s.Replace(f("part"), f("old"), f("new"))
	default:
		return s.Report(act, f("words"))
	}
}

// hear writes down what somebody on site says, under the order's number.
func (a *app) hear(ctx context.Context, v visitor, judge func(desk.OnSite) ([]incident.Payload, error)) error {
	return a.append(ctx, v.incident.ID, "technician:"+v.order.Order, func(m moment) ([]incident.Payload, error) {
		return judge(desk.OnSite{Incident: m.incident, Order: v.order.Order})
	})
}

// takePhoto makes the picture harmless before it is stored anywhere.
func (a *app) takePhoto(r *http.Request, v visitor) error {
	if err := v.says().MorePhotos(); err != nil {
		return err
	}
	file, _, err := r.FormFile("photo")
	if err != nil {
		return fmt.Errorf("%w: there is none, or it is too large", photo.ErrRefused)
	}
	defer file.Close()
	upload, err := io.ReadAll(io.LimitReader(file, photo.MaxUpload+1))
	if err != nil {
		return err
	}
	clean, err := photo.Clean(upload)
	if err != nil {
		return err
	}
	hash, err := a.Store.KeepFile(r.Context(), v.incident.ID, clean.JPEG)
	if err != nil {
		return err
	}
	taken := incident.PhotoTaken{Hash: hash, Bytes: len(clean.JPEG), Width: clean.Width, Height: clean.Height, Words: r.PostFormValue("words")}
	return a.hear(r.Context(), v, func(s desk.OnSite) ([]incident.Payload, error) { return s.Photo(taken) })
}

// claim writes down that the machine was replaced, on its own record first: from
// then on its power is left alone, on every incident, whatever becomes of this one.
func (a *app) claim(ctx context.Context, v visitor, number string) error {
	if v.server.Name == "" {
		return fmt.Errorf("work order: %w: it is about no server", desk.ErrNotNow)
	}
	said, err := v.says().Claim(v.server.Name, number)
	if err != nil {
		return err
	}
	c := said[0].(incident.IdentityClaimed)
	err = a.onIdentity(ctx, v.server.Name, "technician:"+v.order.Order, func(m moment) ([]incident.Payload, error) {
		return desk.ClaimIdentity(m.incident, c)
	})
	if err != nil {
		return err
	}
	return a.hear(ctx, v, func(s desk.OnSite) ([]incident.Payload, error) {
		return s.Replace("server or main board", v.server.Serial, c.Serial)
	})
}

// onIdentity judges on the record of which machine a server is, which it opens when
// there is none yet.
func (a *app) onIdentity(ctx context.Context, server, actor string, judge func(moment) ([]incident.Payload, error)) error {
	return a.onRecord(ctx, identity.Record(server), identity.Opening(server), actor, judge)
}

// technicianPhoto shows a photograph to who has the link to its order.
func (a *app) technicianPhoto(w http.ResponseWriter, r *http.Request) {
	v, ok := a.sentOut(w, r)
	if !ok {
		return
	}
	hash := r.PathValue("hash")
	if !slices.ContainsFunc(v.order.Photos, func(p incident.PhotoTaken) bool { return p.Hash == hash }) {
		a.render(w, http.StatusNotFound, "no-link.html", nil)
		return
	}
	a.showPhoto(w, r, hash)
}

// incidentPhoto shows a photograph of an incident to staff.
func (a *app) incidentPhoto(w http.ResponseWriter, r *http.Request) {
	inc, err := a.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	hash := r.PathValue("hash")
	if _, ok := inc.Photo(hash); !ok {
		a.fail(w, r, complaint{http.StatusNotFound, "there is no such photograph", "look at the incident again"})
		return
	}
	a.showPhoto(w, r, hash)
}

// showPhoto sends a picture that piket has drawn itself. A browser takes it for
// nothing else.
func (a *app) showPhoto(w http.ResponseWriter, r *http.Request, hash string) {
	content, err := a.Store.File(r.Context(), hash)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(content) // a broken connection is the reader's own news
}
