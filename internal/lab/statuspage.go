package lab

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"time"
)

// serveStatusPage starts the provider's page, in the format of Statuspage
// (API v2). It stands elsewhere, so it answers also when the site is cut off.
func (d *Datacenter) serveStatusPage(s *site) error {
	l, err := d.listen(d.sees)
	if err != nil {
		return fmt.Errorf("listen for the status page of %s: %w", s.Provider, err)
	}
	s.pageAddress = fmt.Sprintf("http://127.0.0.1:%d", port(l.Addr()))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v2/summary.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(d.summary(s)) // the client is gone: nobody to tell
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_ = statusTemplate.Execute(w, d.summary(s)) // the client is gone: nobody to tell
	})
	d.serveHTTP(l, mux)
	return nil
}

// summary is the answer of /api/v2/summary.json.
type summary struct {
	Page struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		URL       string `json:"url"`
		TimeZone  string `json:"time_zone"`
		UpdatedAt string `json:"updated_at"`
	} `json:"page"`
	Status struct {
		Indicator   string `json:"indicator"`
		Description string `json:"description"`
	} `json:"status"`
	Components   []component        `json:"components"`
	Incidents    []providerIncident `json:"incidents"`
	Maintenances []providerIncident `json:"scheduled_maintenances"`
}

type component struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

type providerIncident struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Status     string           `json:"status"`
	Impact     string           `json:"impact"`
	Shortlink  string           `json:"shortlink"`
	StartedAt  string           `json:"started_at"`
	CreatedAt  string           `json:"created_at"`
	UpdatedAt  string           `json:"updated_at"`
	Updates    []incidentUpdate `json:"incident_updates"`
	Components []component      `json:"components"`
}

type incidentUpdate struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Body      string `json:"body"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

// summary returns what the provider of s announces now.
func (d *Datacenter) summary(s *site) summary {
	d.mu.Lock()
	defer d.mu.Unlock()
	site := component{ID: "site-" + s.Name, Name: s.Title, Status: "operational"}
	support := component{ID: "portal-" + s.Name, Name: "Customer portal", Status: "operational"}
	out := summary{Incidents: []providerIncident{}, Maintenances: []providerIncident{}}
	out.Page.ID, out.Page.Name, out.Page.URL, out.Page.TimeZone = "page-"+s.Name, s.Provider, s.pageAddress, "Europe/Amsterdam"
	out.Page.UpdatedAt = d.clock.Now().Format(time.RFC3339)
	out.Status.Indicator, out.Status.Description = "none", "All Systems Operational"
	if s.faults[Announced] {
		site.Status = "major_outage"
		out.Status.Indicator, out.Status.Description = "critical", "Major System Outage"
		out.Incidents = append(out.Incidents, s.incident(site))
	}
	out.Components = []component{site, support}
	return out
}

// incident is the provider's announcement. The lock is held.
func (s *site) incident(hit component) providerIncident {
	at := s.announced.Format(time.RFC3339)
	id := fmt.Sprintf("%s-%d", s.Name, s.incidents)
	return providerIncident{
		ID: id, Name: "Network outage at " + s.Title, Status: "investigating", Impact: "critical",
		Shortlink: s.pageAddress + "/", StartedAt: at, CreatedAt: at, UpdatedAt: at, Components: []component{hit},
		Updates: []incidentUpdate{{
			ID: id + "-1", Status: "investigating", CreatedAt: at, UpdatedAt: at,
			Body: "We are investigating a loss of connectivity at " + s.Title + ".",
		}},
	}
}

// statusTemplate is the provider's page for people.
var statusTemplate = template.Must(template.New("status").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Page.Name}} status</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>
<h1>{{.Page.Name}}</h1><p><strong>{{.Status.Description}}</strong></p>
{{range .Incidents}}<h2>{{.Name}}</h2>{{range .Updates}}<p>{{.CreatedAt}} – {{.Body}}</p>{{end}}{{end}}
<ul>{{range .Components}}<li>{{.Name}}: {{.Status}}</li>{{end}}</ul>
`))
