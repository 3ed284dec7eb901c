package web

import "net/http"

// telephone hands a request of the telephone's provider to who knows its
// signature.
func (a *app) telephone(w http.ResponseWriter, r *http.Request) {
	if a.Telephone == nil {
		http.NotFound(w, r)
		return
	}
	a.Telephone.ServeHTTP(w, r)
}
