package lab

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Bounds of a pretend controller, taken from real ones: an iDRAC grants about
// six sessions and ends them after half an hour of silence.
const (
	maxSessions     = 6
	sessionIdle     = 30 * time.Minute
	maxRedfishBytes = 64 << 10
)

// redfish is one server's management controller, as far as it speaks Redfish.
type redfish struct {
	lab    *Datacenter
	server *server
}

// session is one login at a controller.
type session struct {
	token string
	used  time.Time
}

// object is a JSON object.
type object map[string]any

// serveRedfish starts the controller of s on a port of its own.
func (d *Datacenter) serveRedfish(s *server) error {
	c := &redfish{lab: d, server: s}
	l, err := d.listen(func() bool { return d.bmcAnswers(s) })
	if err != nil {
		return fmt.Errorf("listen for the BMC of %s: %w", s.Name, err)
	}
	s.bmcPort = port(l.Addr())
	config := &tls.Config{GetCertificate: c.certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	d.serveHTTP(tls.NewListener(l, config), c.handler())
	return nil
}

func (c *redfish) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.lab.has(c.server, BMCBadCert) {
		return c.server.strangerCert, nil
	}
	return c.server.cert, nil
}

// handler lists every resource that the controller has.
func (c *redfish) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /redfish", c.open(c.versions))
	mux.HandleFunc("GET /redfish/v1", c.open(c.root))
	mux.HandleFunc("GET /redfish/v1/{$}", c.open(c.root))
	mux.HandleFunc("GET /redfish/v1/Systems", c.private(collection("/redfish/v1/Systems", "ComputerSystemCollection")))
	mux.HandleFunc("GET /redfish/v1/Systems/1", c.private(c.system))
	mux.HandleFunc("POST "+resetTarget, c.reset)
	mux.HandleFunc("GET /redfish/v1/Chassis", c.private(collection("/redfish/v1/Chassis", "ChassisCollection")))
	mux.HandleFunc("GET /redfish/v1/Chassis/1", c.private(c.chassis))
	mux.HandleFunc("GET /redfish/v1/Managers", c.private(collection("/redfish/v1/Managers", "ManagerCollection")))
	mux.HandleFunc("GET /redfish/v1/Managers/1", c.private(c.manager))
	c.serveHealth(mux)
	mux.HandleFunc("GET /redfish/v1/SessionService", c.private(c.sessionService))
	mux.HandleFunc("GET "+sessionsPath, c.private(c.sessions))
	mux.HandleFunc("POST "+sessionsPath, c.login)
	c.serveJobs(mux)
	c.serveBoot(mux)
	mux.HandleFunc("DELETE "+sessionsPath+"/{id}", c.logout)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		complain(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no resource at "+r.URL.Path)
	})
	return c.reachable(mux)
}

// reachable breaks off requests that come over a connection from before the
// controller went silent.
func (c *redfish) reachable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.lab.bmcAnswers(c.server) {
			panic(http.ErrAbortHandler)
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRedfishBytes)
		next.ServeHTTP(w, r)
	})
}

// open serves a resource to everybody.
func (c *redfish) open(resource func() object) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, resource()) }
}

// private serves a resource to who has logged in.
func (c *redfish) private(resource func() object) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !c.known(r) {
			refuse(w)
			return
		}
		reply(w, http.StatusOK, resource())
	}
}

// known reports whether the request carries a session or the password.
func (c *redfish) known(r *http.Request) bool {
	if token := r.Header.Get("X-Auth-Token"); token != "" {
		return c.lab.touchSession(c.server, token)
	}
	user, password, ok := r.BasicAuth()
	return ok && c.lab.login(c.server, user, password)
}

