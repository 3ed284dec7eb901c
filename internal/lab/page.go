package lab

import (
	"embed"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

//go:embed page/*
var pageFiles embed.FS

var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"clock":   func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
	"class":   func(c Condition) string { return conditionClass[c] },
	"besides": besides,
}).ParseFS(pageFiles, "page/*.html"))

// conditionClass is the colour in which a condition is shown.
var conditionClass = map[Condition]string{
	IsRunning: "good", IsBooting: "busy", IsCrashed: "bad", IsHung: "bad", IsOff: "bad", IsDead: "bad",
}

// shownWire is how much of the wire log the page shows.
const shownWire = 20

// menuEntry is one fault to choose on the page.
type menuEntry struct{ Name, Sentence string }

// Handler serves the lab's page, its mail and its JSON API below /lab/. It
// stays below that path, so that it can stand beside piket's own pages.
func (d *Datacenter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /lab/{$}", d.showWorld)
	mux.HandleFunc("GET /lab/mail", d.showMails)
	mux.HandleFunc("GET /lab/mail/{id}", d.showMail)
	mux.HandleFunc("GET /lab/{file}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, assets, r.PathValue("file"))
	})
	mux.HandleFunc("POST /lab/{kind}/{name}/{do}", d.submit)
	mux.HandleFunc("GET /lab/api/state", d.sendState)
	mux.HandleFunc("POST /lab/api/{kind}/{name}/{do}", d.change)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (d *Datacenter) showWorld(w http.ResponseWriter, _ *http.Request) {
	wire := d.WireLog()
	slices.Reverse(wire)
	render(w, "world.html", map[string]any{
		"Now": d.clock.Now(), "Sites": d.Sites(), "Servers": d.Servers(),
		"Blind": !d.sees(), "Faults": menu(Faults), "SiteFaults": menu(SiteFaults),
		"Wire": wire[:min(shownWire, len(wire))], "PowerSends": d.PowerSends(), "MailCount": len(d.Mails()),
	})
}

func (d *Datacenter) showMails(w http.ResponseWriter, _ *http.Request) {
	mails := d.Mails()
	slices.Reverse(mails)
	render(w, "mails.html", mails)
}

func (d *Datacenter) showMail(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	mails := d.Mails()
	at := slices.IndexFunc(mails, func(m Mail) bool { return m.ID == id })
	if err != nil || at < 0 {
		http.Error(w, "there is no mail "+strconv.Quote(r.PathValue("id")), http.StatusNotFound)
		return
	}
	render(w, "mail.html", mails[at])
}

// submit is the page's buttons.
func (d *Datacenter) submit(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAPIBytes)
	name := r.PathValue("name")
	if err := d.apply(r.PathValue("kind"), name, r.PathValue("do"), r.PostFormValue("fault")); err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	http.Redirect(w, r, "/lab/#"+name, http.StatusSeeOther)
}

// besides returns what is wrong with a server beside the condition it is in.
func besides(s Status) []Fault {
	return slices.DeleteFunc(slices.Clone(s.Faults), func(f Fault) bool { return f == conditionFaults[s.Condition] })
}

func render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = pages.ExecuteTemplate(w, name, data) // the client is gone: nobody to tell
}

// menu lists faults for people, in the order of their names.
func menu[F ~string](faults map[F]string) []menuEntry {
	var out []menuEntry
	for _, f := range slices.Sorted(maps.Keys(faults)) {
		out = append(out, menuEntry{string(f), faults[f]})
	}
	return out
}
