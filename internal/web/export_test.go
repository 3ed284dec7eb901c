package web

import "github.com/spinware/piket/internal/inventory"

// Listed is a line of the table of routes, for the test that knocks on every
// door.
type Listed struct {
	Pattern string
	Open    bool // no sign-in
	Sender  bool
	Admits  func(inventory.Person) bool
}

// AllRoutes is the table.
func AllRoutes() []Listed {
	list := make([]Listed, 0, len(routes))
	for _, rt := range routes {
		list = append(list, Listed{rt.pattern, rt.who == anyone || rt.who == visitors, rt.who == sender, rt.who.admits})
	}
	return list
}

// GoThrough has /blocked go through so many incidents at the most.
func (s *Server) GoThrough(most int) { s.mostBlocked = most }