// login opens a session.
func (c *redfish) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ UserName, Password string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		complain(w, http.StatusBadRequest, "MalformedJSON", "the body is not JSON")
		return
	}
	if !c.lab.login(c.server, body.UserName, body.Password) {
		c.lab.note(c.server, "redfish", "login", "401 wrong name or password")
		refuse(w)
		return
	}
	id, token, err := c.lab.newSession(c.server)
	if err != nil {
		c.lab.note(c.server, "redfish", "login", "503 "+err.Error())
		complain(w, http.StatusServiceUnavailable, "SessionLimitExceeded", err.Error())
		return
	}
	c.lab.note(c.server, "redfish", "login", "201 session "+id)
	w.Header().Set("X-Auth-Token", token)
	w.Header().Set("Location", sessionsPath+"/"+id)
	reply(w, http.StatusCreated, object{"@odata.id": sessionsPath + "/" + id, "Id": id, "Name": "Session", "UserName": body.UserName})
}

func (c *redfish) logout(w http.ResponseWriter, r *http.Request) {
	if !c.known(r) {
		refuse(w)
		return
	}
	id := r.PathValue("id")
	if !c.lab.endSession(c.server, id) {
		complain(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no session "+id)
		return
	}
	c.lab.note(c.server, "redfish", "logout", "204 session "+id)
	w.WriteHeader(http.StatusNoContent)
}

// reset carries out a power command. Every one that arrives is on the wire log,
// also those that are refused.
func (c *redfish) reset(w http.ResponseWriter, r *http.Request) {
	var body struct{ ResetType string }
	err := json.NewDecoder(r.Body).Decode(&body)
	what := "reset " + body.ResetType
	switch {
	case !c.known(r):
		c.lab.refused(c.server, "redfish", what, "401 not logged in")
		refuse(w)
		return
	case err != nil || switches[body.ResetType] == nil:
		c.lab.refused(c.server, "redfish", what, "400 unknown reset type")
		complain(w, http.StatusBadRequest, "ActionParameterNotSupported", fmt.Sprintf("ResetType %q is not supported", body.ResetType))
		return
	}
	answered, err := c.lab.power(c.server, "redfish", what, body.ResetType)
	switch {
	case !answered:
		panic(http.ErrAbortHandler)
	case errors.Is(err, errPresentState):
		complain(w, http.StatusConflict, "ActionNotSupportedInPresentState", err.Error())
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="BMC"`)
	complain(w, http.StatusUnauthorized, "NoValidSession", "there is no valid session, and name and password do not fit")
}

// complain answers with an error in Redfish's form (DSP0266, 9.6).
func complain(w http.ResponseWriter, code int, id, text string) {
	info := []object{{"MessageId": "Base.1.18." + id, "Message": text, "Severity": "Critical"}}
	reply(w, code, object{"error": object{"code": "Base.1.18." + id, "message": text, "@Message.ExtendedInfo": info}})
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("OData-Version", "4.0")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody to tell
}

// login reports whether the controller of s knows this name and password.
func (d *Datacenter) login(s *server, user, password string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	good := subtle.ConstantTimeCompare([]byte(password), []byte(s.bmcPassword())) == 1
	return good && user == bmcUser
}

func (d *Datacenter) newSession(s *server) (id, token string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	for id, open := range s.sessions {
		if now.Sub(open.used) > sessionIdle {
			delete(s.sessions, id)
		}
	}
	if len(s.sessions) >= maxSessions {
		return "", "", errors.New("the maximum number of sessions is open")
	}
	id, token = rand.Text()[:8], rand.Text()
	s.sessions[id] = session{token: token, used: now}
	return id, token, nil
}

// touchSession reports whether token belongs to an open session of s, and
// keeps that session open.
func (d *Datacenter) touchSession(s *server, token string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	for id, open := range s.sessions {
		if subtle.ConstantTimeCompare([]byte(open.token), []byte(token)) == 1 && now.Sub(open.used) <= sessionIdle {
			s.sessions[id] = session{token: token, used: now}
			return true
		}
	}
	return false
}

func (d *Datacenter) endSession(s *server, id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := s.sessions[id]
	delete(s.sessions, id)
	return ok
}
