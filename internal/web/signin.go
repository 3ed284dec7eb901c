package web

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/spinware/piket/internal/inventory"
)

// signInView is the page that asks who you are.
type signInView struct {
	frame
	Next    string
	Name    string
	Refused string
}

func (a *app) signInPage(w http.ResponseWriter, r *http.Request) {
	person, _ := a.whoAsks(r)
	a.render(w, http.StatusOK, "signin.html", signInView{frame: a.frame(r, "Sign in", person), Next: localPath(r.FormValue("next"))})
}

// signIn judges name and password. The answer and the work are the same for a
// name that does not exist.
func (a *app) signIn(w http.ResponseWriter, r *http.Request) {
	name, next := r.PostFormValue("name"), localPath(r.PostFormValue("next"))
	refuse := func(status int, why string) {
		view := signInView{frame: a.frame(r, "Sign in", inventory.Person{}), Next: next, Name: name, Refused: why}
		a.render(w, status, "signin.html", view)
	}
	if wait := a.attempts.begin(a.address(r), name, a.Clock.Now()); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())+1))
		refuse(http.StatusTooManyRequests, fmt.Sprintf("Too many wrong passwords. Try again in %s.", wait.Round(time.Second)))
		return
	}
	if !a.passwordFits(name, r.PostFormValue("password")) {
		a.Log.Warn("sign-in refused", "address", a.address(r))
		refuse(http.StatusUnauthorized, "Name and password do not belong together.")
		return
	}
	a.attempts.forgive(a.address(r), name)
	a.setSession(w, r, name)
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// strangersHash is compared for a name that does not exist, so that the time
// it takes says nothing.
var strangersHash = sync.OnceValue(func() []byte {
	hash, err := bcrypt.GenerateFromPassword([]byte("nobody"), bcrypt.DefaultCost)
	if err != nil {
		panic("web: bcrypt takes a short password at its default cost: " + err.Error())
	}
	return hash
})

// judging bounds how many passwords are judged at once: bcrypt is slow on
// purpose, and alerts must get through meanwhile.
var judging = make(chan struct{}, 2)

func (a *app) passwordFits(name, password string) bool {
	hash, known := strangersHash(), false
	if person, ok := a.Inventory().Person(name); ok && !person.Password.IsZero() {
		value, err := person.Password.Read()
		if err != nil {
			a.Log.Warn("cannot read a person's password hash", "person", name, "err", err)
		} else {
			hash, known = []byte(strings.TrimSpace(value.Reveal())), true
		}
	}
	judging <- struct{}{}
	defer func() { <-judging }()
	return bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil && known
}

func (a *app) setSession(w http.ResponseWriter, r *http.Request, name string) {
	ttl := a.Config().sessionTTL()
	http.SetCookie(w, a.cookie(r, a.sessions.begin(name, a.Clock.Now(), ttl), int(ttl.Seconds())))
}

func (a *app) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.HasPrefix(a.Config().ExternalURL, "https:"),
	}
}

func (a *app) signOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil {
		a.sessions.end(cookie.Value)
	}
	http.SetCookie(w, a.cookie(r, "", -1))
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

// become lets a visitor of the demo look through another person's eyes. There
// is no such thing outside it.
func (a *app) become(w http.ResponseWriter, r *http.Request) {
	name := r.PostFormValue("name")
	if _, ok := a.Inventory().Person(name); a.SignInAs == "" || !ok {
		a.complain(w, r, complaint{http.StatusNotFound, "nobody can be become here", "sign in as yourself"})
		return
	}
	a.setSession(w, r, name)
	http.Redirect(w, r, localPath(r.PostFormValue("next")), http.StatusSeeOther)
}

// localPath keeps a path on this site and turns everything else into the
// board: //example.net and /\example.net are other sites to a browser.
func localPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
